//! The page.
//!
//! | path | content |
//! | --- | --- |
//! | `/` | the page, self-contained; it refreshes every two seconds, with or without scripts |
//! | `/api/flows` | the same flows as JSON, with the last minutes |
//! | `/api/matrix` | the matrix of services as JSON |
//! | `/api/complete` | completions of a `text` in a `field` |
//! | `/api/presets` | the presets |
//!
//! All read the question from the query string: `keys`, `value`, `filter`, `top`, `least`, `aggregate`,
//! `smooth`, `sort`. Reading changes nothing.

mod html;
mod link;
mod page;
mod parts;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;
use serve::Json;

use crate::completion::Completion;
use crate::matrix::{self, Matrix};
use crate::model::{Busy, Client, QUESTION_TIMEOUT, Shared, Status};
use crate::once::{Document, MatrixDocument, SERVICES};
use crate::picture::Picture;
use crate::preset::Preset;
use crate::question::{Field, Mistake, Question};
use link::{Asked, Params};

/// The default address, which only this machine can reach.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8008);

/// The page of a model.
#[derive(Clone, Debug)]
pub struct Site(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    model: Shared,
    /// The question of a request without one.
    question: Question,
    presets: Vec<Preset>,
}

/// Parses an address to serve on: a port, an address, or both.
///
/// # Errors
///
/// If it is neither; the error is a message for users.
pub fn address(text: &str) -> Result<SocketAddr, &'static str> {
    serve::listen_address(text, DEFAULT).ok_or(
        "expected a port, an address, or both, as in 8008 or 0.0.0.0:8008; \
         put the capture before --web",
    )
}

impl Site {
    /// The page of a model with an initial question.
    pub fn new(model: Shared, question: Question, presets: Vec<Preset>) -> Self {
        Self(Arc::new(Inside {
            model,
            question,
            presets,
        }))
    }

    /// The current answer to a question, and the status of the stream.
    fn ask(&self, question: &Question) -> Result<(Option<Picture>, Status), Busy> {
        let mut model = self.0.model.lock();
        let picture = model.ask(question, Client::Remote, Instant::now())?;
        Ok((picture, model.status.clone()))
    }
}

impl Site {
    /// Completions of the text of a field.
    fn completions(&self, field: Field, asked: &Asked) -> Vec<Completion> {
        let text = asked.fields.text(field);
        let text = match field {
            Field::Keys if !text.is_empty() => format!("{text},"),
            Field::Filter if !text.is_empty() => format!("{text}&"),
            Field::Value => String::new(),
            _ => text.to_owned(),
        };
        self.0.model.lock().complete(field, &text)
    }
}

/// Starts a thread that serves the page until the program ends; returns its address.
///
/// # Errors
///
/// If the address is not available.
pub fn serve(address: SocketAddr, site: Site) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("cannot serve the page on {address}: give --web another address")
    })?;
    let listening = listener.local_addr()?;
    // An error cannot be reported later: the screen belongs to the terminal interface.
    let ended = |_| {};
    let router = router(site);
    serve::serve_in_thread("page", listener, router, std::future::pending(), ended)?;
    Ok(listening)
}

fn router(site: Site) -> Router {
    let router = Router::new()
        .route("/", get(show_page))
        .route("/script.js", get(show_script))
        .route("/api/flows", get(get_flows))
        .route("/api/matrix", get(get_matrix))
        .route("/api/complete", get(complete))
        .route("/api/presets", get(get_presets))
        .fallback(not_found)
        .with_state(site);
    serve::restrict_browsers(serve::protect(router)).layer(middleware::from_fn(close))
}

type Asking = Result<Query<Params>, QueryRejection>;

