//! Requests to workers.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The maximum size of a response, in bytes.
const MAX_RESPONSE: usize = 64 << 20;

/// The time before a request that a busy worker has rejected is sent again.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Requests a path, which contains a query, and parses the response. While the worker is busy or limits
/// the rate, the request is repeated until `deadline`.
pub(crate) async fn get<T: DeserializeOwned>(
    worker: SocketAddr,
    path: &str,
    deadline: Instant,
) -> anyhow::Result<T> {
    loop {
        let response = tokio::time::timeout_at(deadline, request(worker, path)).await;
        let (status, body) = response.context("no response in time")??;
        let is_busy = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        if is_busy && Instant::now() + RETRY_INTERVAL < deadline {
            tokio::time::sleep(RETRY_INTERVAL).await;
        } else if status.is_success() {
            let parsed = serde_json::from_slice(&body);
            return parsed.context("unexpected response; is the version the same?");
        } else {
            bail!("{status}: {}", problem(&body));
        }
    }
}

async fn request(worker: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(worker).await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the response. Its error is also that of the response.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(HOST, worker.to_string())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let response = requests.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_RESPONSE).collect();
    let body = body.await.map_err(|error| anyhow!(error))?;
    Ok((status, body.to_bytes()))
}

/// The text of a problem document.
fn problem(body: &[u8]) -> String {
    let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let parts = ["detail", "advice"].map(|name| document[name].as_str().unwrap_or_default());
    parts.join(" ").trim().to_owned()
}

/// Percent-encodes a text as the value of a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
