//! Metrics of services and node pools.

use std::fmt;

use super::{Encoder, Labels};
use crate::status::LoopStatus;
use crate::view::{ServiceView, SignalView};
use sflow_autoscale::node_pools::{MachineState, PeerState, PoolStatus};

pub(super) fn services(to: &Encoder<'_>, services: &[ServiceView]) -> fmt::Result {
    let gauges = |name: &str, help: &str, value: fn(&ServiceView) -> Option<u32>| {
        let each = services.iter().filter_map(|service| {
            let labels = [("service", service.name.clone())];
            Some((labels, value(service)?.into()))
        });
        to.gauges(name, help, each)
    };
    gauges(
        "elb_replicas_wanted",
        "Replicas configured in the orchestrator; absent if unknown",
        |service| service.wanted,
    )?;
    gauges(
        "elb_replicas_recommended",
        "Replicas that the last decision would set in mode act; absent without a decision",
        |service| service.recommended,
    )?;
    let help = "Running tasks; absent if unknown";
    gauges("elb_tasks_running", help, |service| service.running)?;
    let help = "Containers known to the telemetry; absent if unknown";
    gauges("elb_containers_seen", help, |service| service.seen)?;
    let help = "Minimum number of replicas";
    gauges("elb_replicas_min", help, |service| Some(service.bounds.0))?;
    let help = "Maximum number of replicas";
    gauges("elb_replicas_max", help, |service| Some(service.bounds.1))?;
    let modes = services.iter().map(|service| {
        let (name, mode) = (service.name.clone(), service.mode.clone());
        ([("service", name), ("mode", mode)], 1.0)
    });
    to.gauges("elb_mode", "1 for the current mode of a service", modes)
}

pub(super) fn signals(to: &Encoder<'_>, services: &[ServiceView]) -> fmt::Result {
    let gauges = |name: &str, help: &str, value: fn(&SignalView) -> Option<f64>| {
        let each = services.iter().flat_map(|service| {
            service.signals.iter().filter_map(move |signal| {
                let labels = [
                    ("service", service.name.clone()),
                    ("metric", signal.metric.clone()),
                    ("unit", signal.unit.clone()),
                ];
                Some((labels, value(signal)?))
            })
        });
        to.gauges(name, help, each)
    };
    let help = "Mean per container; absent if unknown";
    gauges("elb_signal", help, |signal| signal.value)?;
    let help = "Value of the least loaded container; absent if unknown";
    gauges("elb_signal_least", help, |signal| signal.least)?;
    let help = "Value of the most loaded container; absent if unknown";
    gauges("elb_signal_most", help, |signal| signal.most)?;
    let help = "Value above which replicas are added";
    gauges("elb_signal_upper", help, |signal| Some(signal.upper))?;
    let help = "Value below which replicas are removed";
    gauges("elb_signal_lower", help, |signal| Some(signal.lower))?;
    let help = "Containers that contribute a fresh value; absent if unknown";
    gauges("elb_signal_contributing", help, |it| {
        (!it.unknown).then(|| it.contributing.into())
    })?;
    let help = "Containers that match; absent if unknown";
    gauges("elb_signal_matched", help, |it| {
        (!it.unknown).then(|| it.matched.into())
    })
}

