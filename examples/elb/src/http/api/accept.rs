//! Content negotiation.

use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use serve::{Problem, preference};

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
    let mut lines = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|it| it.to_str().ok());
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
