//! The size and the duration of one request.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Extensions, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::Problem;

/// The largest body of a request, in bytes.
pub const BODY_BYTES: usize = 1024 * 1024;

/// The longest that a request may take until its response begins.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Refuses a body that is declared larger than [`BODY_BYTES`], and ends a request that takes
/// longer than ten seconds: one whose body arrives byte by byte.
pub async fn limit_request(request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > BODY_BYTES as u64 {
        return Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large.",
            "Send at most 1 MiB.",
        )
        .into_response();
    }
    match tokio::time::timeout(REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request took too long.",
            "Send all of it within ten seconds.",
        )
        .into_response(),
    }
}

/// The client's address; an IPv4 address inside of an IPv6 address is the IPv4 address.
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical())
}
