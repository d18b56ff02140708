//! In which form an answer is wanted.

use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use serve::Problem;

pub(super) const JSON: &str = "application/json";
pub(super) const TOML: &str = "application/toml";

/// Lets through who takes JSON.
pub(super) async fn json(request: Request, next: Next) -> Response {
    match preferred(request.headers(), &[JSON]) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Which of these is wanted most; of equals, and if nothing is said, the first.
pub(super) fn preferred(
    headers: &HeaderMap,
    offered: &[&'static str],
) -> Result<&'static str, Problem> {
    let lines = headers.get_all(ACCEPT).iter();
    let wishes: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let wishes = wishes.join(",");
    let not_acceptable = || {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "What is here cannot be had in a form that Accept names.",
            &format!("Accept {}, or leave the header out.", offered.join(" or ")),
        )
    };
    let mut best: Option<(f32, &'static str)> = None;
    for offer in offered {
        let wish = if wishes.trim().is_empty() {
            1.0
        } else {
            wish(&wishes, offer)
        };
        if wish > best.map_or(0.0, |(most, _)| most) {
            best = Some((wish, offer));
        }
    }
    best.map(|(_, offer)| offer).ok_or_else(not_acceptable)
}

/// How much a media type is wanted, from 0 to 1: what fits it most closely says so.
fn wish(wishes: &str, offer: &str) -> f32 {
    let kind = offer.split('/').next().unwrap_or_default();
    let mut closest = (0, 0.0);
    for wish in wishes.split(',') {
        let mut parts = wish.split(';').map(str::trim);
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
    fn the_closest_wish_counts() {
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
