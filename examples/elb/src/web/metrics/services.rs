//! What each service has, wants and shows.

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
            "Replicas that the orchestrator is to keep; absent if unknown",
            |service| service.wanted,
        ),
        (
            "elb_replicas_recommended",
            "Replicas that the last decision would set, in every mode; absent if there is none",
            |service| service.recommended,
        ),
        (
            "elb_tasks_running",
            "Tasks that run; absent if unknown",
            |service| service.running,
        ),
        (
            "elb_containers_seen",
            "Containers that telemetry knows; absent if unknown",
            |service| service.seen,
        ),
        ("elb_replicas_min", "The least that is allowed", |service| {
            Some(service.bounds.0)
        }),
        ("elb_replicas_max", "The most that is allowed", |service| {
            Some(service.bounds.1)
        }),
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
        "1 for the mode that a service is in",
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
            "Mean per container; absent when nothing is known",
            |signal| signal.value,
        ),
        (
            "elb_signal_least",
            "Of the least loaded container; absent when nothing is known",
            |signal| signal.least,
        ),
        (
            "elb_signal_most",
            "Of the most loaded container; absent when nothing is known",
            |signal| signal.most,
        ),
        ("elb_signal_upper", "Where a service grows", |signal| {
            Some(signal.upper)
        }),
        ("elb_signal_lower", "Where a service shrinks", |signal| {
            Some(signal.lower)
        }),
        (
            "elb_signal_contributing",
            "Containers with a fresh value that counts; absent if unknown",
            |signal| (!signal.unknown).then(|| signal.contributing.into()),
        ),
        (
            "elb_signal_matched",
            "Containers that should have one; absent if unknown",
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
