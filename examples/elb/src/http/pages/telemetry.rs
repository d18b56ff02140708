//! Card of the telemetry: agents, incomplete data, ignored data.

use crate::diagnose::{AgentFacts, Facts, Finding, Findings, Level, TelemetryFacts};
use crate::format::{count, duration, shortened};
use crate::http::html::Text;
use sflow_autoscale::observe::IngestStats;

/// Maximum number of listed agents; silent ones come first.
const ROWS: usize = 50;

pub(super) fn card(intake: &IngestStats, facts: &Facts) -> String {
    let incomplete = Findings::of(facts).incomplete();
    let received = facts.received();
    let agents = received.map_or(&[][..], |received| &received.agents);
    let fact =
        |label: &str, number: String| format!("<div><dt>{label}</dt><dd>{number}</dd></div>");
    let all = agents.len();
    let reporting = received.map_or(0, TelemetryFacts::reporting);
    let numbers = match reporting == all {
        true => count(all as u64),
        false => format!("{} of {}", count(reporting as u64), count(all as u64)),
    };
    let facts = [
        fact("agents reporting", numbers),
        fact("datagrams", count(intake.datagrams)),
        fact("samples", count(intake.samples)),
    ];
    let missing = missing(&incomplete);
    let agents = agents_table(agents);
    let refused = refused(intake);
    format!(
        "<section class=\"card\" id=\"telemetry\">\n<div class=\"head\"><h2>Telemetry</h2></div>\n\
         <dl class=\"numbers small\">{}</dl>\n{missing}{agents}{refused}\n</section>\n",
        facts.concat()
    )
}

fn missing(missing: &[Finding]) -> String {
    if missing.is_empty() {
        return "<p class=\"well\">Data is complete.</p>\n".to_owned();
    }
    let item = |finding: &Finding| {
        let class = match finding.level {
            Level::Wrong => "odd",
            Level::Note | Level::Ok => "quiet",
        };
        let text = finding.sentences();
        format!("<li class=\"{class}\"><bdi>{}</bdi></li>\n", Text(&text))
    };
    let items: String = missing.iter().map(item).collect();
    format!("<h3>Incomplete data</h3>\n<ul class=\"missing\">\n{items}</ul>\n")
}

fn agents_table(agents: &[AgentFacts]) -> String {
    if agents.is_empty() {
        return String::new();
    }
    let rows: String = agents.iter().take(ROWS).map(row).collect();
    let more = match agents.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!(
            "<p class=\"more\">{more} more, all reporting: \
             <a href=\"/api/v1/agents\">/api/v1/agents</a></p>\n"
        ),
    };
    format!(
        "<table class=\"rows agents\">\n<thead><tr><th scope=\"col\">host</th>\
         <th scope=\"col\">agent</th><th scope=\"col\">health</th>\
         <th scope=\"col\" class=\"number\">containers</th>\
         <th scope=\"col\" class=\"number\">interval</th>\
         <th scope=\"col\" class=\"number\">lost</th></tr></thead>\n<tbody>\n{rows}</tbody>\n\
         </table>\n{more}"
    )
}

fn row(agent: &AgentFacts) -> String {
    const NAMED: usize = 3;
    let status = &agent.status;
    let named = agent.hosts.iter().take(NAMED);
    let named: Vec<String> = named
        .map(|host| Text(&shortened(host, 60)).to_string())
        .collect();
    let hosts = match (named.as_slice(), agent.hosts.len()) {
        ([], _) => "<span class=\"quiet\">no host</span>".to_owned(),
        (named, all) if all > NAMED => format!("{} and {} more", named.join(", "), all - NAMED),
        (named, _) => named.join(", "),
    };
    let key = status.key.to_string();
    let age = duration(agent.age.as_secs_f64());
    let (class, health) = match (status.silent, agent.is_contested()) {
        (true, _) => ("odd", format!("silent for {age}")),
        (false, true) => (
            "odd",
            "reporting; another agent has the same identity".to_owned(),
        ),
        (false, false) => ("", format!("last data {age} ago")),
    };
    let restarts = match status.restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        restarts => format!(", restarted {} times", count(restarts)),
    };
    let every = match agent.interval {
        Some(interval) => format!("{:.0} s", interval.as_secs_f64()),
        None => "–".to_owned(),
    };
    let lost = status
        .loss()
        .map_or_else(|| "–".to_owned(), |loss| format!("{:.1} %", loss * 100.0));
    format!(
        "<tr><th scope=\"row\"><bdi>{hosts}</bdi></th><td>{}</td>\
         <td class=\"{class}\">{health}<span class=\"quiet\">{restarts}</span></td>\
         <td class=\"number\" data-label=\"containers\">{}</td>\
         <td class=\"number\" data-label=\"interval\">{every}</td>\
         <td class=\"number\" data-label=\"lost\">{lost}</td></tr>\n",
        Text(&key),
        agent.containers,
    )
}

fn refused(intake: &IngestStats) -> String {
    let refused = intake.refused.iter().filter(|(_, number)| **number > 0);
    let rows: String = refused
        .map(|(cause, number)| {
            format!(
                "<tr><td><bdi>{}</bdi></td><td class=\"number\">{}</td></tr>\n",
                Text(cause),
                count(*number)
            )
        })
        .collect();
    match rows.is_empty() {
        true => "<p class=\"quiet\">No data was ignored.</p>".to_owned(),
        false => {
            format!(
                "<table class=\"refused\"><caption>Ignored data by cause</caption>\n{rows}</table>"
            )
        }
    }
}
