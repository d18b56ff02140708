//! An access layer for HTTP servers, which limits clients that send too much, or too slowly.
//!
//! * Connections ([`serve`]): their number, in total and per client; the time for sending a request
//!   and for reading its response.
//! * Clients ([`limit_clients`]): the `Host` header, and the rate of requests. A request is charged
//!   after its response for the time that it took, so that costly ones count as several.
//! * Requests ([`limit_requests`]): the size of the body, and the time until the response begins.
//! * Long work ([`Work`]): two jobs at a time.
//! * Browsers ([`restrict_browsers`]): what they load, embed and store.
//!
//! A rejected request is answered with a [`Problem`]: 429 above the rate and 503 while the server is
//! busy, both with `Retry-After`. [`preferred`] chooses the media type of a response,
//! [`exposition`] the format of metrics.
//!
//! tower limits requests and not connections, and rate limiters such as governor charge a request
//! before its cost is known. Both limits are therefore implemented here.

mod accept;
mod address;
mod browser;
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
use axum::middleware::{from_fn, from_fn_with_state};

pub use accept::{preference, preferred};
pub use address::listen_address;
pub use connections::{serve, serve_in_thread};
pub use host::{HostCheck, host, is_localhost};
pub use json::Json;
pub use problem::{Problem, quoted};
pub use rate::RateLimiter;
pub use request::peer;
pub use work::Work;

/// Limits the size of bodies to 1 MiB, and the time until a response begins to ten seconds.
pub fn limit_requests<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(request::BODY_BYTES))
        .layer(from_fn(request::limit_request))
}

/// Restricts browsers to the style and script of this server: they load nothing from other servers,
/// embed a page nowhere, send no referrer, and store nothing.
pub fn restrict_browsers<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(from_fn(browser::restrict))
}

/// Rejects requests with a foreign `Host` header.
pub fn check_hosts<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    hosts: HostCheck,
) -> Router<S> {
    router.layer(from_fn_with_state(hosts, host::check_host))
}

/// Rejects requests with a foreign `Host` header, and those above the rate of a client. Handlers can
/// extract a [`Work`] for long work.
pub fn limit_clients<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    hosts: HostCheck,
    limiter: RateLimiter,
) -> Router<S> {
    check_hosts(router, hosts).layer(from_fn_with_state(limiter, rate::limit_rate))
}

/// Adds [`limit_requests`] and [`limit_clients`], for a server without host names of its own.
pub fn protect<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    limit_clients(
        limit_requests(router),
        HostCheck::default(),
        RateLimiter::default(),
    )
}
