//! An access layer for HTTP servers.
//!
//! [`serve`] limits connections: their number, and the time for sending a request and reading its
//! response; it closes an idle connection when all are in use. [`protect`] limits requests: the
//! `Host` header, the rate of each client, and the size and duration of each request. A rejected
//! request is answered with a [`Problem`]. [`exposition`] chooses the format of metrics.

mod connections;
pub mod exposition;
mod host;
mod json;
mod problem;
mod rate;
mod request;
mod work;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;

pub use connections::serve;
pub use host::{HostCheck, check_host, host, is_localhost};
pub use json::Json;
pub use problem::{Problem, quoted};
pub use rate::{RateLimiter, limit_rate};
pub use request::{BODY_BYTES, limit_request, peer};
pub use work::Work;

/// Adds all limits of this crate to the routes, for servers whose requests are short.
pub fn protect<S: Clone + Send + Sync + 'static>(router: Router<S>, hosts: HostCheck) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn(limit_request))
        .layer(from_fn_with_state(hosts, check_host))
        .layer(from_fn_with_state(RateLimiter::default(), limit_rate))
}
