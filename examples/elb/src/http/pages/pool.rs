//! Card of a node pool.

use super::when::When;
use super::{decisions, modes, signal};
use crate::charts;
use crate::format::{number, quantity};
use crate::http::html::{Segment, Text};
use crate::policy::SubjectKind;
use crate::view::{DecisionView, PoolView};
use sflow_autoscale::node_pools::Action;
use sflow_autoscale::node_pools::MachineStep;
use sflow_autoscale::node_pools::PeerState;
use sflow_autoscale::node_pools::PoolStatus;
use sflow_autoscale::node_pools::{ActiveOrder, MachineState, MachineStatus};

/// Maximum number of rows.
const ROWS: usize = 100;

/// The card on the overview: machines, orders, events.
pub(super) fn card(pool: &PoolView, decisions: &[DecisionView], when: &When) -> String {
    let list = format!("/pool/{}", Segment(&pool.status.name));
    let name = Text(&pool.status.name);
    let name = format!("<a href=\"{list}\"><bdi>{name}</bdi></a>");
    let decided = decisions::last(decisions, when);
    let events = events(pool, when);
    let more = format!(
        "{decided}{events}<p class=\"more\"><a href=\"{list}\">all decisions and events</a></p>\n"
    );
    section(pool, decisions, when, (&name, &list), &more)
}

/// The card on the pool's page, which lists the decisions below.
pub(super) fn whole(pool: &PoolView, decisions: &[DecisionView], when: &When) -> String {
    let name = format!("<bdi>{}</bdi>", Text(&pool.status.name));
    let events = events(pool, when);
    section(pool, decisions, when, (&name, ""), &events)
}

fn section(
    pool: &PoolView,
    decisions: &[DecisionView],
    when: &When,
    (name, list): (&str, &str),
    more: &str,
) -> String {
    let status = &pool.status;
    let (mode, text) = modes::meaning(status.mode.name());
    let buttons = modes::buttons_of_pool(&status.name, mode);
    let numbers = numbers(status);
    let as_service = pool.as_service();
    let signals: String = as_service.signals.iter().map(signal::row).collect();
    let live = charts::Live {
        kind: SubjectKind::Pool,
        service: &as_service,
        decisions,
        began: when.began,
    };
    let (wide, narrow) = (
        live.part(charts::WIDE, list),
        live.part(charts::NARROW, list),
    );
    let machines = machines(status);
    let advised = advised(status);
    let orders = orders(status, when);
    format!(
        "<section class=\"card pool\">\n<div class=\"head\"><h2>{name} \
         <span class=\"quiet\">machines</span></h2><span class=\"badge {mode}\">{text}</span>\
         {buttons}</div>\n{numbers}<div class=\"signals\">\n{signals}</div>\n\
         <div class=\"chart wide\">{wide}</div>\n<div class=\"chart narrow\">{narrow}</div>\n\
         {machines}{advised}{orders}{more}</section>\n"
    )
}

fn numbers(pool: &PoolStatus) -> String {
    let number = |label: &str, value: u32, odd: bool| {
        let class = if odd { " class=\"odd\"" } else { "" };
        let value = number(pool.known.then_some(value));
        format!("<div{class}><dt>{label}</dt><dd>{value}</dd></div>")
    };
    let wanted = pool.desired();
    let (least, most) = (pool.min, pool.max);
    format!(
        "<dl class=\"numbers\">{}{}{}<div><dt>limits</dt><dd>{least}–{most}</dd></div></dl>\n",
        number("desired", wanted, false),
        number("serving", pool.serving, pool.serving != wanted),
        number(
            "required by services",
            pool.minimum_size.machines,
            pool.minimum_size.is_short || pool.minimum_size.machines > pool.serving
        ),
    )
}

