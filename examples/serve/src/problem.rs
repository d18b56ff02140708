//! Error responses in the format of RFC 9457.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// The maximum number of characters of a client's text in a response.
const QUOTED: usize = 200;

/// An error response: what is wrong, and what to do.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with this status; `detail` is what is wrong, `advice` what to do.
    pub fn new(status: StatusCode, detail: &str, advice: &str) -> Self {
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

    /// Adds a member for programs.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

        let body = untrusted::json::to_string(&self.members).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        headers.extend(self.headers);
        response
    }
}

/// A client's text, printable and at most 200 characters long.
pub fn quoted(text: &str) -> String {
    let mut characters = text.chars();
    let mut quoted: String = characters.by_ref().take(QUOTED).collect();
    if characters.next().is_some() {
        quoted.pop();
        quoted.push('…');
    }
    untrusted::printable(&quoted).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_printable() {
        assert_eq!(quoted("größer\n\u{202e}"), "größer��");
        assert_eq!(quoted(&"x".repeat(200)), "x".repeat(200));
        assert_eq!(quoted(&"x".repeat(201)), format!("{}…", "x".repeat(199)));
    }
}
