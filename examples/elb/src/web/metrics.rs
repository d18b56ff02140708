//! What the loop sees and wants, as OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::Site;
use crate::view::{ServiceView, SignalView, Snapshot};
use crate::words::shortened;

/// A label value is no longer than this, in characters.
const LONGEST: usize = 200;

/// What [`exposition`] is.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The newest snapshot, as a scrape wants it.
pub(super) fn exposition(site: &Site) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(site.snapshot())));
    let mut body = String::new();
    text::encode(&mut body, &registry)?;
    Ok(body)
}

#[derive(Debug)]
struct Exposition(Snapshot);

type Labels = Vec<(&'static str, String)>;

/// The name of a family, what it means, and its value of one thing.
type Column<T, V> = (&'static str, &'static str, fn(&T) -> V);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = &self.0;
        stream(snapshot, &mut encoder)?;
        services(&snapshot.services, &mut encoder)?;
        signals(&snapshot.services, &mut encoder)
    }
}

fn stream(snapshot: &Snapshot, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let intake = &snapshot.intake;
    let alone = |count: u64| [(Labels::new(), count)];
    counters(
        encoder,
        "elb_datagrams",
        "Datagrams received",
        alone(intake.datagrams),
    )?;
    counters(
        encoder,
        "elb_samples",
        "Samples in them",
        alone(intake.samples),
    )?;
    let refused = intake.refused.iter();
    let refused = refused.map(|(cause, count)| (vec![label("cause", cause)], *count));
    counters(
        encoder,
        "elb_refused",
        "What could not be used, by cause",
        refused,
    )?;
    let agents = [(Labels::new(), intake.agents as f64)];
    gauges(encoder, "elb_agents", "Agents that are known", agents)?;
    let elapsed = [(Labels::new(), snapshot.elapsed)];
    gauges(
        encoder,
        "elb_running_seconds",
        "How long the loop has run, in its own time",
        elapsed,
    )
}

fn services(services: &[ServiceView], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let columns: [Column<ServiceView, u32>; 5] = [
        (
            "elb_replicas_wanted",
            "Replicas that the orchestrator is to keep",
            |service| service.wanted,
        ),
        ("elb_tasks_running", "Tasks that run", |service| {
            service.running
        }),
        (
            "elb_containers_seen",
            "Containers that telemetry knows",
            |service| service.seen,
        ),
        ("elb_replicas_min", "The least that is allowed", |service| {
            service.bounds.0
        }),
        ("elb_replicas_max", "The most that is allowed", |service| {
            service.bounds.1
        }),
    ];
    for (name, help, value) in columns {
        let of_each = services.iter();
        let of_each =
            of_each.map(|service| (vec![label("service", &service.name)], value(service).into()));
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

fn signals(services: &[ServiceView], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let columns: [Column<SignalView, Option<f64>>; 5] = [
        (
            "elb_signal",
            "Mean per container; absent when nothing is known",
            |signal| signal.value,
        ),
        ("elb_signal_upper", "Where a service grows", |signal| {
            Some(signal.upper)
        }),
        ("elb_signal_lower", "Where a service shrinks", |signal| {
            Some(signal.lower)
        }),
        (
            "elb_signal_contributing",
            "Containers with a fresh value",
            |signal| Some(signal.contributing.into()),
        ),
        (
            "elb_signal_matched",
            "Containers that should have one",
            |signal| Some(signal.matched.into()),
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

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in series {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (Labels, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, count) in series {
        let mut series = family.encode_family(&labels)?;
        series.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
    }
    Ok(())
}

/// A label of bounded length, without characters that a terminal would obey.
fn label(name: &'static str, value: &str) -> (&'static str, String) {
    (name, shortened(value, LONGEST))
}
