//! sFlow HTTP Structures: requests that a server answered.

use crate::structure;
use crate::types::Counter32;

structure! {
    /// Requests to a server, by method and by status.
    ///
    /// Source: sFlow HTTP Structures.
    pub struct HttpCounters: "http_counters" {
        method_option_count: Counter32 [requests],
        method_get_count: Counter32 [requests],
        method_head_count: Counter32 [requests],
        method_post_count: Counter32 [requests],
        method_put_count: Counter32 [requests],
        method_delete_count: Counter32 [requests],
        method_trace_count: Counter32 [requests],
        method_connect_count: Counter32 [requests],
        method_other_count: Counter32 [requests],
        status_1_xx_count as status_1XX_count: Counter32 [requests],
        status_2_xx_count as status_2XX_count: Counter32 [requests],
        status_3_xx_count as status_3XX_count: Counter32 [requests],
        status_4_xx_count as status_4XX_count: Counter32 [requests],
        status_5_xx_count as status_5XX_count: Counter32 [requests],
        status_other_count: Counter32 [requests],
    }
}
