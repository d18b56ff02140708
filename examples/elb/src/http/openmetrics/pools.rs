//! Metrics of node pools.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::{Column, Labels, counters, gauges, label};
use crate::status::LoopStatus;
use sflow_autoscale::node_pools::MachineState;
use sflow_autoscale::node_pools::PeerState;
use sflow_autoscale::node_pools::PoolStatus;

pub(super) fn pools(status: &LoopStatus, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let pools = status.pools();
    let columns: [Column<PoolStatus, Option<f64>>; 6] = [
        (
            "elb_pool_machines_wanted",
            "Desired machines; absent if unknown",
            |pool| pool.known.then(|| pool.desired().into()),
        ),
        (
            "elb_pool_machines_min",
            "Minimum number of machines",
            |pool| Some(pool.min.into()),
        ),
        (
            "elb_pool_machines_max",
            "Maximum number of machines",
            |pool| Some(pool.max.into()),
        ),
        (
            "elb_pool_machines_needed",
            "Machines that the services require; absent if unknown",
            |pool| pool.known.then(|| pool.minimum_size.machines.into()),
        ),
        (
            "elb_pool_orders",
            "Orders to the hook in progress",
            |pool| Some(pool.orders.len() as f64),
        ),
        (
            "elb_pool_replacements_left",
            "Remaining replacements of poor performers in this period",
            |pool| Some(pool.replacements_left.into()),
        ),
    ];
    for (name, help, value) in columns {
        let each = pools.iter();
        let each = each.filter_map(|pool| Some((vec![label("pool", &pool.name)], value(pool)?)));
        gauges(encoder, name, help, each)?;
    }
    gauges(
        encoder,
        "elb_pool_machines",
        "Machines by state",
        pools.iter().filter(|pool| pool.known).flat_map(by_state),
    )?;
    gauges(
        encoder,
        "elb_pool_peers",
        "Machines by comparison with their peers",
        pools.iter().flat_map(by_peer),
    )?;
    let signals = pools.iter().flat_map(|pool| {
        let inputs = pool.last.iter().flat_map(|last| &last.inputs);
        inputs.filter_map(|input| {
            let labels = vec![label("pool", &pool.name), label("metric", &input.metric)];
            Some((labels, input.value?))
        })
    });
    gauges(
        encoder,
        "elb_pool_signal",
        "Mean per machine; absent if unknown",
        signals,
    )?;
    let modes = pools.iter().map(|pool| {
        let labels = vec![label("pool", &pool.name), label("mode", pool.mode.name())];
        (labels, 1.0)
    });
    let help = "1 for the current mode of a pool";
    gauges(encoder, "elb_pool_mode", help, modes)?;
    let steps = pools.iter().flat_map(|pool| {
        let tally = status.machine_tally(&pool.name);
        [
            ("add", tally.ordered),
            ("drain", tally.drained),
            ("activate", tally.activated),
            ("remove", tally.given_back),
        ]
        .map(|(step, count)| (vec![label("pool", &pool.name), label("step", step)], count))
    });
    let help = "Operations on machines";
    counters(encoder, "elb_pool_steps", help, steps)?;
    let outcomes = status.pool_outcomes().iter();
    let outcomes = outcomes.map(|((pool, outcome), count)| {
        let labels = vec![label("pool", pool), label("outcome", outcome)];
        (labels, *count)
    });
    let help = "Decisions about pools by outcome";
    counters(encoder, "elb_pool_decisions", help, outcomes)
}

fn by_state(pool: &PoolStatus) -> [(Labels, f64); 5] {
    [
        ("serving", MachineState::Serving),
        ("draining", MachineState::Draining),
        ("given_back", MachineState::GivenBack),
        ("out_of_use", MachineState::OutOfUse),
        ("away", MachineState::Away),
    ]
    .map(|(name, state)| {
        let machines = pool.machines.iter();
        let count = machines.filter(|machine| machine.state == state).count();
        let labels = vec![label("pool", &pool.name), label("state", name)];
        (labels, count as f64)
    })
}

fn by_peer(pool: &PoolStatus) -> [(Labels, f64); 4] {
    let count = |is_it: fn(&PeerState) -> bool| {
        let peers = pool.machines.iter().filter_map(|it| it.peer.as_ref());
        peers.filter(|peer| is_it(peer)).count()
    };
    [
        ("in_line", count(|it| matches!(it, PeerState::InLine))),
        (
            "unknown",
            count(|it| matches!(it, PeerState::Unknown { .. })),
        ),
        (
            "suspect",
            count(|it| matches!(it, PeerState::Suspect { .. })),
        ),
        ("poor", count(|it| matches!(it, PeerState::Poor { .. }))),
    ]
    .map(|(name, count)| {
        let labels = vec![label("pool", &pool.name), label("standing", name)];
        (labels, count as f64)
    })
}
