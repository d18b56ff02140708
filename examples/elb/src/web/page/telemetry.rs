//! The card of what arrives.

use crate::view::Intake;
use crate::web::html::Text;
use crate::words::count;

pub(super) fn card(intake: &Intake) -> String {
    let fact =
        |label: &str, number: u64| format!("<div><dt>{label}</dt><dd>{}</dd></div>", count(number));
    let facts = [
        fact("agents", intake.agents),
        fact("datagrams", intake.datagrams),
        fact("samples", intake.samples),
    ];
    let refused = intake.refused.iter().filter(|(_, number)| **number > 0);
    let rows: String = refused
        .map(|(cause, number)| {
            format!(
                "<tr><td><bdi>{}</bdi></td><td>{}</td></tr>\n",
                Text(cause),
                count(*number)
            )
        })
        .collect();
    let refused = match rows.is_empty() {
        true => "<p class=\"quiet\">Nothing was refused.</p>".to_owned(),
        false => format!("<table><caption>Refused, by cause</caption>\n{rows}</table>"),
    };
    format!(
        "<section class=\"card\">\n<div class=\"head\"><h2>Telemetry</h2></div>\n\
         <dl class=\"numbers small\">{}</dl>\n{refused}\n</section>\n",
        facts.concat()
    )
}