fn machines(pool: &PoolStatus) -> String {
    let rows = pool.machines.iter().take(ROWS);
    let rows: String = rows.map(row).collect();
    if rows.is_empty() {
        return "<p class=\"quiet\">No node of the cluster belongs to this pool.</p>\n".to_owned();
    }
    let more = match pool.machines.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!("<p class=\"more\">and {more} more</p>\n"),
    };
    let heads: String = ["tasks", "CPU", "steal", "memory"]
        .iter()
        .map(|head| format!("<th scope=\"col\" class=\"number\">{head}</th>"))
        .collect();
    format!(
        "<table class=\"rows\">\n<thead><tr><th scope=\"col\">machine</th>\
         <th scope=\"col\">state</th>{heads}<th scope=\"col\">compared with peers</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n{more}"
    )
}

fn row(machine: &MachineStatus) -> String {
    let name = Text(&machine.name);
    let class = match machine.state {
        MachineState::Serving => "",
        _ => "odd",
    };
    let stays = machine.stays.as_ref().map_or_else(String::new, |why| {
        let why = format!("cannot be removed: {why}");
        format!("<br><span class=\"quiet\"><bdi>{}</bdi></span>", Text(&why))
    });
    let load = machine.load.as_ref();
    let percent = |label: &str, value: Option<f64>| {
        let value = quantity(value, "%");
        format!(
            "<td class=\"number\" data-label=\"{label}\">{}</td>",
            Text(&value)
        )
    };
    let (peer_class, peer) = match &machine.peer {
        None => ("quiet", "not compared".to_owned()),
        Some(peer @ (PeerState::Poor { .. } | PeerState::Suspect { .. })) => {
            ("odd", peer.to_string())
        }
        Some(peer @ PeerState::Unknown { .. }) => ("quiet", peer.to_string()),
        Some(peer) => ("", peer.to_string()),
    };
    format!(
        "<tr><th scope=\"row\"><bdi>{name}</bdi></th><td class=\"{class}\">{state}{stays}</td>\
         <td class=\"number\" data-label=\"tasks\">{tasks}</td>{cpu}{steal}{memory}\
         <td class=\"{peer_class}\">{peer}</td></tr>\n",
        state = machine.state.name(),
        tasks = machine.tasks,
        cpu = percent("CPU", load.and_then(|load| load.cpu)),
        steal = percent("steal", load.and_then(|load| load.steal)),
        memory = percent("memory", load.and_then(|load| load.memory)),
        peer = Text(&peer),
    )
}

/// Steps that the pool would take in mode `act`.
fn advised(pool: &PoolStatus) -> String {
    let item = |step: &MachineStep| format!("<li><bdi>{}</bdi></li>\n", Text(&step.to_string()));
    let items: String = pool.advised.iter().map(item).collect();
    match items.is_empty() {
        true => String::new(),
        false => format!("<div class=\"decisions\"><h3>In mode act</h3><ol>\n{items}</ol></div>\n"),
    }
}

fn orders(pool: &PoolStatus, when: &When) -> String {
    let item = |order: &ActiveOrder| {
        let what = match (order.action, &order.machine) {
            (Action::Add, None) => "add a machine".to_owned(),
            (Action::Add, Some(machine)) => format!("add {machine}"),
            (Action::Remove, machine) => {
                format!("remove {}", machine.as_deref().unwrap_or_default())
            }
        };
        let state = match order.is_promised {
            true => "promised",
            false => "waiting for the hook",
        };
        format!(
            "<li>{} <b><bdi>{}</bdi></b> <span class=\"quiet\">{state}, {}</span></li>\n",
            when.decided(order.since),
            Text(&what),
            Text(&order.order)
        )
    };
    let items: String = pool.orders.iter().map(item).collect();
    match items.is_empty() {
        true => String::new(),
        false => format!("<div class=\"decisions\"><h3>Orders</h3><ol>\n{items}</ol></div>\n"),
    }
}

fn events(pool: &PoolView, when: &When) -> String {
    let item = |event: &sflow_autoscale::node_pools::PoolEvent| {
        format!(
            "<li>{} <bdi>{}</bdi></li>\n",
            when.decided(event.at),
            Text(&event.words)
        )
    };
    let items: String = pool.events.iter().rev().map(item).collect();
    match items.is_empty() {
        true => String::new(),
        false => {
            format!("<div class=\"decisions\"><h3>Events</h3><ol>\n{items}</ol></div>\n")
        }
    }
}
