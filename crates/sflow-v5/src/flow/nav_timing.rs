//! How long a page took in the browser.

use crate::structure;

structure! {
    /// Times of the events of loading a page in a browser (W3C Navigation Timing), in milliseconds,
    /// shifted so that the first is 1; 0 for events that did not happen.
    ///
    /// Source: structure registry.
    pub struct ExtendedNavTiming: "extended_nav_timing" {
        kind as type: u32,
        redirect_count as redirectCount: u32,
        navigation_start as navigationStart: u32 [ms],
        unload_event_start as unloadEventStart: u32 [ms],
        unload_event_end as unloadEventEnd: u32 [ms],
        redirect_start as redirectStart: u32 [ms],
        redirect_end as redirectEnd: u32 [ms],
        fetch_start as fetchStart: u32 [ms],
        domain_lookup_start as domainLookupStart: u32 [ms],
        domain_lookup_end as domainLookupEnd: u32 [ms],
        connect_start as connectStart: u32 [ms],
        connect_end as connectEnd: u32 [ms],
        secure_connection_start as secureConnectionStart: u32 [ms],
        request_start as requestStart: u32 [ms],
        response_start as responseStart: u32 [ms],
        response_end as responseEnd: u32 [ms],
        dom_loading as domLoading: u32 [ms],
        dom_interactive as domInteractive: u32 [ms],
        dom_content_loaded_event_start as domContentLoadedEventStart: u32 [ms],
        dom_content_loaded_event_end as domContentLoadedEventEnd: u32 [ms],
        dom_complete as domComplete: u32 [ms],
        load_event_start as loadEventStart: u32 [ms],
        load_event_end as loadEventEnd: u32 [ms],
    }
}
