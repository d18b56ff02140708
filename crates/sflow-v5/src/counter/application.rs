//! sFlow Application Structures.

use crate::{Counter32, Gauge32, Gauge64, structure};

structure! {
    /// What an application uses.
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
