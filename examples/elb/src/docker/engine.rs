//! HTTP client of one engine.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::mpsc;

use super::answer::Answer;
use super::endpoint::{Endpoint, EndpointError, Stream};
use super::failure::Failure;
use super::list::{self, Entry, LIST_BYTES, List};
use super::tls::Tls;

/// Maximum size of an answer that is not a list, in bytes.
const OBJECT_BYTES: usize = 4 << 20;
/// Number of received parts of a list that wait for the parser.
const PARTS: usize = 4;

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

    /// The `Host` header.
    pub(super) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Opens a separate connection, within the time limit of a request.
    ///
    /// # Errors
    ///
    /// A description of the failure.
    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let connect = self.endpoint.connect(self.tls.as_ref());
        match tokio::time::timeout(self.timeout, connect).await {
            Ok(stream) => stream,
            Err(_) => Err(format!("no connection within {:?}", self.timeout)),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, Bytes::new(), |response| {
            self.receive(response)
        })
        .await
    }

    /// Reads a list. It is parsed on another thread while it is received.
    pub(crate) async fn list<T: Entry>(&self, path: &str) -> Result<List<T>, Failure> {
        self.send(Method::GET, path, Bytes::new(), |response| {
            self.receive_list(response)
        })
        .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        let body = Bytes::from(body.to_string());
        self.send(Method::POST, path, body, |response| self.receive(response))
            .await
    }

    async fn send<A, R>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        receive: impl FnOnce(Response<Incoming>) -> R,
    ) -> Result<A, Failure>
    where
        R: Future<Output = Result<A, Failure>>,
    {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(USER_AGENT, concat!("elb/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| self.silent(error.to_string()))?;
        match tokio::time::timeout(self.timeout, self.exchange(request, receive)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.silent(format!("no answer within {:?}", self.timeout))),
        }
    }

    /// Each request uses a new connection, which cannot have been closed by the engine in the
    /// meantime.
    async fn exchange<A, R>(
        &self,
        request: Request<Full<Bytes>>,
        receive: impl FnOnce(Response<Incoming>) -> R,
    ) -> Result<A, Failure>
    where
        R: Future<Output = Result<A, Failure>>,
    {
        let stream = self
            .endpoint
            .connect(self.tls.as_ref())
            .await
            .map_err(|why| self.silent(why))?;
        let (mut requests, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.silent(message(&error)))?;
        let exchange = async {
            let response = requests
                .send_request(request)
                .await
                .map_err(|error| self.silent(message(&error)))?;
            receive(response).await
        };
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // Data received before the end of the connection is still processed.
            _ = connection => exchange.await,
        }
    }

    async fn receive(&self, response: Response<Incoming>) -> Result<Answer, Failure> {
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(part) = self.next_part(&mut body).await? {
            if bytes.len() + part.len() > OBJECT_BYTES {
                return Err(self.too_large(OBJECT_BYTES));
            }
            bytes.extend_from_slice(&part);
        }
        Answer::read(self.name(), head.status, bytes.into())
    }

    async fn receive_list<T: Entry>(
        &self,
        response: Response<Incoming>,
    ) -> Result<List<T>, Failure> {
        if !response.status().is_success() {
            let status = response.status();
            return match self.receive(response).await {
                Ok(_) => Err(self.unreadable(format!("status {status}"))),
                Err(failure) => Err(failure),
            };
        }
        let date = Answer::date_of(response.headers());
        let (parts, received) = mpsc::channel(PARTS);
        let parsing = tokio::task::spawn_blocking(move || list::parse(received));
        let mut body = response.into_body();
        let mut length = 0;
        while let Some(part) = self.next_part(&mut body).await? {
            length += part.len();
            if length > LIST_BYTES {
                return Err(self.too_large(LIST_BYTES));
            }
            // The parser ends early if the data is not a list.
            if parts.send(part).await.is_err() {
                break;
            }
        }
        drop(parts);
        let parsed = parsing
            .await
            .map_err(|error| self.unreadable(error.to_string()))?;
        let entries = parsed.map_err(|error| self.unreadable(error.to_string()))?;
        Ok(List { entries, date })
    }

    /// The next part of a body; `None` at the end.
    async fn next_part(&self, body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.silent(message(&error)))?;
            if let Ok(part) = frame.into_data() {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn too_large(&self, limit: usize) -> Failure {
        self.unreadable(format!("larger than {} MiB", limit >> 20))
    }

    fn unreadable(&self, why: String) -> Failure {
        Failure::Unreadable {
            endpoint: self.name.clone(),
            why,
        }
    }

    fn silent(&self, why: String) -> Failure {
        Failure::Silent {
            endpoint: self.name.clone(),
            why,
        }
    }
}

/// A path with filters, which are JSON in the query.
pub(super) fn with_filters(path: &str, filters: &Value) -> String {
    format!("{path}?filters={}", segment(&filters.to_string()))
}

/// Percent-encodes a text as one part of a path or a query.
pub(super) fn segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

/// An error with its causes: the outer errors of hyper contain few details.
fn message(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut message: Vec<String> = causes.map(ToString::to_string).collect();
    message.dedup();
    message.join(": ")
}
