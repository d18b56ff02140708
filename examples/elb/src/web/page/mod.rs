//! The page as HTML: a room for each card.

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
use crate::chart;
use crate::policy::SubjectKind;
use crate::presence::Presence;
use crate::view::{DecisionView, PoolView, ServiceView, Snapshot};

/// What keeps the page as it is now, and switches modes.
pub(super) const SCRIPT: &str = include_str!("script.js");

/// With more services than these there is a table of all of them, and a page for each.
const CARDS: usize = 3;
/// Points of a past that is drawn beside others.
const GLANCE: usize = 90;

/// What is looked for on the first page.
#[derive(Debug, Default)]
pub(super) struct Sought(pub(super) String);

/// The first page: services at a glance, who reports, what is missing.
pub(super) fn index(site: &Site, sought: &Sought) -> String {
    let mut snapshot = site.glance(GLANCE);
    let is_many = snapshot.services.len() > CARDS;
    if !is_many {
        snapshot = site.glance(usize::MAX);
    }
    let when = When::of(&snapshot, site.handle.board().lock().started());
    let presence = Presence::look(&site.handle);
    let services = match (snapshot.services.as_slice(), is_many) {
        ([], _) => {
            "<p class=\"card quiet\">Waiting for the first look at the services.</p>\n".to_owned()
        }
        (services, true) => {
            let decisions = decisions::recent(&snapshot.decisions, &when);
            let last = site.handle.board().lock().last_decisions();
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
    let troubles = troubles(&snapshot.troubles);
    let telemetry = telemetry::card(&snapshot.intake, &presence);
    let pool = |pool: &PoolView| {
        let own = about(&snapshot, SubjectKind::Pool, &pool.standing.name);
        pool::card(pool, &own, &when)
    };
    let pools: String = snapshot.pools.iter().map(pool).collect();
    let main = format!("{troubles}{services}{pools}{telemetry}");
    let width = if is_many { "many" } else { "" };
    whole(
        site,
        &snapshot,
        (&snapshot.title, width),
        &main,
        "/api/v1/snapshot",
    )
}

/// The last decisions about one.
fn about(snapshot: &Snapshot, kind: SubjectKind, name: &str) -> Vec<DecisionView> {
    let decisions = snapshot.decisions.iter();
    let own = decisions.filter(|it| it.kind == kind && it.service == name);
    own.cloned().collect()
}

/// The page of one service; `None` if it is not known.
pub(super) fn of_service(site: &Site, name: &str) -> Option<String> {
    let mut snapshot = site.glance(0);
    let place = snapshot.services.iter().position(|it| it.name == name)?;
    let mut service = snapshot.services.swap_remove(place);
    let board = site.handle.board().lock();
    service.past = board.past(name);
    let further = service.signals.iter().enumerate().skip(1);
    let further: Vec<ServiceView> = further
        .map(|(place, signal)| ServiceView {
            signals: vec![signal.clone()],
            past: board.past_by(name, place),
            ..service.clone()
        })
        .collect();
    let entries: Vec<_> = board
        .history()
        .about(SubjectKind::Service, name)
        .cloned()
        .collect();
    let decisions = board.decisions(SubjectKind::Service, name);
    drop(board);
    let when = When::of(&snapshot, site.handle.board().lock().started());
    let containers = site.handle.containers(name);
    let containers = containers::card(&service, &containers);
    let card = service::whole(&service, &further, &decisions, &when);
    let history = decisions::history(SubjectKind::Service, &service, &entries, &when);
    let troubles = troubles(&snapshot.troubles);
    let main =
        format!("<nav><a href=\"/\">all services</a></nav>\n{troubles}{card}{containers}{history}");
    let data = format!("/api/v1/services/{}", Segment(name));
    Some(whole(site, &snapshot, (name, ""), &main, &data))
}

/// The page of one pool of machines; `None` if it is not known.
pub(super) fn of_pool(site: &Site, name: &str) -> Option<String> {
    /// Events that are shown.
    const EVENTS: usize = 100;
    let snapshot = site.glance(0);
    let board = site.handle.board().lock();
    let pool = board.pool_view(board.pool(name)?, usize::MAX, EVENTS);
    let entries: Vec<_> = board
        .history()
        .about(SubjectKind::Pool, name)
        .cloned()
        .collect();
    let decisions = board.decisions(SubjectKind::Pool, name);
    let when = When::of(&snapshot, board.started());
    drop(board);
    let card = pool::whole(&pool, &decisions, &when);
    let history = decisions::history(SubjectKind::Pool, &pool.as_service(), &entries, &when);
    let troubles = troubles(&snapshot.troubles);
    let main = format!("<nav><a href=\"/\">all of it</a></nav>\n{troubles}{card}{history}");
    let data = format!("/api/v1/pools/{}", Segment(name));
    Some(whole(site, &snapshot, (name, ""), &main, &data))
}

/// Current problems.
fn troubles(troubles: &[String]) -> String {
    const TOLD: usize = 10;
    let item = |trouble: &String| format!("<li><bdi>{}</bdi></li>\n", Text(trouble));
    let items: String = troubles.iter().take(TOLD).map(item).collect();
    let more = match troubles.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!("<li>and {more} more</li>\n"),
    };
    match troubles.is_empty() {
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
    let night = chart::night_rules();
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
         <footer>The same as data: <a href=\"{data}\">{data}</a>, \
         <a href=\"/api/v1/openapi.json\">all of the API</a>, \
         <a href=\"/metrics\">metrics</a>. elb {version}</footer>\n\
         {dialog}<script src=\"/script.js\"></script>\n</body>\n</html>\n"
    )
}
