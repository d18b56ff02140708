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

use client::{message, segment};

use crate::endpoint::{Endpoint, EndpointError};
use crate::failure::Failure;
use crate::list::{self, Entry, LIST_BYTES, List};
use crate::tls::{Tls, TlsFiles};

/// Maximum size of an answer that is not a list, in bytes.
const OBJECT_BYTES: usize = 4 << 20;
/// Number of received parts of a list that wait for the parser.
const QUEUED_PARTS: usize = 4;

/// An engine.
#[derive(Debug)]
pub struct Engine {
    endpoint: Endpoint,
    name: String,
    host: HeaderValue,
    timeout: Duration,
    tls: Option<Arc<Tls>>,
    program: &'static str,
}

impl Engine {
    /// The engine at an endpoint, with TLS if its certificates are given. A Unix socket is used
    /// without TLS. Sends nothing.
    ///
    /// `timeout` limits each request, from connecting to the last byte of the answer. `program` is
    /// the name and the version of the program, such as `elb/0.1.0`.
    ///
    /// # Errors
    ///
    /// If the endpoint is invalid, or requires TLS and `tls` is missing.
    pub fn new(
        endpoint: &str,
        timeout: Duration,
        tls: Option<Arc<Tls>>,
        program: &'static str,
    ) -> Result<Self, EndpointError> {
        let endpoint: Endpoint = endpoint.parse()?;
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
            program,
        })
    }

    /// The engines at these endpoints, such as the managers of a swarm. See [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// If the list is empty or an endpoint is invalid.
    pub fn all(
        endpoints: &[String],
        timeout: Duration,
        tls: Option<&TlsFiles>,
        program: &'static str,
    ) -> Result<Vec<Self>, EndpointError> {
        if endpoints.is_empty() {
            return Err(EndpointError::None);
        }
        let tls = tls.map(|files| Arc::new(Tls::new(files.clone())));
        let engine = |endpoint: &String| Self::new(endpoint, timeout, tls.clone(), program);
        endpoints.iter().map(engine).collect()
    }

    /// The endpoint as text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a GET request. `path` may contain a query.
    ///
    /// # Errors
    ///
    /// If the engine does not answer in time, refuses the request, or its answer is too large.
    pub async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.exchange(Method::GET, path, Bytes::new()).await
    }

    /// Sends a POST request with a JSON body.
    ///
    /// # Errors
    ///
    /// If the engine does not answer in time, refuses the request, or its
    /// answer is too large. After no answer it is unknown whether the request had an effect.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let body = Bytes::from(body.to_string());
        self.exchange(Method::POST, path, body).await
    }

    /// Reads a list. It is parsed on another thread while it is received.
    ///
    /// # Errors
    ///
    /// If the engine does not answer in time, refuses the request, or its answer is not such a list.
    pub async fn list<T: Entry>(&self, path: &str) -> Result<List<T>, Failure> {
        self.in_time(async {
            let response = self.send(Method::GET, path, Bytes::new()).await?;
            self.receive_list(response).await
        })
        .await
    }

    /// Starts to read a stream without end. The time limit applies to the head of the response.
    ///
    /// # Errors
    ///
    /// If the head of the response is not received in time.
    pub async fn stream(&self, path: &str) -> Result<Response<Incoming>, Failure> {
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
        let request = client::request(method, &self.host, path, self.program);
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
pub struct Answer {
    endpoint: String,
    body: Bytes,
}

impl Answer {
    /// The answer as a value.
    ///
    /// # Errors
    ///
    /// If it is not JSON of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
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
pub fn with_filters(path: &str, filters: &Value) -> String {
    format!("{path}?filters={}", segment(&filters.to_string()))
}
