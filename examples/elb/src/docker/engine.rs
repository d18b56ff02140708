//! HTTP client of one engine.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{DATE, HeaderValue};
use hyper::{Method, Response};
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::endpoint::{Endpoint, EndpointError};
use super::failure::Failure;
use super::list::{self, Entry, LIST_BYTES, List};
use super::tls::Tls;
use crate::client::{self, message, segment};

/// Maximum size of an answer that is not a list, in bytes.
const OBJECT_BYTES: usize = 4 << 20;
/// Number of received parts of a list that wait for the parser.
const QUEUED_PARTS: usize = 4;

/// One engine.
#[derive(Debug)]
pub(crate) struct Engine {
    endpoint: Endpoint,
    name: String,
    host: HeaderValue,
    timeout: Duration,
    tls: Option<Arc<Tls>>,
}

impl Engine {
    /// The engine at an endpoint without TLS.
    pub(crate) fn at(endpoint: &str, timeout: Duration) -> Result<Self, EndpointError> {
        Self::new(endpoint.parse()?, timeout, None)
    }

    pub(super) fn new(
        endpoint: Endpoint,
        timeout: Duration,
        tls: Option<Arc<Tls>>,
    ) -> Result<Self, EndpointError> {
        let endpoint = match tls {
            Some(_) => endpoint.secured(),
            None => endpoint,
        };
        if tls.is_none() && matches!(endpoint, Endpoint::Tls(_)) {
            return Err(EndpointError::Tls(endpoint.to_string()));
        }
        let name = endpoint.to_string();
        let host = HeaderValue::from_str(endpoint.host()).map_err(|_| {
            let why = "the host is not a valid header value";
            EndpointError::Malformed {
                endpoint: name.clone(),
                why,
            }
        })?;
        Ok(Self {
            endpoint,
            name,
            host,
            timeout,
            tls,
        })
    }

    /// The endpoint as text.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.exchange(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let body = Bytes::from(body.to_string());
        self.exchange(Method::POST, path, body).await
    }

    /// Reads a list. It is parsed on another thread while it is received.
    pub(crate) async fn list<T: Entry>(&self, path: &str) -> Result<List<T>, Failure> {
        self.in_time(async {
            let response = self.send(Method::GET, path, Bytes::new()).await?;
            self.receive_list(response).await
        })
        .await
    }

    /// Starts to read a stream without end. The time limit applies to the head of the response.
    pub(super) async fn stream(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        self.in_time(self.send(Method::GET, path, Bytes::new()))
            .await
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        self.in_time(async {
            let response = self.send(method, path, body).await?;
            self.receive(response).await
        })
        .await
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(self.no_answer(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let request = client::request(method, &self.host, path);
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| self.no_answer(error.to_string()))?;
        let stream = self.endpoint.connect(self.tls.as_ref()).await;
        let stream = stream.map_err(|why| self.no_answer(why))?;
        let response = client::send(stream, request).await;
        response.map_err(|error| self.no_answer(message(&error)))
    }

    async fn receive(&self, response: Response<Incoming>) -> Result<Answer, Failure> {
        let status = response.status();
        let body = Limited::new(response.into_body(), OBJECT_BYTES);
        let body = body.collect().await;
        let body = body.map_err(|error| self.broken(&*error, OBJECT_BYTES))?;
        let (endpoint, body) = (self.name.clone(), body.to_bytes());
        match status.is_success() {
            true => Ok(Answer { endpoint, body }),
            false => Err(Failure::Refusal {
                endpoint,
                status: status.as_u16(),
                message: refusal(&body),
            }),
        }
    }

    async fn receive_list<T: Entry>(
        &self,
        response: Response<Incoming>,
    ) -> Result<List<T>, Failure> {
        let status = response.status();
        if !status.is_success() {
            let refused = self.receive(response).await;
            return refused.and_then(|_| Err(self.invalid(format!("status {status}"))));
        }
        // The time by the engine's clock.
        let date = response.headers().get(DATE).and_then(|date| {
            let date = date.to_str().ok()?;
            DateTimeParser::new().parse_timestamp(date).ok()
        });
        let (parts, received) = mpsc::channel(QUEUED_PARTS);
        let parsing = tokio::task::spawn_blocking(move || list::parse(received));
        let mut body = Limited::new(response.into_body(), LIST_BYTES);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.broken(&*error, LIST_BYTES))?;
            // The parser ends early if the data is not a list.
            if let Ok(part) = frame.into_data()
                && parts.send(part).await.is_err()
            {
                break;
            }
        }
        drop(parts);
        let parsed = parsing
            .await
            .map_err(|error| self.invalid(error.to_string()))?;
        let entries = parsed.map_err(|error| self.invalid(error.to_string()))?;
        Ok(List { entries, date })
    }

    /// A body that is incomplete, or longer than `limit` bytes.
    fn broken(&self, error: &(dyn Error + Send + Sync + 'static), limit: usize) -> Failure {
        match error.is::<LengthLimitError>() {
            true => self.invalid(format!("larger than {} MiB", limit >> 20)),
            false => self.no_answer(message(error)),
        }
    }

    fn invalid(&self, why: String) -> Failure {
        Failure::InvalidAnswer {
            endpoint: self.name.clone(),
            why,
        }
    }

    fn no_answer(&self, why: String) -> Failure {
        Failure::NoAnswer {
            endpoint: self.name.clone(),
            why,
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    endpoint: String,
    body: Bytes,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::InvalidAnswer {
            endpoint: self.endpoint.clone(),
            why: error.to_string(),
        })
    }
}

/// The message of a refusal.
fn refusal(body: &[u8]) -> String {
    /// Maximum number of characters: some proxies answer with an HTML page.
    const LENGTH: usize = 400;

    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }

    let message = match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    message.trim().chars().take(LENGTH).collect()
}

/// A path with filters, which are JSON in the query.
pub(super) fn with_filters(path: &str, filters: &Value) -> String {
    format!("{path}?filters={}", segment(&filters.to_string()))
}
