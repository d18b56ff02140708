//! The configuration: to be read, tried, and replaced as a whole.

use std::hash::{BuildHasher as _, RandomState};

use axum::Extension;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, RETRY_AFTER, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serve::{Json, Work};
use tokio::sync::{Mutex, Semaphore};

use super::accept::{JSON, TOML, preferred};
use super::input::{Nothing, Params, Toml};
use super::mode::tell;
use super::secret;
use crate::config::{Config, ConfigError};
use crate::handle;
use crate::web::Site;
use crate::web::access::{CostlyRead, Permit};
use serve::{Problem, quoted};
use sflow_autoscale::observe::MetricQuery;

/// What keeps those who change the configuration out of each other's way.
#[derive(Debug)]
pub(super) struct Own {
    /// One at a time, from the comparison to the end.
    turn: Mutex<()>,
    /// Makes a version of a configuration without telling what is in it.
    versions: RandomState,
    /// Configurations that are received or validated at a time: each takes memory.
    validating: Semaphore,
}

/// Configurations that are validated at a time.
const MOST_VALIDATING: usize = 8;

impl Default for Own {
    fn default() -> Self {
        Self {
            turn: Mutex::default(),
            versions: RandomState::default(),
            validating: Semaphore::new(MOST_VALIDATING),
        }
    }
}

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

pub(super) async fn replace(
    State(site): State<Site>,
    _: Permit,
    Extension(work): Extension<Work>,
    headers: HeaderMap,
    _: Params<Nothing>,
    Toml(text): Toml,
) -> Result<Response, Problem> {
    let turn = site.api.configuration.turn.lock().await;
    is_expected(&site, &headers)?;
    let config = parse(&site, work, text).await?;
    tell(&site, handle::Request::Configure(Box::new(config))).await?;
    drop(turn);
    let config = site.handle.config().lock().clone();
    let headers = [(ETAG, version(&site, &config))];
    Ok((headers, Json(Verdict::of(&config))).into_response())
}

pub(super) async fn validate(
    State(site): State<Site>,
    _: CostlyRead,
    Extension(work): Extension<Work>,
    _: Params<Nothing>,
    request: Request,
) -> Result<Json<Verdict>, Problem> {
    let Ok(_permit) = site.api.configuration.validating.try_acquire() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many configurations are being validated.",
            "Ask again in a moment.",
        )
        .header(RETRY_AFTER, HeaderValue::from_static("1")));
    };
    let Toml(text) = Toml::from_request(request, &site).await?;
    let config = parse(&site, work, text).await?;
    Ok(Json(Verdict::of(&config)))
}

#[derive(Serialize)]
pub(super) struct Verdict {
    /// The services that are configured.
    services: Vec<String>,
}

impl Verdict {
    fn of(config: &Config) -> Self {
        let names = config.services.iter().map(|service| service.name.clone());
        Self {
            services: names.collect(),
        }
    }
}

/// The configuration of a text, off this thread.
async fn parse(site: &Site, work: Work, text: String) -> Result<Config, Problem> {
    let running = site.handle.config().lock().clone();
    work.run(move || read(running, &text)).await?
}

/// The configuration, all of which is right, with the secrets that are left out in it. No file is
/// read: tokens in files are those that the running configuration has from the same files.
fn read(mut running: Config, text: &str) -> Result<Config, Problem> {
    let filled = secret::filled(text, &running.text);
    let mut config = Config::from_toml(&filled).map_err(|error| {
        // What is wrong is quoted: never from where the secrets are.
        match Config::from_toml(text) {
            Err(error) => refused(error),
            Ok(_) if filled == text => refused(error),
            Ok(_) => wrong("A secret that is left out cannot stay as it is."),
        }
    })?;
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

fn refused(error: ConfigError) -> Problem {
    let words = error.to_string();
    // It may quote a line, and a line may be of any length.
    let lines: Vec<String> = words.lines().take(10).map(quoted).collect();
    let problem = wrong(&lines.join("\n"));
    match error {
        ConfigError::Value { key, .. } => problem.with("key", quoted(&key)),
        _ => problem,
    }
}

fn wrong(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        detail,
        "Nothing has changed. Put it right and send all of it again.",
    )
}

/// Refuses who has not seen the configuration that he is about to replace.
fn is_expected(site: &Site, headers: &HeaderMap) -> Result<(), Problem> {
    const ADVICE: &str = "Read /api/v1/config again, and send its ETag as If-Match; If-Match: * \
                          replaces whatever is there.";

    let lines = headers.get_all(IF_MATCH).iter();
    let given: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    if given.is_empty() {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "Nothing says which configuration is to be replaced.",
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
    let versions = &site.api.configuration.versions;
    let version = versions.hash_one(&config.text);
    HeaderValue::from_str(&format!("\"{version:016x}\""))
        .expect("quotes and hexadecimal digits may stand in a header")
}