pub(super) fn pools(to: &Encoder<'_>, status: &LoopStatus) -> fmt::Result {
    let pools = status.pools();
    let gauges = |name: &str, help: &str, value: fn(&PoolStatus) -> Option<u32>| {
        let each = pools.iter().filter_map(|pool| {
            let labels = [("pool", pool.name.clone())];
            Some((labels, value(pool)?.into()))
        });
        to.gauges(name, help, each)
    };
    let help = "Desired machines; absent if unknown";
    gauges("elb_pool_machines_wanted", help, |pool| {
        pool.known.then(|| pool.desired())
    })?;
    let help = "Minimum number of machines";
    gauges("elb_pool_machines_min", help, |pool| Some(pool.min))?;
    let help = "Maximum number of machines";
    gauges("elb_pool_machines_max", help, |pool| Some(pool.max))?;
    let help = "Machines that the services require; absent if unknown";
    gauges("elb_pool_machines_needed", help, |pool| {
        pool.known.then_some(pool.minimum_size.machines)
    })?;
    let help = "Orders to the hook in progress";
    gauges("elb_pool_orders", help, |pool| {
        u32::try_from(pool.orders.len()).ok()
    })?;
    let help = "Remaining replacements of poor performers in this period";
    gauges("elb_pool_replacements_left", help, |pool| {
        Some(pool.replacements_left)
    })?;
    let known = pools.iter().filter(|pool| pool.known);
    to.gauges(
        "elb_pool_machines",
        "Machines by state",
        known.flat_map(by_state),
    )?;
    to.gauges(
        "elb_pool_peers",
        "Machines by comparison with their peers",
        pools.iter().flat_map(by_peer),
    )?;
    let signals = pools.iter().flat_map(|pool| {
        let inputs = pool.last.iter().flat_map(|last| &last.inputs);
        inputs.filter_map(|input| {
            let labels = [
                ("pool", pool.name.clone()),
                ("metric", input.metric.clone()),
            ];
            Some((labels, input.value?))
        })
    });
    let help = "Mean per machine; absent if unknown";
    to.gauges("elb_pool_signal", help, signals)?;
    let modes = pools.iter().map(|pool| {
        let mode = pool.mode.name().to_owned();
        ([("pool", pool.name.clone()), ("mode", mode)], 1.0)
    });
    let help = "1 for the current mode of a pool";
    to.gauges("elb_pool_mode", help, modes)?;
    let steps = pools.iter().flat_map(|pool| {
        let tally = status.machine_tally(&pool.name);
        let steps = [
            ("add", tally.ordered),
            ("drain", tally.drained),
            ("activate", tally.activated),
            ("remove", tally.given_back),
        ];
        let pool = &pool.name;
        steps.map(|(step, count)| ([("pool", pool.clone()), ("step", step.to_owned())], count))
    });
    to.counters("elb_pool_steps", "Operations on machines", steps)?;
    let outcomes = status.pool_outcomes().iter();
    let outcomes = outcomes.map(|((pool, outcome), count)| {
        let outcome = (*outcome).to_owned();
        ([("pool", pool.clone()), ("outcome", outcome)], *count)
    });
    let help = "Decisions about pools by outcome";
    to.counters("elb_pool_decisions", help, outcomes)
}

fn by_state(pool: &PoolStatus) -> [(Labels<2>, f64); 5] {
    let states = [
        ("serving", MachineState::Serving),
        ("draining", MachineState::Draining),
        ("given_back", MachineState::GivenBack),
        ("out_of_use", MachineState::OutOfUse),
        ("away", MachineState::Away),
    ];
    states.map(|(name, state)| {
        let machines = pool.machines.iter();
        let count = machines.filter(|machine| machine.state == state).count();
        let labels = [("pool", pool.name.clone()), ("state", name.to_owned())];
        (labels, count as f64)
    })
}

fn by_peer(pool: &PoolStatus) -> [(Labels<2>, f64); 4] {
    ["in_line", "unknown", "suspect", "poor"].map(|name| {
        let peers = pool.machines.iter().filter_map(|it| it.peer.as_ref());
        let count = peers.filter(|peer| peer_state(peer) == name).count();
        let labels = [("pool", pool.name.clone()), ("standing", name.to_owned())];
        (labels, count as f64)
    })
}

const fn peer_state(peer: &PeerState) -> &'static str {
    match peer {
        PeerState::InLine => "in_line",
        PeerState::Unknown { .. } => "unknown",
        PeerState::Suspect { .. } => "suspect",
        PeerState::Poor { .. } => "poor",
    }
}
