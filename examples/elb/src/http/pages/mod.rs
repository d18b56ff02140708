//! The HTML page. The folder `templates` contains its markup.

mod card;
mod signal;
mod table;
mod text;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use client::segment;
use sflow_autoscale::observe::ContainerView;
use sflow_metrics::Timestamp;

use self::card::Card;
use self::table::Table;
use self::text::{
    agents, failure, further_agents, health, hosts, input, loads, meaning, operation, peer,
    refused, task_state,
};
use super::Site;
use super::diagnosis::Diagnosis;
use crate::diagnose::{Finding, Level, TelemetryFacts};
use crate::format::{Scale, clock, date, duration, unix};
use crate::policy::{self, SubjectKind};
use crate::status::Entry;
use crate::view::{DecisionView, ServiceView, Snapshot};

/// Script: pauses updates and changes modes.
pub(super) const SCRIPT: &str = include_str!("../../../templates/script.js");

/// With more services than this, a table is shown instead of cards.
const CARDS: usize = 3;
/// Points of a history in a small chart.
const GLANCE: usize = 90;
/// Maximum number of changes on the overview.
const CHANGES: usize = 20;
/// Maximum number of current problems on a page.
const PROBLEMS: usize = 10;
/// Maximum number of decisions on the page of a service or pool.
const DECISIONS: usize = 200;
/// Maximum number of events on the page of a pool.
const EVENTS: usize = 100;
/// Maximum number of containers and machines in a table.
const ROWS: usize = 100;
/// Maximum number of agents in a table; silent ones come first.
const AGENTS: usize = 50;

/// Header and footer of a page.
struct Frame<'a> {
    snapshot: &'a Snapshot,
    title: &'a str,
    /// CSS class of the body.
    class: &'static str,
    /// Path of the same content in the API.
    data: String,
    has_token: bool,
    /// Messages of the problems of the loop, and of data without which it cannot decide.
    problems: Vec<String>,
}

impl<'a> Frame<'a> {
    fn new(
        site: &Site,
        snapshot: &'a Snapshot,
        diagnosis: &Diagnosis,
        title: &'a str,
        data: String,
    ) -> Self {
        let problems = snapshot.problems.iter().map(|it| it.words.clone());
        let wrong = diagnosis.incomplete.iter();
        let wrong = wrong.filter(|it| it.level == Level::Wrong);
        Self {
            snapshot,
            title,
            class: "",
            data,
            has_token: site.access.token.is_some(),
            problems: problems.chain(wrong.map(Finding::sentences)).collect(),
        }
    }

    /// Why modes cannot be changed here.
    fn standby(&self) -> &'static str {
        match self.snapshot.leader.is_standby() {
            true => "This instance is a standby: change modes on the page of the leader.",
            false => "",
        }
    }

    /// The speed, unless it is real time.
    fn speed(&self) -> Option<String> {
        let speed = self.snapshot.speed;
        let is_shown = speed.is_finite() && speed > 0.0 && speed != 1.0;
        is_shown.then(|| Scale::fitting("", speed).number(speed))
    }
}

/// The overview: services, pools, agents, incomplete data.
#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    frame: Frame<'a>,
    when: When,
    /// Instead of the services' cards, if there are many services.
    table: Option<Table<'a>>,
    /// The last changes of all services, newest first.
    changes: Vec<&'a DecisionView>,
    cards: Vec<Card<'a>>,
    telemetry: &'a TelemetryFacts,
    is_complete: bool,
    /// Findings that are not among the current problems of the page.
    further: Vec<&'a Finding>,
}

/// The page of a service or pool.
#[derive(Template)]
#[template(path = "subject.html")]
struct Subject<'a> {
    frame: Frame<'a>,
    when: When,
    card: Card<'a>,
    containers: Vec<ContainerView>,
    entries: Vec<Arc<Entry>>,
}

