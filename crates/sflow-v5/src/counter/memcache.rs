//! sFlow Memcache Structures.

use crate::structure;
use crate::types::{Counter32, Counter64, Gauge32, Gauge64};

structure! {
    /// Counters of memcached in an older layout, replaced by [`MemcacheCounters`].
    ///
    /// Source: discussion list of sFlow.org.
    pub struct MemcachedCounters: "memcached_counters" {
        uptime: Gauge32 [s],
        rusage_user: Counter32 [ms],
        rusage_system: Counter32 [ms],
        curr_connections: Gauge32,
        total_connections: Counter32,
        connection_structures: Gauge32,
        cmd_get: Counter32,
        cmd_set: Counter32,
        cmd_flush: Counter32,
        get_hits: Counter32,
        get_misses: Counter32,
        delete_misses: Counter32,
        delete_hits: Counter32,
        incr_misses: Counter32,
        incr_hits: Counter32,
        decr_misses: Counter32,
        decr_hits: Counter32,
        cas_misses: Counter32,
        cas_hits: Counter32,
        cas_badval: Counter32,
        auth_cmds: Counter32,
        auth_errors: Counter32,
        bytes_read: Counter64 [bytes],
        bytes_written: Counter64 [bytes],
        limit_maxbytes: Gauge32 [bytes],
        accepting_conns: Gauge32,
        listen_disabled_num: Counter32,
        threads: Gauge32,
        conn_yields: Counter32,
        bytes: Gauge64 [bytes],
        curr_items: Gauge32,
        total_items: Counter32,
        evictions: Counter32,
    }
}

structure! {
    /// Counters of memcached.
    ///
    /// Source: sFlow Memcache Structures.
    pub struct MemcacheCounters: "memcache_counters" {
        cmd_set: Counter32,
        cmd_touch: Counter32,
        cmd_flush: Counter32,
        get_hits: Counter32,
        get_misses: Counter32,
        delete_hits: Counter32,
        delete_misses: Counter32,
        incr_hits: Counter32,
        incr_misses: Counter32,
        decr_hits: Counter32,
        decr_misses: Counter32,
        cas_hits: Counter32,
        cas_misses: Counter32,
        cas_badval: Counter32,
        auth_cmds: Counter32,
        auth_errors: Counter32,
        threads: Gauge32,
        conn_yields: Counter32,
        listen_disabled_num: Counter32,
        curr_connections: Gauge32,
        rejected_connections: Counter32,
        total_connections: Counter32,
        connection_structures: Gauge32,
        evictions: Counter32,
        reclaimed: Counter32,
        curr_items: Gauge32,
        total_items: Counter32,
        bytes_read: Counter64 [bytes],
        bytes_written: Counter64 [bytes],
        bytes: Gauge64 [bytes],
        limit_maxbytes: Gauge64 [bytes],
    }
}
