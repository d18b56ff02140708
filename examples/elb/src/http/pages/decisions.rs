//! Decisions and their reasons.

use std::sync::Arc;

use super::when::When;
use crate::format::{count, duration, quantity};
use crate::http::html::{Segment, Text};
use crate::policy::{Signal, Step, SubjectKind};
use crate::status::Entry;
use crate::view::{DecisionView, ServiceView};
use sflow_autoscale::controller::Outcome;

/// Number of decisions beside a chart.
const FEW: usize = 8;
/// Number of decisions of all services.
const SEVERAL: usize = 20;
/// Number of decisions on the page of a service.
const MANY: usize = 200;

/// The last decisions about a service, newest first.
pub(super) fn last(decisions: &[DecisionView], when: &When) -> String {
    let newest = decisions.iter().rev().take(FEW);
    let items: String = newest.map(|it| line(it, when, false)).collect();
    let list = list(&items);
    format!("<div class=\"decisions\"><h3>Decisions</h3>{list}</div>\n")
}

/// The last changes of all services, newest first.
pub(super) fn recent(decisions: &[DecisionView], when: &When) -> String {
    let is_change = |it: &&DecisionView| {
        it.from != it.to && !it.service.is_empty() && it.kind == SubjectKind::Service
    };
    let newest = decisions.iter().rev().filter(is_change).take(SEVERAL);
    let items: String = newest.map(|it| line(it, when, true)).collect();
    let list = list(&items);
    format!(
        "<section class=\"card decisions\">\n<div class=\"head\"><h2>Changes</h2></div>\n\
         {list}</section>\n"
    )
}

/// All available decisions about a service with their inputs, newest first.
pub(super) fn history(
    kind: SubjectKind,
    service: &ServiceView,
    entries: &[Arc<Entry>],
    when: &When,
) -> String {
    let newest = entries.iter().rev().take(MANY);
    let items: String = newest.map(|entry| whole(entry, when)).collect();
    let list = list(&items);
    let older = match entries.len().saturating_sub(MANY) {
        0 => String::new(),
        older => format!(" and {older} older"),
    };
    let name = Segment(&service.name);
    let kind = match kind {
        SubjectKind::Service => "service",
        SubjectKind::Pool => "pool",
    };
    format!(
        "<section class=\"card decisions\">\n<div class=\"head\"><h2>Decisions</h2></div>\n{list}\
         <p class=\"more\"><a href=\"/api/v1/decisions?{kind}={name}&amp;limit=1000\">these\
         {older} as data</a></p>\n</section>\n"
    )
}

fn list(items: &str) -> String {
    match items.is_empty() {
        true => "<p class=\"quiet\">None yet.</p>".to_owned(),
        false => format!("<ol>\n{items}</ol>"),
    }
}

fn line(decision: &DecisionView, when: &When, is_named: bool) -> String {
    let reason =
        |reason: &String| format!("<span class=\"why\"><bdi>{}</bdi></span>", Text(reason));
    let reasons: String = decision.reasons.iter().map(reason).collect();
    let whose = match is_named {
        true => format!(
            "<a class=\"whose\" href=\"/service/{}\"><bdi>{}</bdi></a> ",
            Segment(&decision.service),
            Text(&decision.service)
        ),
        false => String::new(),
    };
    let (class, change) = change(decision.from, decision.to);
    format!(
        "<li class=\"{class}\">{} <b>{change}</b> <span class=\"reasons\">{whose}{}{reasons}</span>\
         </li>\n",
        when.time(decision.at, decision.time),
        tags(decision.outcome, decision.fast, "")
    )
}

fn change(from: u32, to: u32) -> (&'static str, String) {
    match to.cmp(&from) {
        std::cmp::Ordering::Greater => ("grow", format!("{from} → {to}")),
        std::cmp::Ordering::Less => ("shrink", format!("{from} → {to}")),
        std::cmp::Ordering::Equal => ("hold", format!("stay at {to}")),
    }
}

