//! Requests to workers.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

/// The maximum size of a response, in bytes.
const MAX_RESPONSE: usize = 64 << 20;

/// Requests a path, which contains a query, and parses the response.
pub(crate) async fn get<T: DeserializeOwned>(worker: SocketAddr, path: &str) -> anyhow::Result<T> {
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
    let body = body
        .await
        .map_err(|error| anyhow::anyhow!(error))?
        .to_bytes();
    if !status.is_success() {
        bail!("{status}: {}", problem(&body));
    }
    serde_json::from_slice(&body).context("unexpected response; is the version the same?")
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
