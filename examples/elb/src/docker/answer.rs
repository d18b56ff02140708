//! What an engine has answered.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{DATE, HeaderMap};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure::Failure;

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    endpoint: String,
    date: Option<Timestamp>,
    body: Bytes,
}

impl Answer {
    /// Sorts an answer from a refusal.
    pub(super) fn read(
        endpoint: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Self, Failure> {
        let endpoint = endpoint.to_owned();
        if !status.is_success() {
            let message = message(&body);
            return Err(Failure::Refusal {
                endpoint,
                status: status.as_u16(),
                message,
            });
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        Ok(Self {
            endpoint,
            date,
            body,
        })
    }

    /// When it was given, by the engine's clock.
    pub(super) const fn date(&self) -> Option<Timestamp> {
        self.date
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::Unreadable {
            endpoint: self.endpoint.clone(),
            why: error.to_string(),
        })
    }

    /// A list, for which some engines write `null` when it is empty.
    pub(crate) fn list<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        Ok(self.json::<Option<Vec<T>>>()?.unwrap_or_default())
    }
}

/// Characters of a refusal that are shown: some proxies answer with a whole page.
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