/// Labels for outcome and packet samples.
fn tags(outcome: &str, is_fast: bool, why: &str) -> String {
    let mut tags = String::new();
    match outcome {
        "advised" => tags += "<span class=\"tag advise\">advised</span> ",
        "failed" => {
            tags += &format!(
                "<span class=\"tag failed\">failed</span> <span class=\"failed\"><bdi>{}</bdi></span> ",
                Text(why)
            );
        }
        _ => {}
    }
    if is_fast {
        tags += "<span class=\"tag fast\">packet samples</span> ";
    }
    tags
}

/// A decision with its inputs and all steps.
fn whole(entry: &Entry, when: &When) -> String {
    let decision = &entry.decision;
    let (class, change) = change(decision.replicas, decision.result);
    let why = match &entry.outcome {
        Outcome::Failed { why } => why.as_str(),
        Outcome::Kept | Outcome::Advised | Outcome::Done => "",
    };
    let tags = tags(entry.outcome.name(), decision.is_fast(), why);
    let reason =
        |reason: &String| format!("<span class=\"why\"><bdi>{}</bdi></span>", Text(reason));
    let reasons: String = decision.reasons().iter().map(reason).collect();
    let inputs: String = decision
        .inputs
        .iter()
        .map(|it| input(decision.subject.kind, it))
        .collect();
    let steps = decision.steps.iter();
    let steps: String = steps.map(|it| step(decision.subject.kind, it)).collect();
    let machines = entry.machines.iter().map(|step| {
        let text = step.to_string();
        format!("<li><bdi>{}</bdi></li>\n", Text(&text))
    });
    let machines: String = machines.collect();
    let recommendation = decision.recommendation.map_or_else(String::new, |number| {
        format!("<li>recommendation of the rule: {number}</li>\n")
    });
    let next = decision.next_change.map_or_else(String::new, |next| {
        let wait = (next - decision.time).as_secs_f64();
        format!("<li>no further change for {}</li>\n", duration(wait))
    });
    let id = entry.id;
    format!(
        "<li class=\"{class}\" id=\"decision-{id}\">{time} <b>{change}</b> \
         <details class=\"reasons\" data-key=\"details-{id}\"><summary>{tags}{reasons}</summary><ul>\n{inputs}<li>{running} of {replicas} {many} running, mode {mode}</li>\n\
         {recommendation}{steps}{machines}{next}</ul></details></li>\n",
        time = when.decided(decision.time),
        running = decision.running,
        replicas = decision.replicas,
        many = decision.subject.kind.replicas(),
        mode = decision.mode.name(),
    )
}

fn input(kind: SubjectKind, signal: &Signal) -> String {
    let measured = |value: Option<f64>| Text(&quantity(value, &signal.unit)).to_string();
    let ages = match (signal.newest, signal.oldest) {
        (Some(newest), Some(oldest)) => format!(", age {newest:.1} to {oldest:.1} s"),
        _ => String::new(),
    };
    let spread = match (signal.least, signal.most) {
        (Some(_), Some(_)) if signal.contributing > 1 => {
            format!(" ({} to {})", measured(signal.least), measured(signal.most))
        }
        _ => String::new(),
    };
    let fast = signal.fast.map_or_else(String::new, |fast| {
        format!(
            "; {} packet samples: {} ± {:.0} %",
            count(fast.samples),
            measured(Some(fast.value)),
            fast.error * 100.0
        )
    });
    let warming = match signal.warming {
        0 => String::new(),
        warming => format!(" ({warming} warming up)"),
    };
    format!(
        "<li><bdi>{}</bdi>: {}{spread} per {one}, from {} of {} {one}s{warming}{ages}{fast}\
         </li>\n",
        Text(&signal.metric),
        measured(signal.value),
        signal.contributing,
        signal.matched,
        one = kind.member(),
    )
}

fn step(kind: SubjectKind, step: &Step) -> String {
    let number = match step.from == step.to {
        true => format!("{}", step.to),
        false => format!("{} → {}", step.from, step.to),
    };
    let stage = step.stage.name();
    let reason = step.reason.describe(kind);
    format!(
        "<li><span class=\"stage\">{stage}</span> {number}: <bdi>{}</bdi></li>\n",
        Text(&reason)
    )
}
