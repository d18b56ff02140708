//! The two text formats of metrics, and the choice between them.

use axum::http::{HeaderMap, header};

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4.
    Text,
}

impl Format {
    /// The format that a client prefers by its `Accept` header (RFC 9110, section 12.5.1), or
    /// `fallback` if it does not name the other format, if necessary by `application/*` or `text/*`.
    pub fn of_request(headers: &HeaderMap, fallback: Self) -> Self {
        let accepted: Vec<MediaRange<'_>> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(MediaRange::parse)
            .collect();
        let open_metrics = preference(&accepted, "application", "openmetrics-text");
        let text = preference(&accepted, "text", "plain");
        let is_named = |(specificity, quality)| specificity > 0 && quality > 0.0;
        let is_text_better = (text.1, text.0) > (open_metrics.1, open_metrics.0);
        match fallback {
            Self::Text if is_named(open_metrics) && !is_text_better => Self::OpenMetrics,
            Self::OpenMetrics if is_named(text) && is_text_better => Self::Text,
            _ => fallback,
        }
    }

    /// The `Content-Type` of a response.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// An element of an `Accept` header.
struct MediaRange<'h> {
    kind: &'h str,
    subtype: &'h str,
    quality: f32,
}

impl<'h> MediaRange<'h> {
    /// `None` if it is malformed, or a version of OpenMetrics that is not compatible with 1.0.
    fn parse(text: &'h str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = 1.0;
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("q") {
                let parsed: f32 = value.parse().ok()?;
                quality = (0.0..=1.0).contains(&parsed).then_some(parsed)?;
            } else if name.trim().eq_ignore_ascii_case("version")
                && subtype.eq_ignore_ascii_case("openmetrics-text")
                && !matches!(value, "0.0.1" | "1.0.0")
            {
                return None;
            }
        }
        Some(Self {
            kind,
            subtype,
            quality,
        })
    }

    /// 2 for the media type itself, 1 for all subtypes of its type, 0 for any media type.
    fn specificity(&self, kind: &str, subtype: &str) -> Option<u8> {
        let is_kind = self.kind.eq_ignore_ascii_case(kind);
        if is_kind && self.subtype.eq_ignore_ascii_case(subtype) {
            Some(2)
        } else if self.subtype != "*" {
            None
        } else if is_kind {
            Some(1)
        } else {
            (self.kind == "*").then_some(0)
        }
    }
}

/// Specificity and quality of the most specific range that contains a media type, of several the
/// one with the highest quality. Zeros if no range contains it.
fn preference(accepted: &[MediaRange<'_>], kind: &str, subtype: &str) -> (u8, f32) {
    let ranges = accepted
        .iter()
        .filter_map(|range| Some((range.specificity(kind, subtype)?, range.quality)));
    ranges.fold(
        (0, 0.0),
        |best, range| if range > best { range } else { best },
    )
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with_fallback(fallback: Format, accept: &[&str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        Format::of_request(&headers, fallback)
    }

    fn of(accept: &[&str]) -> Format {
        with_fallback(Format::Text, accept)
    }

    #[test]
    fn open_metrics_is_sent_on_request() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
            application/openmetrics-text;version=0.0.1;q=0.4,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for accept in [
            prometheus_2,
            prometheus_3,
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"; Charset=utf-8",
            "application/openmetrics-text, text/plain",
            "text/plain;q=0.5, application/openmetrics-text;q=0.6",
            "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.9",
            "application/openmetrics-text, */*",
            "application/*",
            "text/*;q=0.1, application/*;q=0.2",
        ] {
            assert_eq!(of(&[accept]), Format::OpenMetrics, "{accept}");
        }
        let two = ["text/html;q=0.1", "application/openmetrics-text"];
        assert_eq!(of(&two), Format::OpenMetrics);
    }

    #[test]
    fn text_is_sent_otherwise() {
        assert_eq!(of(&[]), Format::Text);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0, application/*",
            "application/openmetrics-text;q=0.3, text/plain;q=0.4",
            "application/openmetrics-text;q=0.3, text/*;q=0.4",
            "application/openmetrics-text;q=0.3, */*",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=high",
            "application/openmetrics-text;q=NaN",
            "openmetrics",
        ] {
            assert_eq!(of(&[accept]), Format::Text, "{accept}");
        }
    }

    #[test]
    fn text_is_sent_on_request_if_fallback_is_open_metrics() {
        let of = |accept| with_fallback(Format::OpenMetrics, &[accept]);
        for accept in [
            "text/plain",
            "text/*",
            "text/plain;version=0.0.4, */*;q=0.1",
            "application/openmetrics-text;q=0.3, text/plain;q=0.4",
            "application/openmetrics-text;q=0, text/plain;q=0.1",
        ] {
            assert_eq!(of(accept), Format::Text, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/openmetrics-text, text/plain",
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2,*/*;q=0.1",
        ] {
            assert_eq!(of(accept), Format::OpenMetrics, "{accept}");
        }
    }
}
