//! The configuration: reading, validating and replacing.

use std::hash::BuildHasher as _;

use axum::Extension;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serve::{Json, Work};
use utoipa::ToSchema;

use super::input::{JSON, Nothing, Params, TOML, Toml};
use super::secret;
use super::subjects::send;
use crate::config::{Config, ConfigError};
use crate::handle;
use crate::http::Site;
use crate::http::access::{CostlyRead, Permit};
use serve::{Problem, preferred, quoted};
use sflow_autoscale::observe::MetricQuery;

/// The current configuration
///
/// The text in TOML without comments, or the values in JSON. Tokens and arguments of hooks are
/// replaced by "***", and queries of URLs by "?…".
#[utoipa::path(
    get,
    path = "/api/v1/config",
    operation_id = "configuration",
    responses((
        status = 200,
        description = "Success.",
        content((String = "application/toml"), (Object = "application/json")),
        headers(("ETag" = String, description = "Version of the configuration."))
    ))
)]
pub(super) async fn show(
    State(site): State<Site>,
    headers: HeaderMap,
    _: Params<Nothing>,
) -> Result<Response, Problem> {
    let form = preferred(&headers, &[TOML, JSON])?;
    let config = site.handle.config().lock().clone();
    let version = version(&site, &config);
    let body = match form {
        TOML => secret::blanked(&config.text),
        _ => {
            let mut value = serde_json::to_value(&config).unwrap_or_default();
            secret::blank(&mut value);
            untrusted::json::to_string(&value).unwrap_or_default()
        }
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(form)),
        (VARY, HeaderValue::from_static("accept")),
        (ETAG, version),
    ];
    Ok((headers, body).into_response())
}

/// Replace the configuration
///
/// An invalid configuration is not applied. A replaced secret ("***" or "?…") stays unchanged.
#[utoipa::path(
    put,
    path = "/api/v1/config",
    operation_id = "replaceConfiguration",
    params((
        "If-Match" = String,
        Header,
        description = "ETag of the configuration to replace, or * for any."
    )),
    request_body(content = String, content_type = "application/toml"),
    responses(
        (
            status = 200,
            description = "Success.",
            body = Validated,
            headers(("ETag" = String, description = "Version of the configuration."))
        ),
        (status = 412),
        (status = 428)
    ),
    security(("token" = []), ("thisMachine" = []))
)]
pub(super) async fn replace(
    State(site): State<Site>,
    permit: Permit,
    Extension(work): Extension<Work>,
    headers: HeaderMap,
    _: Params<Nothing>,
    Toml(text): Toml,
) -> Result<Response, Problem> {
    let turn = site.api.configuring.lock().await;
    is_expected(&site, &headers)?;
    let config = parse(&site, work, text).await?;
    send(
        &site,
        handle::Request::Configure(Box::new(config), permit.source()),
    )
    .await?;
    drop(turn);
    let config = site.handle.config().lock().clone();
    let headers = [(ETAG, version(&site, &config))];
    Ok((headers, Json(Validated::of(&config))).into_response())
}

/// Validate a configuration without applying it
///
/// Parses the text and reads none of the files that it names. Requires the token if one is
/// configured.
#[utoipa::path(
    post,
    path = "/api/v1/config/validate",
    operation_id = "validateConfiguration",
    request_body(content = String, content_type = "application/toml"),
    responses((status = 200, description = "Success.", body = Validated)),
    security(("token" = []), ())
)]
pub(super) async fn validate(
    State(site): State<Site>,
    _: CostlyRead,
    Extension(work): Extension<Work>,
    _: Params<Nothing>,
    request: Request,
) -> Result<Json<Validated>, Problem> {
    let Ok(_permit) = site.api.validating.try_acquire() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many configurations are being validated.",
            "Try again later.",
        )
        .header(RETRY_AFTER, HeaderValue::from_static("1")));
    };
    let Toml(text) = Toml::from_request(request, &site).await?;
    let config = parse(&site, work, text).await?;
    Ok(Json(Validated::of(&config)))
}

/// A valid configuration.
#[derive(Serialize, ToSchema)]
pub(super) struct Validated {
    /// Names of the configured services.
    services: Vec<String>,
}

impl Validated {
    fn of(config: &Config) -> Self {
        let names = config.services.iter().map(|service| service.name.clone());
        Self {
            services: names.collect(),
        }
    }
}

/// Parses a configuration on another thread.
async fn parse(site: &Site, work: Work, text: String) -> Result<Config, Problem> {
    let running = site.handle.config().lock().clone();
    work.run(move || read(running, &text)).await?
}

/// Parses and validates a configuration; secrets that are omitted in it are taken from the running
/// one. Reads no file: tokens in files are those of the running configuration.
fn read(mut running: Config, text: &str) -> Result<Config, Problem> {
    let filled = secret::filled(text, &running.text);
    if secret::has_blank(&filled) {
        return Err(wrong(
            "A secret is \"***\" or \"?…\", but the running configuration has no such secret.",
        ));
    }
    let mut config = Config::from_toml(&filled).map_err(|error| refused(&error))?;
    for (place, service) in config.services.iter().enumerate() {
        if let Err(error) = MetricQuery::new(&service.settings.rule.metrics()) {
            let key = format!("service[{place}].policy.metric");
            let detail = format!("{key}: {}", error.kind());
            return Err(wrong(&detail).with("key", key));
        }
    }
    config.keep_tokens(&mut running);
    Ok(config)
}

fn refused(error: &ConfigError) -> Problem {
    let ConfigError::Invalid(errors) = error else {
        return wrong(&quoted(&error.to_string()));
    };
    let lines: Vec<String> = errors.iter().map(|it| quoted(&it.to_string())).collect();
    let problem = wrong(&lines.join("\n"));
    match errors.first() {
        Some(first) => problem.with("key", quoted(&first.key)),
        None => problem,
    }
}

fn wrong(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        detail,
        "Nothing has changed. Correct the configuration and send it again.",
    )
}

/// Fails unless the client has read the current configuration.
fn is_expected(site: &Site, headers: &HeaderMap) -> Result<(), Problem> {
    const ADVICE: &str = "Read /api/v1/config again, and send its ETag as If-Match; If-Match: * \
                          replaces whatever is there.";

    let lines = headers.get_all(IF_MATCH).iter();
    let given: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    if given.is_empty() {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "The header If-Match is missing.",
            ADVICE,
        ));
    }
    let version = version(site, &site.handle.config().lock());
    let mut given = given.iter().flat_map(|line| line.split(',')).map(str::trim);
    if given.any(|given| given == "*" || given.as_bytes() == version.as_bytes()) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "The configuration has changed since it was read.",
        ADVICE,
    ))
}

fn version(site: &Site, config: &Config) -> HeaderValue {
    let version = site.api.versions.hash_one(&config.text);
    HeaderValue::from_str(&format!("\"{version:016x}\""))
        .expect("quotes and hexadecimal digits may stand in a header")
}
