//! The two text formats of metrics, and the choice between them.

use axum::http::HeaderMap;

use crate::accept::preference;

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
        let open_metrics = preference(headers, "application", "openmetrics-text");
        let text = preference(headers, "text", "plain");
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

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

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
