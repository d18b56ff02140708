//! sFlow Memcache Structures.

use crate::enums::{MemcacheCmd, MemcacheProtocol, MemcacheStatus};
use crate::structure;
use crate::types::{Microseconds, Text};

structure! {
    /// One operation of memcached.
    ///
    /// Source: sFlow Memcache Structures.
    pub struct MemcacheOperation<'a>: "memcache_operation" {
        protocol: MemcacheProtocol,
        cmd: MemcacheCmd,
        key: Text<'a>,
        /// Number of keys of the command, including `key`.
        nkeys: u32,
        value_bytes: u32 [bytes],
        us as uS: Microseconds [us],
        status: MemcacheStatus,
    }
}
