//! One access layer for HTTP servers.
//!
//! [`serve`] bounds connections: how many there are, how long a client may take to send a request
//! and to take its response, and which connection ends when all are taken. [`protect`] bounds
//! requests: the `Host` they name, how many each client may send, and the size and duration of
//! each. A refusal is a [`Problem`].

mod connections;
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

/// The routes with every limit of this crate, for servers of which all requests are short.
pub fn protect<S: Clone + Send + Sync + 'static>(router: Router<S>, hosts: HostCheck) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn(limit_request))
        .layer(from_fn_with_state(hosts, check_host))
        .layer(from_fn_with_state(RateLimiter::default(), limit_rate))
}
