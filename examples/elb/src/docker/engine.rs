//! One engine: a request, and what comes back.

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

/// The largest answer that is not a list, in bytes: one object, or a refusal.
const OBJECT_BYTES: usize = 4 << 20;
/// Parts of a list that wait to be parsed.
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
    /// The engine at an endpoint that is not spoken to over TLS.
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
            let why = "its host cannot be written into a request";
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

    /// Its endpoint, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is called in requests.
    pub(super) const fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// A connection of one's own, in the time that a request may take.
    ///
    /// # Errors
    ///
    /// Why not, in words.
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

    /// Reads a list. It is parsed while it arrives, on another thread.
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

    /// Each request has its own connection, so that none is found dead when it is needed.
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
            .map_err(|error| self.silent(words(&error)))?;
        let exchange = async {
            let response = requests
                .send_request(request)
                .await
                .map_err(|error| self.silent(words(&error)))?;
            receive(response).await
        };
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // What has arrived before its end is still to be taken.
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
            // The parser has ended if it knows already that this is not such a list.
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

    /// The next part of a body; `None` at its end.
    async fn next_part(&self, body: &mut Incoming) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.silent(words(&error)))?;
            if let Ok(part) = frame.into_data() {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn too_large(&self, limit: usize) -> Failure {
        self.unreadable(format!("it is larger than {} MiB", limit >> 20))
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

/// A path with the engine's filters, which are JSON inside of the query.
pub(super) fn with_filters(path: &str, filters: &Value) -> String {
    format!("{path}?filters={}", segment(&filters.to_string()))
}

/// Any text as one part of a path or a query.
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

/// An error with all its causes: the outer ones of hyper say little.
fn words(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup();
    words.join(": ")
}
