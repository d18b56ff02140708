//! Parsing and validation of single values.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::ConfigError;

pub(super) fn positive(key: &str, value: f64) -> Result<(), ConfigError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(wrong(key, &format!("{value} is not positive")))
    }
}

pub(super) fn at_least(
    key: &str,
    given: Option<Span>,
    default: f64,
    least: f64,
) -> Result<Duration, ConfigError> {
    let span = given.map_or(Duration::from_secs_f64(default), |span| span.0);
    if span < Duration::from_secs_f64(least) {
        return Err(wrong(
            key,
            &format!(
                "{} s is too short, the minimum is {least} s",
                span.as_secs_f64()
            ),
        ));
    }
    Ok(span)
}

pub(super) fn wrong(key: &str, problem: &str) -> ConfigError {
    ConfigError::Value {
        key: key.to_owned(),
        problem: problem.to_owned(),
    }
}

/// A duration in the file format: `"500ms"`, `"10s"`, `"5m"`, `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span(pub(super) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"10s\", \"500ms\" or \"5m\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                let invalid = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                duration(text).map(Span).ok_or_else(invalid)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Parses a duration such as `10s`, `500ms` or `1h 30m`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    duration.try_into().ok()
}
