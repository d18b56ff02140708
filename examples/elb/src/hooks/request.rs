//! Hooks that are HTTP requests.

use std::path::Path;
use std::sync::Arc;

use client::{Certificates, Stream, tcp};
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Method, Uri};
use sflow_autoscale::node_pools::Order;

use super::call::{ANSWER_BYTES, Try, json, promised, reason};

/// Sends an order to a server. `ca` is a file with the certificate authorities of the server; by
/// default those of the system are used.
///
/// # Errors
///
/// A failure that may be temporary.
pub(super) async fn post(
    url: &str,
    token: Option<&str>,
    ca: Option<&Path>,
    order: &Order,
) -> Result<Try, String> {
    let target = match parse(url) {
        Ok(target) => target,
        Err(why) => return Ok(Try::Refused(why)),
    };
    let text = |error: hyper::http::Error| error.to_string();
    let host = target
        .authority()
        .map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(host).map_err(|error| text(error.into()))?;
    let path = target.path_and_query().map_or("/", PathAndQuery::as_str);
    let request = client::request(Method::POST, &host, path, crate::PROGRAM);
    let mut request = request.header("idempotency-key", &order.order);
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token is not a valid header value".to_owned())?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Full::from(json(order))).map_err(text)?;
    let response = client::send(connect(&target, ca).await?, request).await;
    let response = response.map_err(|error| client::message(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect();
    let body = body.await.map_err(|error| client::message(&*error))?;
    let body = body.to_bytes();
    let answer = || {
        let text = without_secrets(&body, token, target.query());
        reason(text.as_bytes(), &format!("status {status}"))
    };
    Ok(match status.as_u16() {
        200..=299 => promised(&body),
        300..=399 => Try::Refused(format!(
            "status {status}: redirects are not followed; set the final address as url"
        )),
        408 | 425 | 429 | 500..=599 => Try::Later(answer()),
        _ => Try::Refused(answer()),
    })
}

/// The text of an answer without the token and the query of the request, which a server may repeat.
/// Short values of the query remain, since they also occur in other words.
fn without_secrets(answer: &[u8], token: Option<&str>, query: Option<&str>) -> String {
    const SHORTEST: usize = 6;

    let values = query.into_iter().flat_map(|query| query.split('&'));
    let values = values.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    let values = values.filter(|value| value.len() >= SHORTEST);
    let secrets = token.into_iter().chain(query).chain(values);
    let text = String::from_utf8_lossy(answer).into_owned();
    secrets
        .filter(|secret| !secret.is_empty())
        .fold(text, |text, secret| text.replace(secret, "…"))
}

/// Validates the URL of a hook. Returns whether it uses TLS.
///
/// # Errors
///
/// A description of the problem with the expected format.
pub(crate) fn check_url(url: &str) -> Result<bool, String> {
    parse(url).map(|url| is_tls(&url))
}

/// Whether a file contains certificate authorities. Blocks.
///
/// # Errors
///
/// A description of the problem.
pub(crate) fn check_ca(ca: &Path) -> Result<(), String> {
    let loaded = certificates(Some(ca)).load();
    loaded.map(|_| ()).map_err(|error| error.to_string())
}

fn certificates(ca: Option<&Path>) -> Certificates {
    Certificates {
        server: "server",
        address: "url",
        ca: ca.map(Path::to_owned),
        identity: None,
    }
}

fn parse(url: &str) -> Result<Uri, String> {
    let malformed = || "expected https://host:port/path or http://host:port/path".to_owned();
    let url: Uri = url.parse().map_err(|_| malformed())?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(malformed());
    }
    let authority = url.authority().ok_or_else(malformed)?;
    if authority.as_str().contains('@') {
        return Err("a user name and a password are not supported: use a token".to_owned());
    }
    // `port` is also `None` for a port above 65535.
    if authority.port_u16().is_none() && authority.as_str() != authority.host() {
        return Err("the port is not a number below 65536".to_owned());
    }
    Ok(url)
}

fn is_tls(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTPS)
}

async fn connect(url: &Uri, ca: Option<&Path>) -> Result<Box<dyn Stream>, String> {
    let host = url.host().unwrap_or("").trim_matches(['[', ']']);
    let default_port = if is_tls(url) { 443 } else { 80 };
    let port = url.port_u16().unwrap_or(default_port);
    let stream = tcp((host, port)).await.map_err(|error| error.to_string())?;
    if !is_tls(url) {
        return Ok(Box::new(stream));
    }
    let certificates = certificates(ca);
    // The files are read for each request, so that changes apply at once.
    let load = tokio::task::spawn_blocking(move || {
        let config = certificates.load();
        (certificates, config)
    });
    let (certificates, config) = load.await.map_err(|error| error.to_string())?;
    let config = Arc::new(config.map_err(|error| error.to_string())?);
    let stream = certificates.connect(config, stream, host).await?;
    Ok(Box::new(stream))
}
