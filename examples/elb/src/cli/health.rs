use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Method;
use hyper::header::HeaderValue;
use tokio::time::timeout;

use super::{runtime, say};

/// Health check for containers: a minimal image contains no `curl`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the page.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8008")]
    address: SocketAddr,

    /// Check readiness (/readyz) instead of liveness (/healthz).
    #[arg(long)]
    ready: bool,
}

/// Time limit of the request.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Maximum size of the response, in bytes.
const ANSWER: usize = 16 * 1024;

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let asked = async { timeout(TIMEOUT, ask(self.address, path)).await? };
        let answer = runtime()?.block_on(asked);
        let (status, text) = answer.with_context(|| format!("http://{}{path}", self.address))?;
        for line in text.lines() {
            say!("{}", untrusted::printable(line))?;
        }
        if status != 200 {
            bail!("status {status}");
        }
        Ok(())
    }
}

/// Status and body of the response.
async fn ask(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let host = HeaderValue::from_str(&address.to_string())?;
    let request = client::request(Method::GET, &host, path, crate::PROGRAM).body(Full::default())?;
    let stream = client::tcp(address).await?;
    let response = client::send(Box::new(stream), request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER).collect().await;
    let body = body.map_err(|error| anyhow!(client::message(&*error)))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok((status, text))
}
