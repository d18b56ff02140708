//! Content negotiation.

use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use serve::Problem;

pub(super) const JSON: &str = "application/json";
pub(super) const TOML: &str = "application/toml";

/// Rejects requests that do not accept JSON.
pub(super) async fn json(request: Request, next: Next) -> Response {
    match preferred(request.headers(), &[JSON]) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The offered type with the highest quality; the first of equal ones, or if there is no `Accept`
/// header.
pub(super) fn preferred(
    headers: &HeaderMap,
    offered: &[&'static str],
) -> Result<&'static str, Problem> {
    let lines = headers.get_all(ACCEPT).iter();
    let accepted: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let accepted = accepted.join(",");
    let not_acceptable = || {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "No available media type matches Accept.",
            &format!("Accept {}, or omit the header.", offered.join(" or ")),
        )
    };
    let mut best: Option<(f32, &'static str)> = None;
    for offer in offered {
        let quality = if accepted.trim().is_empty() {
            1.0
        } else {
            quality_of(&accepted, offer)
        };
        if quality > best.map_or(0.0, |(most, _)| most) {
            best = Some((quality, offer));
        }
    }
    best.map(|(_, offer)| offer).ok_or_else(not_acceptable)
}

/// Quality of a media type from 0 to 1, according to the most specific matching range.
fn quality_of(accepted: &str, offer: &str) -> f32 {
    let kind = offer.split('/').next().unwrap_or_default();
    let mut closest = (0, 0.0);
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        let closeness = match range.split_once('/') {
            Some(_) if range == offer => 3,
            Some((of_kind, "*")) if of_kind == kind => 2,
            Some(("*", "*")) => 1,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if closeness > closest.0 {
            closest = (closeness, weight);
        }
    }
    closest.1
}

#[cfg(test)]
mod tests {
    use super::*;

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
            headers.insert(ACCEPT, accept.parse().unwrap());
            let found = preferred(&headers, &[TOML, JSON]).ok();
            assert_eq!(found, expected, "{accept:?}");
        }
        assert_eq!(preferred(&HeaderMap::new(), &[JSON]).ok(), Some(JSON));
    }
}
