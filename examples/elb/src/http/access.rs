//! Access: reading is open to every client; writing and costly reading are restricted.
//!
//! Other sites can direct a browser to this server: by a DNS name that resolves to this machine,
//! which [`serve::HostCheck`] rejects, or by a form, which cannot send the header that a write
//! requires.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serve::{Problem, host, is_localhost, peer, quoted};
use subtle::ConstantTimeEq as _;
use tracing::{info, warn};

use super::Site;
use crate::history::Source;
use crate::status::LeaderView;

/// Requirements for write access.
#[derive(Clone, Default)]
pub struct Access {
    /// Token for write access. Without a token only clients on this machine have write access, and
    /// no client if [`names`](Self::names) is set.
    pub token: Option<String>,
    /// Host names of this machine besides its addresses and `localhost`, for example those of a
    /// proxy.
    pub names: Vec<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("names", &self.names)
            .finish()
    }
}

/// Cost of a wrong token, as a number of requests of the client's rate limit.
const WRONG_TOKEN: u32 = 20;

/// A header that forms cannot send.
pub(super) const X_ELB: HeaderName = HeaderName::from_static("x-elb");

/// Proof that the request is authorised to write, and that this instance is not a standby.
#[derive(Debug)]
pub(super) struct Permit(Option<IpAddr>);

impl Permit {
    /// The client that sent the request, or the proxy before it.
    pub(super) const fn source(&self) -> Source {
        Source::Client(self.0)
    }
}

impl FromRequestParts<Site> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let peer = peer(&parts.extensions);
        let checked = own_page(&parts.headers).and_then(|()| match &site.access.token {
            Some(token) => check_token(token, parts, site),
            None => {
                no_names(&site.access.names)?;
                this_machine(peer, &parts.headers)
            }
        });
        checked.inspect_err(|_| site.log_refusal(parts))?;
        not_on_standby(&site.handle.status().lock().leader_view())?;
        info!(
            peer = peer.map(display),
            "{} {}",
            parts.method,
            quoted(parts.uri.path())
        );
        Ok(Self(peer))
    }
}

/// Proof that the request may use an expensive function: it contains the token, if one is
/// configured.
#[derive(Debug)]
pub(super) struct CostlyRead(());

impl FromRequestParts<Site> for CostlyRead {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        if let Some(token) = &site.access.token {
            check_token(token, parts, site).inspect_err(|_| site.log_refusal(parts))?;
        }
        Ok(Self(()))
    }
}

impl Site {
    /// Logs a refusal, at most one in ten seconds.
    fn log_refusal(&self, parts: &Parts) {
        const INTERVAL: Duration = Duration::from_secs(10);

        let mut last = self.refused.lock();
        if last.is_some_and(|last| last.elapsed() <= INTERVAL) {
            return;
        }
        *last = Some(Instant::now());
        let (peer, path) = (peer(&parts.extensions), quoted(parts.uri.path()));
        warn!(
            peer = peer.map(display),
            "refused to {} {path}; at most one such line in ten seconds", parts.method
        );
    }
}

/// Fails if the request does not contain the token. A wrong token uses up the client's rate limit.
fn check_token(known: &str, parts: &Parts, site: &Site) -> Result<(), Problem> {
    let given = bearer(&parts.headers);
    if given.is_some_and(|given| is_same(known, given)) {
        return Ok(());
    }
    if given.is_some()
        && let Some(peer) = peer(&parts.extensions)
    {
        site.limiter.charge(peer, WRONG_TOKEN);
    }
    Err(unauthorised(given.is_some()))
}

/// Fails on a standby, without a redirect: a client that follows a redirect would send its token to an
/// address that others can write.
fn not_on_standby(leader: &LeaderView) -> Result<(), Problem> {
    if !leader.is_standby() {
        return Ok(());
    }
    let Some(name) = leader.leader() else {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "This instance is a standby, and no leader is known.",
            "Send the change again when an instance leads; /api/v1/leader shows which one.",
        ));
    };
    let problem = Problem::new(
        StatusCode::CONFLICT,
        &format!("This instance is a standby; send the change to the leader {name}."),
        "Check the address before you send a token to it: it was read from the store of the lease.",
    );
    let address = leader.status.address.clone();
    Err(match address {
        Some(address) => problem.with("address", address),
        None => problem,
    })
}

/// Fails if names are set: requests may then come through a proxy, whose address is not that of the
/// client.
fn no_names(names: &[String]) -> Result<(), Problem> {
    if names.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "http.names is set without a token: changes are disabled.",
        "Set http.token or http.token_file, restart elb, and send the token as \
         Authorization: Bearer TOKEN.",
    ))
}

/// Fails if the browser reports that the request comes from another site.
fn own_page(headers: &HeaderMap) -> Result<(), Problem> {
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

    let site = headers.get(SEC_FETCH_SITE);
    let is_own_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    let is_own_origin = match headers.get(ORIGIN) {
        None => true,
        Some(origin) => {
            let origin = origin.to_str().unwrap_or("");
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            let authority = authority.and_then(|authority| authority.parse::<Authority>().ok());
            authority.is_some() && authority == host(headers)
        }
    };
    if is_own_site && is_own_origin {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "The request comes from another site.",
        "Use the page of elb, or a client that is not a browser.",
    ))
}

/// Fails unless the client is on this machine and the request does not come from another site.
fn this_machine(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
    const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];
    const ADVICE: &str = "Configure a token as http.token and send it as Authorization: Bearer \
                          TOKEN, or send the request from the machine that elb runs on.";

    let forbidden = |detail| Err(Problem::new(StatusCode::FORBIDDEN, detail, ADVICE));
    if !peer.is_some_and(|peer| peer.is_loopback()) {
        return forbidden(
            "Without a token, only clients on the machine that elb runs on may change anything.",
        );
    }
    if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return forbidden(
            "The request was forwarded by a proxy; without a token elb cannot check its origin.",
        );
    }
    let is_loopback = |host: Authority| {
        let name = host.host();
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        is_localhost(name) || address.is_ok_and(|address| address.is_loopback())
    };
    if !host(headers).is_some_and(is_loopback) {
        return forbidden("Without a token, changes require localhost as Host.");
    }
    if headers.get(X_ELB).is_none_or(|value| value != "1") {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "The header X-Elb: 1 is missing. Forms cannot send it.",
            "Add the header X-Elb: 1.",
        ));
    }
    Ok(())
}

fn unauthorised(is_wrong: bool) -> Problem {
    const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"elb\"");
    const INVALID: HeaderValue =
        HeaderValue::from_static("Bearer realm=\"elb\", error=\"invalid_token\"");

    let (detail, challenge) = match is_wrong {
        true => ("The token is wrong.", INVALID),
        false => ("The token is missing.", CHALLENGE),
    };
    Problem::new(
        StatusCode::UNAUTHORIZED,
        detail,
        "Send Authorization: Bearer TOKEN with the token that is configured as http.token.",
    )
    .header(WWW_AUTHENTICATE, challenge)
}

/// The bearer token of the request; `None` if there is not exactly one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in constant time.
fn is_same(known: &str, given: &str) -> bool {
    !known.is_empty() && bool::from(known.as_bytes().ct_eq(given.as_bytes()))
}
