//! The page as HTML: a room for each card.

mod decisions;
mod head;
mod modes;
mod service;
mod signal;
mod telemetry;

use super::html::Text;
use crate::chart;
use crate::view::Snapshot;

/// What keeps the page as it is now, and switches modes.
pub(super) const SCRIPT: &str = include_str!("script.js");

/// The whole page.
pub(super) fn render(snapshot: &Snapshot) -> String {
    let title = Text(&snapshot.title);
    let style = include_str!("style.css");
    let night = chart::night_rules();
    let facts = head::facts(snapshot);
    let all = modes::buttons(None, &snapshot.mode);
    let dialog = modes::DIALOG;
    let services = match snapshot.services.as_slice() {
        [] => "<p class=\"card quiet\">Waiting for the first look at the services.</p>".to_owned(),
        services => services
            .iter()
            .map(|service| service::card(service, &snapshot.decisions))
            .collect(),
    };
    let intake = telemetry::card(&snapshot.intake);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n\
         <title>{title} · elastic load balancing</title>\n\
         <style>\n{style}@media (prefers-color-scheme: dark) {{{night}}}\n</style>\n</head>\n<body>\n\
         <header>\n<h1>Elastic load balancing</h1>\n<p class=\"facts\">{facts}{all}</p>\n</header>\n\
         <main>\n{services}{intake}</main>\n\
         <footer>The same as data: <a href=\"/api/v1/snapshot\">/api/v1/snapshot</a></footer>\n\
         {dialog}<script src=\"/script.js\"></script>\n</body>\n</html>\n"
    )
}
