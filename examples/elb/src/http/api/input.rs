//! Parsing and validation of requests.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::Site;
use serve::{Problem, preferred, quoted};

pub(super) const JSON: &str = "application/json";
pub(super) const TOML: &str = "application/toml";

/// Rejects requests that do not accept JSON.
pub(super) async fn accepts_json(request: Request, next: Next) -> Result<Response, Problem> {
    preferred(request.headers(), &[JSON])?;
    Ok(next.run(request).await)
}

/// Query parameters. Unknown parameters are rejected.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl<T: DeserializeOwned> FromRequestParts<Site> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Problem> {
        let params = Query::try_from_uri(&parts.uri);
        let Query(params) = params.map_err(|error| wrong_parameter(&error.body_text()))?;
        Ok(Self(params))
    }
}

/// An invalid parameter.
pub(super) fn wrong_parameter(detail: &str) -> Problem {
    let detail = detail.trim_start_matches("Failed to deserialize query string: ");
    Problem::new(
        StatusCode::BAD_REQUEST,
        &quoted(detail),
        "See /api/v1/openapi.json for the parameters.",
    )
}

/// A name in the path.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(names("name"), parameter_in = Path)]
pub(super) struct Named(
    /// Name of the service or pool.
    #[param(min_length = 1)]
    pub(super) String,
);

impl FromRequestParts<Site> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let name = Path::from_request_parts(parts, site).await;
        let Path(name) = name.map_err(|error: PathRejection| {
            Problem::new(
                error.status(),
                &quoted(&error.body_text()),
                "Write the name in UTF-8, percent-encoded.",
            )
        })?;
        Ok(Self(name))
    }
}

/// A JSON body.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Site> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        let body = Json::from_request(request, site).await;
        let Json(body) = body.map_err(|error: JsonRejection| {
            let advice = match error {
                JsonRejection::MissingJsonContentType(_) => "Send Content-Type: application/json.",
                JsonRejection::BytesRejection(_) => TOO_LARGE,
                _ => "See /api/v1/openapi.json for the format.",
            };
            Problem::new(error.status(), &quoted(&error.body_text()), advice)
        })?;
        Ok(Self(body))
    }
}

/// A TOML body.
#[derive(Debug)]
pub(super) struct Toml(pub(super) String);

impl FromRequest<Site> for Toml {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        let given = request.headers().get(CONTENT_TYPE);
        let given = given.and_then(|given| given.to_str().ok()).unwrap_or("");
        let media_type = given.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(TOML) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is not TOML.",
                "Send Content-Type: application/toml.",
            ));
        }
        let text = String::from_request(request, site).await;
        let text = text.map_err(|error| {
            Problem::new(error.status(), &quoted(&error.body_text()), TOO_LARGE)
        })?;
        Ok(Self(text))
    }
}

const TOO_LARGE: &str = "Send at most 1 MiB, in UTF-8.";

/// The number of requested items: `usual` if not given, at most `most`.
pub(super) fn limit(given: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    match given {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            let detail = format!("limit: {limit} is not between 1 and {most}");
            Err(wrong_parameter(&detail))
        }
    }
}

/// A duration: `20s`, `500ms`, `5m`; without a unit, seconds. Longer durations are reduced to the
/// maximum.
pub(super) fn time(name: &str, given: &str, longest: Duration) -> Result<Duration, Problem> {
    let digits = given.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match given.get(digits.len()..).unwrap_or_default() {
        "ms" => Some(0.001),
        "" | "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3_600.0),
        _ => None,
    };
    let is_number = |part: &str| {
        (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_plain = digits.splitn(2, '.').all(is_number);
    let number = digits.parse::<f64>().ok().filter(|_| is_plain);
    let seconds = number.zip(factor).map(|(number, factor)| number * factor);
    let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    length.map(|length| length.min(longest)).ok_or_else(|| {
        let given = quoted(given);
        wrong_parameter(&format!(
            "{name}: {given:?} is not a duration such as 20s or 5m"
        ))
    })
}
