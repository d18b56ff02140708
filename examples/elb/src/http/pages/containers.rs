//! Containers of a service.

use crate::format::{duration, quantity, shortened};
use crate::http::html::Text;
use crate::orchestrator::TaskState;
use crate::view::{ServiceView, SignalView};
use sflow_autoscale::observe::ContainerView;

/// Maximum number of rows.
const ROWS: usize = 100;

pub(super) fn card(service: &ServiceView, containers: &[ContainerView]) -> String {
    let body = match containers {
        [] => "<p class=\"quiet\">No containers are known.</p>\n".to_owned(),
        containers => table(service, containers),
    };
    format!(
        "<section class=\"card\">\n<div class=\"head\"><h2>Containers</h2></div>\n{body}</section>\n"
    )
}

fn table(service: &ServiceView, containers: &[ContainerView]) -> String {
    let head: String = service
        .signals
        .iter()
        .map(|signal| {
            format!(
                "<th scope=\"col\" class=\"number\"><bdi>{}</bdi></th>",
                Text(&signal.metric)
            )
        })
        .collect();
    let rows = containers.iter().take(ROWS);
    let rows: String = rows.map(|it| row(service, it)).collect();
    let more = match containers.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!("<p class=\"more\">and {more} more</p>\n"),
    };
    format!(
        "<table class=\"rows\">\n<thead><tr><th scope=\"col\">container</th>\
         <th scope=\"col\">node</th><th scope=\"col\">state</th>{head}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n{more}"
    )
}

fn row(service: &ServiceView, container: &ContainerView) -> String {
    let name = Text(&container.name);
    // The task id is omitted.
    let short = container.name.strip_prefix(service.name.as_str());
    let short = short.and_then(|rest| rest.strip_prefix('.'));
    let slot = short.and_then(|rest| rest.split('.').next());
    let slot = slot.map(|slot| format!("{}.{slot}", service.name));
    let slot = shortened(slot.as_deref().unwrap_or(&container.name), 50);
    let slot = Text(&slot);
    let node = container.node.as_deref().unwrap_or("no node");
    let node = Text(node);
    let values: String = service
        .signals
        .iter()
        .zip(&container.values)
        .map(|(signal, value)| cell(signal, *value))
        .collect();
    let (class, state) = match container.state {
        TaskState::Running if container.seen => ("", "runs".to_owned()),
        TaskState::Running => ("odd", "running, no telemetry".to_owned()),
        TaskState::Pending => ("odd", "not running yet".to_owned()),
        TaskState::Failed => ("odd", "failed".to_owned()),
    };
    let age = duration(container.age);
    let failures = match container.failures {
        0 => String::new(),
        failures => format!(", {failures} recent failures"),
    };
    let error = container.error.as_ref().map_or_else(String::new, |error| {
        format!(
            "<br><span class=\"quiet\"><bdi>{}</bdi></span>",
            Text(&shortened(error, 200))
        )
    });
    format!(
        "<tr><th scope=\"row\" title=\"{name}\">{slot}</th><td><bdi>{node}</bdi></td>\
         <td class=\"{class}\">{state} <span class=\"quiet\">for {age}{failures}</span>{error}</td>\
         {values}</tr>\n"
    )
}

fn cell(signal: &SignalView, value: Option<f64>) -> String {
    let one = SignalView {
        value,
        ..signal.clone()
    };
    let text = quantity(value, &signal.unit);
    let class = super::signal::State::of(&one).class();
    format!(
        "<td class=\"number {class}\" data-label=\"{}\">{}</td>",
        Text(&signal.metric),
        Text(&text)
    )
}
