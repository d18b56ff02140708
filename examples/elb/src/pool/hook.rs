//! The operator's own way to add and to remove a machine: a program, or a request.
//!
//! What is behind it is not ours: it may hang, fail, answer nonsense, be asked twice, or promise
//! and not deliver. So each order has a key that stays the same when it is repeated, a time in
//! which it has to be answered, and a number of tries; and an answer is only a promise. Whether a
//! machine has come or gone is read from the cluster.

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

/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;
/// By this exit status a program says that it may be asked again: `EX_TEMPFAIL` of sysexits.
const TRY_AGAIN: i32 = 75;

/// How machines are added and removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookSettings {
    /// What is run or asked.
    pub call: Call,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often it is tried.
    pub tries: u32,
    /// How long to wait before the second try; twice as long before each further one.
    pub pause: Duration,
}

/// What is run or asked.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A program with arguments. It is told the order by its environment (`ELB_ORDER`,
    /// `ELB_ACTION`, `ELB_POOL`, `ELB_MACHINE`) and as JSON on its standard input; exit status 0
    /// means yes, 75 means later, all others mean no.
    Program {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// A request: the order as JSON, `POST`ed with an `Idempotency-Key`. 2xx means yes; 408, 425,
    /// 429 and 5xx mean later; all others mean no.
    Http {
        /// Where to: `http://host:port/path`.
        url: String,
        /// Sent as bearer token.
        #[serde(skip)]
        token: Option<String>,
    },
}

/// Why there is no promise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HookError {
    /// No.
    #[error("{call} refused: {why}")]
    Refused {
        /// What was run or asked.
        call: String,
        /// In its words.
        why: String,
    },
    /// Tried as often as may be.
    #[error("{call} failed {tries} times, the last time: {why}")]
    GivenUp {
        /// What was run or asked.
        call: String,
        /// How often.
        tries: u32,
        /// What happened last.
        why: String,
    },
    /// Tried for as long as an order counts.
    #[error("{call} has not answered within {within:?}, all tries together")]
    TooLate {
        /// What was run or asked.
        call: String,
        /// How long that is.
        within: Duration,
    },
}

/// One try.
enum Try {
    Promised(Promise),
    Refused(String),
    Later(String),
}

impl HookSettings {
    /// Gives an order, as often as may be.
    ///
    /// # Errors
    ///
    /// If it was refused, or not answered.
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

/// Runs a program. When nobody waits any more it is killed.
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
        // That it is not there, or may not be run, will not mend itself.
        Err(error) => return Try::Refused(error.to_string()),
    };
    let text = json(order);
    if let Some(mut input) = child.stdin.take() {
        // A program that does not read is welcome to use its environment.
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
        Ok(Some(TRY_AGAIN)) => Try::Later(words(&err, "it asks to be tried again")),
        Ok(Some(code)) => Try::Refused(words(&err, &format!("exit status {code}"))),
        Ok(None) => Try::Later("it was ended by a signal".to_owned()),
        Err(error) => Try::Later(error.to_string()),
    }
}

/// Reads to the end, and keeps the beginning: who writes much must not be kept waiting.
async fn read_some(from: Option<impl AsyncReadExt + Unpin>, into: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut piece = [0; 4096];
    while let Ok(read) = from.read(&mut piece).await {
        if read == 0 {
            return;
        }
        let room = ANSWER.saturating_sub(into.len());
        into.extend_from_slice(&piece[..read.min(room)]);
    }
}

/// Whether a server can be asked at this address.
///
/// # Errors
///
/// What is wrong with it, and what would be right.
pub fn check_url(url: &str) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|error| format!("{url:?}: {error}"))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http"), Some(authority)) if !authority.as_str().contains('@') => Ok(()),
        (Some("http"), Some(_)) => Err("a name and a password do not belong there: give a \
             token"
            .to_owned()),
        _ => Err(format!(
            "{url:?} is not http://host:port/path; for https, give a program such as curl"
        )),
    }
}

/// Asks a server.
async fn ask(url: &str, token: Option<&str>, order: &Order) -> anyhow::Result<Try> {
    if let Err(why) = check_url(url) {
        return Ok(Try::Refused(why));
    }
    let uri: Uri = url.parse()?;
    let Some(authority) = uri.authority() else {
        return Ok(Try::Refused(format!("{url:?} names no server")));
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
            408 | 425 | 429 | 500..=599 => Try::Later(words(&body, &format!("status {status}"))),
            _ => Try::Refused(words(&body, &format!("status {status}"))),
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

/// Yes is yes; what else is said may be the name of the machine.
fn promised(answer: &[u8]) -> Try {
    Try::Promised(serde_json::from_slice(answer).unwrap_or_default())
}

/// The first line of what was said, or what is known without it.
fn words(said: &[u8], otherwise: &str) -> String {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(
        || otherwise.to_owned(),
        |line| format!("{otherwise}: {}", crate::words::shortened(line, 200)),
    )
}
