//! Hooks that add and remove machines: a program or an HTTP request.
//!
//! A hook may hang, fail, return invalid answers or break its promise. Therefore each order has a
//! key that stays the same when it is repeated, a time limit and a number of tries, and a
//! successful answer is only a promise. Whether a machine has joined or left is read from the
//! cluster.

use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde::Serialize;
pub use sflow_autoscale::node_pools::{Action, Order, Promise};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Maximum size of an answer, in bytes.
const ANSWER: usize = 64 << 10;
/// Exit status for a temporary failure: `EX_TEMPFAIL` of sysexits.
const TRY_AGAIN: i32 = 75;

/// Settings of a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookSettings {
    /// The program or the request.
    pub call: Call,
    /// Time limit of one try.
    pub timeout: Duration,
    /// Number of tries.
    pub tries: u32,
    /// Delay before the second try; doubled for each further try.
    pub pause: Duration,
}

/// A program or a request.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A program with arguments. The order is passed in environment variables (`ELB_ORDER`,
    /// `ELB_ACTION`, `ELB_POOL`, `ELB_MACHINE`) and as JSON on standard input. Exit status 0
    /// accepts the order, 75 asks for a retry, all others refuse it.
    Program {
        /// The program.
        program: PathBuf,
        /// The arguments.
        arguments: Vec<String>,
    },
    /// An HTTP request: the order as JSON, sent by `POST` with an `Idempotency-Key`. 2xx accepts
    /// the order; 408, 425, 429 and 5xx ask for a retry; all others refuse it.
    Http {
        /// `http://host:port/path`.
        url: String,
        /// Bearer token.
        #[serde(skip)]
        token: Option<String>,
    },
}

/// Why an order was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HookError {
    /// The hook refused the order.
    #[error("{call} refused: {why}")]
    Refused {
        /// The program or URL.
        call: String,
        /// Reason given by the hook.
        why: String,
    },
    /// All tries failed.
    #[error("{call} failed {tries} times, the last time: {why}")]
    GivenUp {
        /// The program or URL.
        call: String,
        /// Number of tries.
        tries: u32,
        /// Error of the last try.
        why: String,
    },
    /// The time limit of the order was exceeded.
    #[error("{call} did not answer within {within:?} in all tries")]
    TooLate {
        /// The program or URL.
        call: String,
        /// The time limit.
        within: Duration,
    },
}

/// Result of one try.
enum Try {
    Promised(Promise),
    Refused(String),
    Later(String),
}

impl HookSettings {
    /// Submits an order, with retries.
    ///
    /// # Errors
    ///
    /// If the order was refused or not answered.
    pub async fn give(&self, order: &Order) -> Result<Promise, HookError> {
        let mut pause = self.pause;
        let mut tries = 0;
        loop {
            tries += 1;
            let tried = tokio::time::timeout(self.timeout, self.call.once(order)).await;
            let why = match tried {
                Ok(Try::Promised(promise)) => return Ok(promise),
                Ok(Try::Refused(why)) => {
                    let call = self.call.to_string();
                    return Err(HookError::Refused { call, why });
                }
                Ok(Try::Later(why)) => why,
                Err(_) => format!("no answer within {:?}", self.timeout),
            };
            if tries >= self.tries.max(1) {
                let call = self.call.to_string();
                return Err(HookError::GivenUp { call, tries, why });
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    }
}

impl Call {
    async fn once(&self, order: &Order) -> Try {
        match self {
            Self::Program { program, arguments } => run(program, arguments, order).await,
            Self::Http { url, token } => match ask(url, token.as_deref(), order).await {
                Ok(tried) => tried,
                Err(error) => Try::Later(error.to_string()),
            },
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { program, arguments } => f
                .debug_struct("Program")
                .field("program", program)
                .field("arguments", arguments)
                .finish(),
            Self::Http { url, token } => f
                .debug_struct("Http")
                .field("url", url)
                .field("token", &token.as_ref().map(|_| "…"))
                .finish(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { program, .. } => program.display().fmt(f),
            Self::Http { url, .. } => f.write_str(url),
        }
    }
}

/// Runs a program. It is killed when the future is dropped.
async fn run(program: &std::path::Path, arguments: &[String], order: &Order) -> Try {
    let child = Command::new(program)
        .args(arguments)
        .env("ELB_ORDER", &order.order)
        .env("ELB_ACTION", order.action.name())
        .env("ELB_POOL", &order.pool)
        .env("ELB_MACHINE", order.machine.as_deref().unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        // A missing or non-executable program is a permanent failure.
        Err(error) => return Try::Refused(error.to_string()),
    };
    let text = json(order);
    if let Some(mut input) = child.stdin.take() {
        // A program need not read its standard input.
        input.write_all(&text).await.ok();
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, (), ()) = tokio::join!(
        child.wait(),
        read_some(stdout, &mut out),
        read_some(stderr, &mut err)
    );
    match status.map(|status| status.code()) {
        Ok(Some(0)) => promised(&out),
        Ok(Some(TRY_AGAIN)) => Try::Later(message(&err, "temporary failure (exit status 75)")),
        Ok(Some(code)) => Try::Refused(message(&err, &format!("exit status {code}"))),
        Ok(None) => Try::Later("ended by a signal".to_owned()),
        Err(error) => Try::Later(error.to_string()),
    }
}

/// Reads to the end and keeps the beginning, so that a program with much output is not blocked.
async fn read_some(from: Option<impl AsyncReadExt + Unpin>, into: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut piece = [0; 4096];
    while let Ok(read) = from.read(&mut piece).await {
        if read == 0 {
            return;
        }
        let free = ANSWER.saturating_sub(into.len());
        into.extend_from_slice(&piece[..read.min(free)]);
    }
}

/// Validates the URL of a hook.
///
/// # Errors
///
/// A description of the problem with the expected format.
pub fn check_url(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?}: {error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(authority)) if !authority.as_str().contains('@') => Ok(()),
        (Some("http"), Some(_)) => Err("a user name and a password are not supported: use a \
             token"
            .to_owned()),
        _ => Err(format!(
            "{url:?} is not http://host:port/path; for https, use a program such as curl"
        )),
    }
}

/// Sends an order to a server.
async fn ask(url: &str, token: Option<&str>, order: &Order) -> anyhow::Result<Try> {
    if let Err(why) = check_url(url) {
        return Ok(Try::Refused(why));
    }
    let uri: Uri = url.parse()?;
    let Some(authority) = uri.authority() else {
        return Ok(Try::Refused(format!("{url:?} contains no server")));
    };
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/json")
        .header("idempotency-key", &order.order);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::new(Bytes::from(json(order))))?;
    let exchange = async {
        let response = requests.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes();
        Ok(match status.as_u16() {
            200..=299 => promised(&body),
            408 | 425 | 429 | 500..=599 => Try::Later(message(&body, &format!("status {status}"))),
            _ => Try::Refused(message(&body, &format!("status {status}"))),
        })
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}

fn json(order: &Order) -> Vec<u8> {
    untrusted::json::to_string(order)
        .unwrap_or_default()
        .into_bytes()
}

/// An accepted order. The answer may contain the name of the machine as JSON.
fn promised(answer: &[u8]) -> Try {
    Try::Promised(serde_json::from_slice(answer).unwrap_or_default())
}

/// The first line of an answer, or a replacement if it is empty.
fn message(answer: &[u8], otherwise: &str) -> String {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(
        || otherwise.to_owned(),
        |line| format!("{otherwise}: {}", crate::format::shortened(line, 200)),
    )
}
