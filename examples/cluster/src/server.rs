//! Answers of a worker over HTTP.

use std::io;
use std::net::TcpListener;
use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serve::{Problem, Work};
use sflow_metrics::{Timestamp, flow, query};
use untrusted::report;

use crate::partitions::{Partitions, Unanswerable};
use crate::protocol::{self, Contribution, Request};

type Parameters = Result<Query<Request>, QueryRejection>;
type Answer<P> = Result<Json<Contribution<P>>, Problem>;

/// Answers requests in a thread that ends with the program.
pub(crate) fn serve(listener: TcpListener, partitions: Partitions) -> io::Result<()> {
    let router = Router::new()
        .route("/partitions", get(list))
        .route("/query", get(answer_query))
        .route("/flows", get(answer_flows))
        .with_state(partitions);
    let ended = |result: io::Result<()>| {
        if let Err(error) = result {
            report!("queries are no longer answered: {error}");
        }
    };
    let router = serve::protect(router);
    serve::serve_in_thread("http", listener, router, std::future::pending(), ended)
}

async fn list(State(partitions): State<Partitions>) -> Json<protocol::Partitions> {
    Json(partitions.list())
}

async fn answer_query(
    State(partitions): State<Partitions>,
    Extension(work): Extension<Work>,
    parameters: Parameters,
) -> Answer<query::Partial> {
    let request = parameters.map_err(|error| invalid(&error.to_string()))?.0;
    let (query, numbers) = (parse::<query::Query>(&request.text)?, numbers(&request)?);
    let at = Timestamp::from_nanos(request.at);
    let answer = move || partitions.query(at, &query, &numbers);
    work.run(answer).await?.map(Json).map_err(problem)
}

async fn answer_flows(
    State(partitions): State<Partitions>,
    Extension(work): Extension<Work>,
    parameters: Parameters,
) -> Answer<flow::Partial> {
    let request = parameters.map_err(|error| invalid(&error.to_string()))?.0;
    let (flows, numbers) = (
        parse::<flow::Definition>(&request.text)?,
        numbers(&request)?,
    );
    let at = Timestamp::from_nanos(request.at);
    let answer = move || partitions.flows(at, &flows, &numbers);
    work.run(answer).await?.map(Json).map_err(problem)
}

fn parse<T: FromStr<Err: ToString>>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|error: T::Err| invalid(&error.to_string()))
}

fn numbers(request: &Request) -> Result<Vec<i32>, Problem> {
    let numbers = request.partitions.split(',').map(str::parse);
    let numbers: Result<_, _> = numbers.collect();
    numbers.map_err(|_| invalid("partitions: expected numbers, separated by commas"))
}

fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail, "Correct the parameters.")
}

fn problem(error: Unanswerable) -> Problem {
    match error {
        Unanswerable::NotWatched => Problem::new(
            StatusCode::NOT_FOUND,
            "This worker does not keep these flows or this window.",
            "Start all workers with --flows or --watch and the same text.",
        ),
        Unanswerable::Merge => Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "The answers of the partitions exceed a limit.",
            "Select less, or group by fewer keys.",
        ),
    }
}
