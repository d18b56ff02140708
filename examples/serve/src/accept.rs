//! Preferences of clients among media types (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, StatusCode, header};

use crate::Problem;

/// The offered media type with the highest quality in the `Accept` header; the first of equal ones,
/// or without such a header.
///
/// ```
/// use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};
///
/// let accept = HeaderValue::from_static("application/json, */*;q=0.1");
/// let headers = HeaderMap::from_iter([(ACCEPT, accept)]);
/// let offered = ["application/toml", "application/json"];
/// assert_eq!(serve::preferred(&headers, &offered).ok(), Some("application/json"));
/// ```
///
/// # Errors
///
/// If the client accepts none of them (406).
pub fn preferred(headers: &HeaderMap, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let lines = headers.get_all(header::ACCEPT).iter();
    let mut lines = lines.filter_map(|it| it.to_str().ok());
    let is_any = lines.all(|line| line.trim().is_empty());
    let quality = |offer: &'static str| {
        let (kind, subtype) = offer.split_once('/').unwrap_or_default();
        match is_any {
            true => (1.0, offer),
            false => (preference(headers, kind, subtype).1, offer),
        }
    };
    let qualities = offered.iter().map(|offer| quality(offer));
    let best = qualities.reduce(|best, next| if next.0 > best.0 { next } else { best });
    let best = best.filter(|(quality, _)| *quality > 0.0);
    best.map(|(_, offer)| offer).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "No available media type matches Accept.",
            &format!("Accept {}, or omit the header.", offered.join(" or ")),
        )
    })
}

/// Specificity and quality of the most specific range of the `Accept` header that contains a media
/// type, of several the one with the highest quality. The specificity is 2 for the media type itself,
/// 1 for all subtypes of its type, 0 for any media type. Zeros if no range contains it.
pub fn preference(headers: &HeaderMap, kind: &str, subtype: &str) -> (u8, f32) {
    let lines = headers.get_all(header::ACCEPT).iter();
    let ranges = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(MediaRange::parse)
        .filter_map(|range| Some((range.specificity(kind, subtype)?, range.quality)));
    ranges.fold(
        (0, 0.0),
        |best, range| if range > best { range } else { best },
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";
    const TOML: &str = "application/toml";

    #[test]
    fn most_specific_media_range_applies() {
        let cases = [
            ("", Some(TOML)),
            ("*/*", Some(TOML)),
            ("application/json", Some(JSON)),
            ("Application/JSON; charset=utf-8", Some(JSON)),
            ("application/*", Some(TOML)),
            ("application/json, */*;q=0.1", Some(JSON)),
            ("application/toml;q=0.2, application/json;q=0.3", Some(JSON)),
            ("*/*, application/toml;q=0", Some(JSON)),
            ("text/html", None),
            ("text/html, application/xml;q=0.9", None),
            ("application/json;q=0", None),
            ("application/json;q=nonsense", None),
            (",,;;/*,json", None),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            let found = preferred(&headers, &[TOML, JSON]).ok();
            assert_eq!(found, expected, "{accept:?}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &[JSON]).ok(), Some(JSON));
    }
}
