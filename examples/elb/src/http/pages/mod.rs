//! The HTML page.

mod containers;
mod decisions;
mod head;
mod modes;
mod overview;
mod pool;
mod service;
mod signal;
mod sparkline;
mod telemetry;
mod when;

use self::when::When;
use super::Site;
use super::html::{Segment, Text};
use crate::charts;
use crate::diagnose::Facts;
use crate::policy::{Subject, SubjectKind};
use crate::view::{DecisionView, PoolView, ServiceView, Snapshot};

/// Script: pauses updates and changes modes.
pub(super) const SCRIPT: &str = include_str!("script.js");

/// With more services than this, a table is shown instead of cards.
const CARDS: usize = 3;
/// Points of a history in a small chart.
const GLANCE: usize = 90;

/// Search text of the overview.
#[derive(Debug, Default)]
pub(super) struct Sought(pub(super) String);

/// The overview: services, agents, incomplete data.
pub(super) fn index(site: &Site, sought: &Sought) -> String {
    let mut snapshot = site.glance(GLANCE);
    let is_many = snapshot.services.len() > CARDS;
    if !is_many {
        snapshot = site.glance(usize::MAX);
    }
    let when = When::of(&snapshot, site.handle.status().lock().started());
    let facts = Facts::of_loop(&site.handle);
    let services = match (snapshot.services.as_slice(), is_many) {
        ([], _) => "<p class=\"card quiet\">Waiting for the first round.</p>\n".to_owned(),
        (services, true) => {
            let decisions = decisions::recent(&snapshot.decisions, &when);
            let last = site.handle.status().lock().last_decisions();
            overview::card(services, &last, &when, sought) + &decisions
        }
        (services, false) => {
            let one = |service: &ServiceView| {
                let own = about(&snapshot, SubjectKind::Service, &service.name);
                service::card(service, &own, &when)
            };
            services.iter().map(one).collect()
        }
    };
    let problems = problems(&snapshot.troubles);
    let telemetry = telemetry::card(&snapshot.intake, &facts);
    let pool = |pool: &PoolView| {
        let own = about(&snapshot, SubjectKind::Pool, &pool.status.name);
        pool::card(pool, &own, &when)
    };
    let pools: String = snapshot.pools.iter().map(pool).collect();
    let main = format!("{problems}{services}{pools}{telemetry}");
    let width = if is_many { "many" } else { "" };
    whole(
        site,
        &snapshot,
        (&snapshot.title, width),
        &main,
        "/api/v1/snapshot",
    )
}

/// Decisions about one service or pool.
fn about(snapshot: &Snapshot, kind: SubjectKind, name: &str) -> Vec<DecisionView> {
    let decisions = snapshot.decisions.iter();
    let own = decisions.filter(|it| it.kind == kind && it.service == name);
    own.cloned().collect()
}

/// The page of a service; `None` if it is unknown.
pub(super) fn of_service(site: &Site, name: &str) -> Option<String> {
    let mut snapshot = site.glance(0);
    let place = snapshot.services.iter().position(|it| it.name == name)?;
    let mut service = snapshot.services.swap_remove(place);
    let status = site.handle.status().lock();
    service.past = status.points(&Subject::service(name));
    let further = service.signals.iter().enumerate().skip(1);
    let further: Vec<ServiceView> = further
        .map(|(place, signal)| ServiceView {
            signals: vec![signal.clone()],
            past: status.points_of_metric(&Subject::service(name), place),
            ..service.clone()
        })
        .collect();
    let entries: Vec<_> = status
        .history()
        .about(SubjectKind::Service, name)
        .cloned()
        .collect();
    let decisions = status.decisions(SubjectKind::Service, name);
    drop(status);
    let when = When::of(&snapshot, site.handle.status().lock().started());
    let containers = site.handle.containers(name);
    let containers = containers::card(&service, &containers);
    let card = service::whole(&service, &further, &decisions, &when);
    let history = decisions::history(SubjectKind::Service, &service, &entries, &when);
    let problems = problems(&snapshot.troubles);
    let main =
        format!("<nav><a href=\"/\">all services</a></nav>\n{problems}{card}{containers}{history}");
    let data = format!("/api/v1/services/{}", Segment(name));
    Some(whole(site, &snapshot, (name, ""), &main, &data))
}

/// The page of a node pool; `None` if it is unknown.
pub(super) fn of_pool(site: &Site, name: &str) -> Option<String> {
    /// Number of events.
    const EVENTS: usize = 100;
    let snapshot = site.glance(0);
    let status = site.handle.status().lock();
    let pool = status.pool_view(status.pool(name)?, usize::MAX, EVENTS);
    let entries: Vec<_> = status
        .history()
        .about(SubjectKind::Pool, name)
        .cloned()
        .collect();
    let decisions = status.decisions(SubjectKind::Pool, name);
    let when = When::of(&snapshot, status.started());
    drop(status);
    let card = pool::whole(&pool, &decisions, &when);
    let history = decisions::history(SubjectKind::Pool, &pool.as_service(), &entries, &when);
    let problems = problems(&snapshot.troubles);
    let main = format!("<nav><a href=\"/\">overview</a></nav>\n{problems}{card}{history}");
    let data = format!("/api/v1/pools/{}", Segment(name));
    Some(whole(site, &snapshot, (name, ""), &main, &data))
}

/// Current problems.
fn problems(problems: &[String]) -> String {
    const LISTED: usize = 10;
    let item = |problem: &String| format!("<li><bdi>{}</bdi></li>\n", Text(problem));
    let items: String = problems.iter().take(LISTED).map(item).collect();
    let more = match problems.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("<li>and {more} more</li>\n"),
    };
    match problems.is_empty() {
        true => String::new(),
        false => format!(
            "<section class=\"card alert\">\n<h2>Current problems</h2>\n\
             <ul>\n{items}{more}</ul>\n</section>\n"
        ),
    }
}

fn whole(
    site: &Site,
    snapshot: &Snapshot,
    (title, class): (&str, &str),
    main: &str,
    data: &str,
) -> String {
    let title = Text(title);
    let style = include_str!("style.css");
    let night = charts::night_rules();
    let head = head::render(snapshot);
    let version = env!("CARGO_PKG_VERSION");
    let dialog = modes::dialog(site.access.token.is_some());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\n\
         <title>{title} · elastic load balancing</title>\n\
         <style>\n{style}@media (prefers-color-scheme: dark) {{{night}}}\n</style>\n</head>\n<body class=\"{class}\">\n\
         <header>\n{head}</header>\n<main>\n{main}</main>\n\
         <footer>Data of this page: <a href=\"{data}\">{data}</a>, \
         <a href=\"/api/v1/openapi.json\">API description</a>, \
         <a href=\"/metrics\">metrics</a>. elb {version}</footer>\n\
         {dialog}<script src=\"/script.js\"></script>\n</body>\n</html>\n"
    )
}
