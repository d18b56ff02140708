//! Checks the host name of requests.
//!
//! With DNS rebinding, a page in a browser reaches this server by a name that resolves to this
//! machine. The `Host` header then contains that name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::{Problem, peer, quoted};

/// The allowed host names, in addition to addresses and `localhost`.
#[derive(Clone, Debug, Default)]
pub struct HostCheck(Arc<[String]>);

impl HostCheck {
    /// Allows these names.
    pub fn new(names: &[String]) -> Self {
        Self(names.into())
    }
}

/// Rejects requests whose `Host` is not an address, `localhost` or an allowed name. Without allowed
/// names, clients on other machines may use any name, since the server does not know its own.
pub(crate) async fn check_host(
    State(hosts): State<HostCheck>,
    request: Request,
    next: Next,
) -> Response {
    let is_here = peer(request.extensions()).is_some_and(|peer| peer.is_loopback());
    let names = &hosts.0;
    let is_our_name = |host: Authority| {
        let known = |name: &String| name.eq_ignore_ascii_case(host.host());
        is_address(&host) || names.iter().any(known)
    };
    // Programs may leave the header out; browsers do not.
    let has_host = request.headers().contains_key(HOST);
    let is_ours = !has_host || host(request.headers()).is_some_and(is_our_name);
    if is_ours || (!is_here && names.is_empty()) {
        return next.run(request).await;
    }
    let given = request.headers().get(HOST);
    let given = given.map_or("", |given| given.to_str().unwrap_or("?"));
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        &format!("The Host {:?} is not a name of this server.", quoted(given)),
        "Use an address or localhost, or let the proxy send one of them.",
    )
    .into_response()
}

/// The host in the `Host` header; `None` if the header is missing, repeated, or contains a user name.
pub fn host(headers: &HeaderMap) -> Option<Authority> {
    let mut given = headers.get_all(HOST).iter();
    let (only, None) = (given.next()?, given.next()) else {
        return None;
    };
    let host: Authority = only.to_str().ok()?.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}

/// Whether a name always resolves to this machine.
pub fn is_localhost(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a host cannot be a name that another party controls.
fn is_address(host: &Authority) -> bool {
    let name = host.host();
    is_localhost(name) || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}
