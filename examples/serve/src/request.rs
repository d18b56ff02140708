//! Limits the size and duration of a request.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Extensions, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::Problem;

/// The maximum size of a request body, in bytes.
pub(crate) const BODY_BYTES: usize = 1024 * 1024;

/// The maximum time until the response begins.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Rejects a body with a declared length above [`BODY_BYTES`], and a request that takes longer than
/// ten seconds, such as one whose body arrives byte by byte.
pub(crate) async fn limit_request(request: Request, next: Next) -> Response {
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
            "Send the request within ten seconds.",
        )
        .into_response(),
    }
}

/// The address of the client; an IPv4-mapped IPv6 address is returned as IPv4.
pub fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical())
}

/// What limits count as one client: an IPv4 address, or a /64 network of IPv6, all addresses of which
/// one machine can use.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}
