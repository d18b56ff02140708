//! One engine: a request, and what comes back.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::answer::Answer;
use super::endpoint::{Endpoint, EndpointError, Stream};
use super::failure::Failure;
use super::tls::Tls;

/// Bytes of an answer that are read at most; ten thousand tasks take a third of it.
const ANSWER_SIZE: usize = 96 << 20;

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
        let connect = self.endpoint.connect(self.tls.as_deref());
        match tokio::time::timeout(self.timeout, connect).await {
            Ok(stream) => stream,
            Err(_) => Err(format!("no connection within {:?}", self.timeout)),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.send(Method::POST, path, Bytes::from(body.to_string()))
            .await
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(USER_AGENT, concat!("elb/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| self.silent(error.to_string()))?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.silent(format!("no answer within {:?}", self.timeout))),
        }
    }

    /// Each request has its own connection, so that none is found dead when it is needed.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let stream = self
            .endpoint
            .connect(self.tls.as_deref())
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
            self.receive(response).await
        };
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            // What has arrived before its end is still to be taken.
            _ = connection => exchange.await,
        }
    }

    async fn receive(&self, response: Response<Incoming>) -> Result<Answer, Failure> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_SIZE)
            .collect()
            .await
            .map_err(|error| self.silent(words(error.as_ref())))?;
        Answer::read(self.name(), head.status, &head.headers, body.to_bytes())
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
