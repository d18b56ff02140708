//! Calls of hooks: settings, retries, and programs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Serialize, Serializer};
use sflow_autoscale::node_pools::{Order, Promise};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::request::post;
use crate::leader::LeaderPermit;

/// Maximum size of an answer, in bytes.
pub(super) const ANSWER_BYTES: usize = 64 << 10;
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
    /// the order; 408, 425, 429 and 5xx ask for a retry; all others, also redirects, refuse it.
    Http {
        /// `https://host:port/path` or `http://host:port/path`. The query may contain a secret,
        /// such as a signature, and is not shown.
        #[serde(serialize_with = "serialize_without_query")]
        url: String,
        /// Bearer token.
        #[serde(skip)]
        token: Option<String>,
        /// File with the certificate authorities of the server, in PEM; `None` for those of the
        /// system.
        ca: Option<PathBuf>,
    },
}

/// Result of one try.
pub(super) enum Try {
    Promised(Promise),
    Refused(String),
    Later(String),
}

impl HookSettings {
    /// Submits an order, with retries while this instance leads.
    ///
    /// # Errors
    ///
    /// A message if the order was refused or not answered.
    pub async fn give(&self, order: &Order, permit: &LeaderPermit) -> Result<Promise, String> {
        let Self { call, timeout, .. } = self;
        let mut pause = self.pause;
        let mut tries = 0;
        let term = permit.term();
        loop {
            permit.until_write(term).await?;
            tries += 1;
            let why = match tokio::time::timeout(*timeout, call.once(order)).await {
                Ok(Try::Promised(promise)) => return Ok(promise),
                Ok(Try::Refused(why)) => return Err(format!("{call} refused: {why}")),
                Ok(Try::Later(why)) => why,
                Err(_) => format!("no answer within {timeout:?}"),
            };
            if tries >= self.tries.max(1) {
                return Err(format!("{call} failed {tries} times, the last time: {why}"));
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
            Self::Http { url, token, ca } => {
                let tried = post(url, token.as_deref(), ca.as_deref(), order).await;
                tried.unwrap_or_else(Try::Later)
            }
        }
    }
}

/// Contains no secret, like the displayed form.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({self})")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program { program, .. } => program.display().fmt(f),
            Self::Http { url, .. } => f.write_str(&without_query(url)),
        }
    }
}

/// The URL with `…` in place of its query, which may contain a secret.
pub(crate) fn without_query(url: &str) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    format!("{address}{}", if query.is_empty() { "" } else { "?…" })
}

fn serialize_without_query<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_query(url))
}

/// Runs a program. It is killed when the future is dropped.
async fn run(program: &Path, arguments: &[String], order: &Order) -> Try {
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
        Ok(Some(TRY_AGAIN)) => Try::Later(reason(&err, "temporary failure (exit status 75)")),
        Ok(Some(code)) => Try::Refused(reason(&err, &format!("exit status {code}"))),
        Ok(None) => Try::Later("ended by a signal".to_owned()),
        Err(error) => Try::Later(error.to_string()),
    }
}

/// Reads to the end and keeps the beginning, so that a program with much output is not blocked.
async fn read_some(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    // An error has the same effect as the end.
    let mut beginning = (&mut from).take(ANSWER_BYTES as u64);
    beginning.read_to_end(into).await.ok();
    tokio::io::copy(&mut from, &mut tokio::io::sink())
        .await
        .ok();
}

pub(super) fn json(order: &Order) -> Vec<u8> {
    untrusted::json::to_string(order)
        .unwrap_or_default()
        .into_bytes()
}

/// An accepted order. The answer may contain the name of the machine as JSON.
pub(super) fn promised(answer: &[u8]) -> Try {
    Try::Promised(serde_json::from_slice(answer).unwrap_or_default())
}

/// The first line of an answer, or a replacement if it is empty.
pub(super) fn reason(answer: &[u8], otherwise: &str) -> String {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(
        || otherwise.to_owned(),
        |line| format!("{otherwise}: {}", crate::format::shortened(line, 200)),
    )
}
