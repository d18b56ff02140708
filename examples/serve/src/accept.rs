//! Preferences of clients among media types (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

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