/// The overview, with the services whose names contain the search text.
pub(super) fn overview(site: &Site, sought: &str) -> Response {
    let mut snapshot = site.handle.snapshot(GLANCE);
    let is_many = snapshot.services.len() > CARDS;
    if !is_many {
        snapshot = site.handle.snapshot(usize::MAX);
    }
    let status = site.handle.status().lock();
    let when = When::new(&snapshot, status.started());
    let last = match is_many {
        true => status.last_decisions(),
        false => HashMap::new(),
    };
    drop(status);
    let is_change = |it: &&DecisionView| {
        it.from != it.to && !it.service.is_empty() && it.kind == SubjectKind::Service
    };
    let changes = snapshot.decisions.iter().rev().filter(is_change);
    let services = snapshot.services.iter().filter(|_| !is_many);
    let services = services.map(|it| Card::on_overview(&snapshot, it.clone(), None));
    let pools = snapshot.pools.iter();
    let pools = pools.map(|it| Card::on_overview(&snapshot, it.as_service(), Some(it)));
    let diagnosis = site.diagnosis();
    let (title, data) = (&snapshot.title, "/api/v1/snapshot".to_owned());
    let frame = Frame {
        class: if is_many { "many" } else { "" },
        ..Frame::new(site, &snapshot, &diagnosis, title, data)
    };
    let problems = frame.problems.iter().take(PROBLEMS);
    let problems: HashSet<String> = problems.cloned().collect();
    let further = diagnosis.incomplete.iter();
    let further = further.filter(|it| !problems.contains(&it.sentences()));
    let page = Overview {
        frame,
        when,
        table: is_many.then(|| Table::new(&snapshot.services, &last, sought)),
        changes: changes.take(CHANGES).collect(),
        cards: services.chain(pools).collect(),
        telemetry: &diagnosis.telemetry,
        is_complete: diagnosis.incomplete.is_empty(),
        further: further.collect(),
    };
    rendered(&page)
}

/// The page of a service or pool; `None` if it is unknown.
pub(super) fn of_subject(site: &Site, subject: &policy::Subject) -> Option<Response> {
    let (kind, name) = (subject.kind, &subject.name);
    let snapshot = site.handle.snapshot(0);
    let diagnosis = site.diagnosis();
    let containers = match kind {
        SubjectKind::Service => site.handle.containers(name),
        SubjectKind::Pool => Vec::new(),
    };
    let data = format!("/api/v1/{}s/{}", kind.name(), segment(name));
    let status = site.handle.status().lock();
    let pool = match kind {
        SubjectKind::Service => None,
        SubjectKind::Pool => Some(status.pool_view(status.pool(name)?, usize::MAX, EVENTS)),
    };
    let view = match &pool {
        Some(pool) => pool.as_service(),
        None => status.view(name)?,
    };
    let further = view.signals.iter().enumerate().skip(1);
    let further = further.filter(|_| kind == SubjectKind::Service);
    let further = further.map(|(place, signal)| ServiceView {
        signals: vec![signal.clone()],
        past: status.points_of_metric(subject, place),
        ..view.clone()
    });
    let further = further.collect();
    let page = Subject {
        frame: Frame::new(site, &snapshot, &diagnosis, name, data),
        when: When::new(&snapshot, status.started()),
        entries: status.history().about(subject).cloned().collect(),
        containers,
        card: Card {
            further,
            decisions: status.decisions(subject),
            ..Card::new(&snapshot, view, pool.as_ref())
        },
    };
    drop(status);
    Some(rendered(&page))
}

fn rendered(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Formats times: the time of day if the loop runs by the wall clock, otherwise the time since its
/// start.
#[derive(Clone, Copy, Debug)]
struct When {
    has_clock: bool,
    /// Seconds since the start of the loop.
    elapsed: f64,
    started: Timestamp,
}

/// A formatted time.
struct Time {
    /// Day and time of day.
    clock: Option<(String, String)>,
    /// Since the start of the loop.
    at: String,
    ago: String,
}

impl When {
    fn new(snapshot: &Snapshot, started: Timestamp) -> Self {
        Self {
            has_clock: snapshot.began.is_some(),
            elapsed: snapshot.elapsed,
            started,
        }
    }

    /// Time of a decision.
    fn decided(&self, time: Timestamp) -> Time {
        self.time((time - self.started).as_secs_f64(), time)
    }

    /// A time, given as seconds since the start and as a timestamp.
    fn time(&self, at: f64, time: Timestamp) -> Time {
        let unix = unix(time);
        Time {
            clock: self.has_clock.then(|| (date(unix), clock(unix))),
            at: duration(at),
            ago: duration(self.elapsed - at),
        }
    }
}
