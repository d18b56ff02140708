//! sFlow Application Structures.

use crate::structure;
use crate::types::{Counter32, Gauge32, Gauge64, Text};

structure! {
    /// Resources of an application.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppResources: "app_resources" {
        user_time: Counter32 [ms],
        system_time: Counter32 [ms],
        mem_used: Gauge64 [bytes],
        mem_max: Gauge64 [bytes],
        fd_open: Gauge32,
        fd_max: Gauge32,
        conn_open: Gauge32,
        conn_max: Gauge32,
    }
}

structure! {
    /// Operations of a service, by status.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppOperations<'a>: "app_operations" {
        application: Text<'a>,
        success: Counter32 [operations],
        other: Counter32 [operations],
        timeout: Counter32 [operations],
        internal_error: Counter32 [operations],
        bad_request: Counter32 [operations],
        forbidden: Counter32 [operations],
        too_large: Counter32 [operations],
        not_implemented: Counter32 [operations],
        not_found: Counter32 [operations],
        unavailable: Counter32 [operations],
        unauthorized: Counter32 [operations],
    }
}

structure! {
    /// Workers of a service, and requests that waited for a worker.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppWorkers: "app_workers" {
        workers_active: Gauge32,
        workers_idle: Gauge32,
        workers_max: Gauge32,
        req_delayed: Counter32,
        req_dropped: Counter32,
    }
}