async fn show_page(State(site): State<Site>, params: Asking) -> Response {
    let Ok(Query(params)) = params else {
        return (StatusCode::BAD_REQUEST, "The question cannot be parsed.\n").into_response();
    };
    let asked = params.read(&site.0.question);
    let asked_for = match asked.is_matrix {
        true => matrix::question(&asked.question),
        false => asked.question.clone(),
    };
    let (picture, status) = match (&asked.mistake, site.ask(&asked_for)) {
        (None, Ok(answered)) => answered,
        (None, Err(busy)) => {
            return unavailable(QUESTION_TIMEOUT, format!("{busy}\n"));
        }
        (Some(_), _) => (None, site.0.model.lock().status.clone()),
    };
    let completions = match asked.is_part {
        true => Default::default(),
        false => Field::ALL.map(|field| site.completions(field, &asked)),
    };
    let page = page::Page {
        asked: &asked,
        picture: picture.as_ref(),
        status: &status,
        presets: &site.0.presets,
        completions: &completions,
    };
    let code = match asked.mistake {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    (code, Html(page.to_string())).into_response()
}

async fn show_script() -> Response {
    const SCRIPT: &str = include_str!("script.js");
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

async fn get_flows(State(site): State<Site>, params: Asking) -> Response {
    let asked = match read(&site, params) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    match site.ask(&asked.question) {
        Ok((Some(picture), status)) => Json(Document::new(&picture, &status, true)).into_response(),
        Ok((None, status)) => waiting(&status),
        Err(busy) => unavailable(QUESTION_TIMEOUT, Json(json!({"error": busy.to_string()}))),
    }
}

async fn get_matrix(State(site): State<Site>, params: Asking) -> Response {
    let asked = match read(&site, params) {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    match site.ask(&matrix::question(&asked.question)) {
        Ok((Some(picture), status)) => {
            let matrix = Matrix::new(&picture, SERVICES);
            Json(MatrixDocument::new(&matrix, &status)).into_response()
        }
        Ok((None, status)) => waiting(&status),
        Err(busy) => unavailable(QUESTION_TIMEOUT, Json(json!({"error": busy.to_string()}))),
    }
}

async fn get_presets(State(site): State<Site>) -> Response {
    Json(&site.0.presets).into_response()
}

#[derive(Debug, Deserialize)]
struct Typing {
    field: Field,
    #[serde(default)]
    text: String,
}

async fn complete(
    State(site): State<Site>,
    typing: Result<Query<Typing>, QueryRejection>,
) -> Response {
    match typing {
        Ok(Query(typing)) if typing.text.len() <= link::LONGEST => {
            let completions = site.0.model.lock().complete(typing.field, &typing.text);
            Json(completions).into_response()
        }
        _ => refusal(
            StatusCode::BAD_REQUEST,
            "expected a field (keys, value or filter) and a text",
        ),
    }
}

fn read(site: &Site, params: Asking) -> Result<Box<Asked>, Box<Response>> {
    let Ok(Query(params)) = params else {
        let message = "the question cannot be parsed";
        return Err(Box::new(refusal(StatusCode::BAD_REQUEST, message)));
    };
    let asked = params.read(&site.0.question);
    match asked.mistake {
        None => Ok(Box::new(asked)),
        Some(mistake) => Err(Box::new(mistaken(&mistake))),
    }
}

fn mistaken(mistake: &Mistake) -> Response {
    let Mistake {
        field,
        position,
        message,
    } = mistake;
    let body = json!({"error": message, "field": field, "position": position});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn refusal(code: StatusCode, message: &str) -> Response {
    (code, Json(json!({"error": message}))).into_response()
}

fn waiting(status: &Status) -> Response {
    let body = json!({"error": "no datagrams received yet", "stream": status});
    unavailable(Duration::from_secs(2), Json(body))
}

/// A response to a request that may succeed after `retry`.
fn unavailable(retry: Duration, body: impl IntoResponse) -> Response {
    let retry = [(RETRY_AFTER, retry.as_secs().to_string())];
    (StatusCode::SERVICE_UNAVAILABLE, retry, body).into_response()
}

async fn not_found() -> Response {
    let message = "Not found. Available paths: /, /api/flows, /api/matrix, /api/complete and \
                   /api/presets.\n";
    (StatusCode::NOT_FOUND, message).into_response()
}

/// Closes the connection after each response.
async fn close(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    ([(CONNECTION, "close")], response).into_response()
}

#[cfg(test)]
mod limits;
