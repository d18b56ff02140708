//! What is answered instead of what was asked for: RFC 9457.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::words::shortened;

/// Characters of a stranger's text that are repeated to him.
const REPEATED: usize = 200;

/// What is wrong, and what to do.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// Says what is wrong, and what to do.
    pub(super) fn new(status: StatusCode, detail: &str, advice: &str) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        let members = [
            ("type", "about:blank".into()),
            ("title", title.into()),
            ("status", status.as_u16().into()),
            ("detail", detail.into()),
            ("advice", advice.into()),
        ];
        Self {
            status,
            members: members
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .collect(),
            headers: Vec::new(),
        }
    }

    /// Says something more, for programs.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same with a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

        let body = Value::Object(self.members).to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        headers.extend(self.headers);
        response
    }
}

/// A stranger's text, short and harmless enough to be repeated.
pub(super) fn repeated(text: &str) -> String {
    shortened(text, REPEATED)
}
