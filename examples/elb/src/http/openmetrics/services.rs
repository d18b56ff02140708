//! Metrics of services.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::{Column, gauges, label};
use crate::view::{ServiceView, SignalView};

pub(super) fn services(
    services: &[ServiceView],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let columns: [Column<ServiceView, Option<u32>>; 6] = [
        (
            "elb_replicas_wanted",
            "Replicas configured in the orchestrator; absent if unknown",
            |service| service.wanted,
        ),
        (
            "elb_replicas_recommended",
            "Replicas that the last decision would set in mode act; absent without a decision",
            |service| service.recommended,
        ),
        (
            "elb_tasks_running",
            "Running tasks; absent if unknown",
            |service| service.running,
        ),
        (
            "elb_containers_seen",
            "Containers known to the telemetry; absent if unknown",
            |service| service.seen,
        ),
        (
            "elb_replicas_min",
            "Minimum number of replicas",
            |service| Some(service.bounds.0),
        ),
        (
            "elb_replicas_max",
            "Maximum number of replicas",
            |service| Some(service.bounds.1),
        ),
    ];
    for (name, help, value) in columns {
        let of_each = services.iter();
        let of_each = of_each.filter_map(|service| {
            let labels = vec![label("service", &service.name)];
            Some((labels, value(service)?.into()))
        });
        gauges(encoder, name, help, of_each)?;
    }
    let modes = services.iter().map(|service| {
        let labels = vec![
            label("service", &service.name),
            label("mode", &service.mode),
        ];
        (labels, 1.0)
    });
    gauges(
        encoder,
        "elb_mode",
        "1 for the current mode of a service",
        modes,
    )
}

pub(super) fn signals(
    services: &[ServiceView],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let columns: [Column<SignalView, Option<f64>>; 7] = [
        (
            "elb_signal",
            "Mean per container; absent if unknown",
            |signal| signal.value,
        ),
        (
            "elb_signal_least",
            "Value of the least loaded container; absent if unknown",
            |signal| signal.least,
        ),
        (
            "elb_signal_most",
            "Value of the most loaded container; absent if unknown",
            |signal| signal.most,
        ),
        (
            "elb_signal_upper",
            "Value above which replicas are added",
            |signal| Some(signal.upper),
        ),
        (
            "elb_signal_lower",
            "Value below which replicas are removed",
            |signal| Some(signal.lower),
        ),
        (
            "elb_signal_contributing",
            "Containers that contribute a fresh value; absent if unknown",
            |signal| (!signal.unknown).then(|| signal.contributing.into()),
        ),
        (
            "elb_signal_matched",
            "Containers that match; absent if unknown",
            |signal| (!signal.unknown).then(|| signal.matched.into()),
        ),
    ];
    for (name, help, value) in columns {
        let all = services.iter().flat_map(|service| {
            let signals = service.signals.iter();
            signals.filter_map(move |signal| {
                let labels = vec![
                    label("service", &service.name),
                    label("metric", &signal.metric),
                    label("unit", &signal.unit),
                ];
                Some((labels, value(signal)?))
            })
        });
        gauges(encoder, name, help, all)?;
    }
    Ok(())
}
