//! Answers of an engine.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{DATE, HeaderMap};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    endpoint: String,
    body: Bytes,
}

impl Answer {
    /// Separates answers from refusals.
    pub(super) fn read(endpoint: &str, status: StatusCode, body: Bytes) -> Result<Self, Failure> {
        let endpoint = endpoint.to_owned();
        if !status.is_success() {
            let message = message(&body);
            return Err(Failure::Refusal {
                endpoint,
                status: status.as_u16(),
                message,
            });
        }
        Ok(Self { endpoint, body })
    }

    /// The time of an answer by the engine's clock.
    pub(super) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
        let date = headers.get(DATE)?.to_str().ok()?;
        DateTimeParser::new().parse_timestamp(date).ok()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::InvalidAnswer {
            endpoint: self.endpoint.clone(),
            why: error.to_string(),
        })
    }
}

/// Displayed length of a refusal, in characters: some proxies answer with an HTML page.
const MESSAGE_LENGTH: usize = 400;

fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    let message = match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    message.trim().chars().take(MESSAGE_LENGTH).collect()
}
