//! Who may do what: reading is open to who can reach the port, writing is not.
//!
//! A browser is a door: a page of somebody else can make it ask us, by a name that he lets point
//! to this machine (which is why names are looked at), or with a form (which is why a write needs
//! what a form cannot send).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;
use tracing::{info, warn};

use super::Site;
use super::problem::{Problem, repeated};

/// Who may do what.
#[derive(Clone, Default)]
pub struct Access {
    /// Who writes has to know it. Without one, only this machine may write.
    pub token: Option<String>,
    /// Names by which this machine is reached, besides its addresses and `localhost`: those that
    /// a proxy on it hands on.
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

/// What a wrong token costs of the requests that a peer has.
const WRONG_TOKEN: u32 = 20;

/// The header that a form cannot send.
pub(super) const X_ELB: HeaderName = HeaderName::from_static("x-elb");

/// That who asks may write.
#[derive(Debug)]
pub(super) struct Permit(());

impl FromRequestParts<Site> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let peer = peer(&parts.extensions);
        let refused = |problem| {
            let method = &parts.method;
            let path = repeated(parts.uri.path());
            if site.complaints.is_due() {
                warn!(
                    ?peer,
                    "refused to {method} {path}; more of this is told every ten seconds"
                );
            }
            problem
        };
        own_page(&parts.headers).map_err(refused)?;
        let known = site.access.token.as_deref();
        match (known, bearer(&parts.headers)) {
            (Some(known), Some(given)) if is_same(known, given) => {}
            (Some(_), given) => {
                if given.is_some()
                    && let Some(peer) = peer
                {
                    site.pace.charge(peer, WRONG_TOKEN);
                }
                return Err(refused(unauthorised(given.is_some())));
            }
            (None, _) => this_machine(peer, &parts.headers).map_err(refused)?,
        }
        info!(?peer, "{} {}", parts.method, repeated(parts.uri.path()));
        Ok(Self(()))
    }
}

/// Answers nobody who asks by a name that is not ours: somebody else may have let it point here.
pub(super) async fn by_our_name(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Response {
    let is_here = peer(request.extensions()).is_some_and(|peer| peer.is_loopback());
    let names = &site.access.names;
    let is_our_name = |host: Authority| {
        let known = |name: &String| name.eq_ignore_ascii_case(host.host());
        is_address(&host) || names.iter().any(known)
    };
    // Programs may leave it out; browsers do not.
    let is_said = request.headers().contains_key(HOST);
    let is_ours = !is_said || host(request.headers()).is_some_and(is_our_name);
    // From elsewhere any name may be ours; who is there can ask by the address as well.
    if is_ours || (!is_here && names.is_empty()) {
        return next.run(request).await;
    }
    let given = request.headers().get(HOST);
    let given = given.map_or("", |given| given.to_str().unwrap_or("?"));
    Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        &format!("This is not {:?}.", repeated(given)),
        "Ask by an address or as localhost, or let the proxy in between do so.",
    )
    .into_response()
}

/// The address that a request came from.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical())
}

/// Whether who asks is no page of somebody else, as far as a browser says.
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
        "A page of somebody else asks for this.",
        "Use elb's own page, or a program that is no browser.",
    ))
}

/// Whether who asks is on this machine, and no browser that was led to us.
fn this_machine(peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Problem> {
    const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];
    const ADVICE: &str = "Configure a token as http.token and send it as Authorization: Bearer \
                          TOKEN, or ask from the machine that elb runs on.";

    let forbidden = |detail| Err(Problem::new(StatusCode::FORBIDDEN, detail, ADVICE));
    if !peer.is_some_and(|peer| peer.is_loopback()) {
        return forbidden(
            "Without a token, only the machine that elb runs on may change anything.",
        );
    }
    if FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return forbidden("A proxy hands this on, and without a token elb cannot know for whom.");
    }
    let is_loopback = |host: Authority| {
        let name = host.host();
        let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
        is_localhost(name) || address.is_ok_and(|address| address.is_loopback())
    };
    if !host(headers).is_some_and(is_loopback) {
        return forbidden("Without a token, elb is asked to change something only as localhost.");
    }
    if headers.get(X_ELB).is_none_or(|value| value != "1") {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "The header X-Elb: 1 is missing, by which elb tells a program from a form on a page.",
            "Send it.",
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
        false => ("Changing anything needs the token.", CHALLENGE),
    };
    Problem::new(
        StatusCode::UNAUTHORIZED,
        detail,
        "Send Authorization: Bearer TOKEN with the token that is configured as http.token.",
    )
    .header(WWW_AUTHENTICATE, challenge)
}

/// The one token that was sent.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (only, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Takes as long wherever the first difference is.
fn is_same(known: &str, given: &str) -> bool {
    !known.is_empty() && bool::from(known.as_bytes().ct_eq(given.as_bytes()))
}

/// Whom the one `Host` header names.
fn host(headers: &HeaderMap) -> Option<Authority> {
    let mut given = headers.get_all(HOST).iter();
    let (only, None) = (given.next()?, given.next()) else {
        return None;
    };
    let host: Authority = only.to_str().ok()?.parse().ok()?;
    (!host.as_str().contains('@')).then_some(host)
}

/// Whether a host cannot be somebody else's name.
fn is_address(host: &Authority) -> bool {
    let name = host.host();
    is_localhost(name) || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn is_localhost(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}
