//! Metrics of elb in the text formats of OpenMetrics and Prometheus.

mod control;
mod pools;
mod process;
mod services;
mod telemetry;

use std::collections::HashSet;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use serve::exposition::Format;

use super::Site;
use crate::format::shortened;

/// Maximum length of a label value, in characters.
const LONGEST: usize = 200;

/// All metrics in a text format.
pub(super) fn exposition(site: &Site, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(site.clone())));
    let mut body = String::new();
    text::encode(&mut body, &registry)?;
    Ok(match format {
        Format::OpenMetrics => body,
        Format::Text => as_text(&body),
    })
}

/// Converts OpenMetrics to the text format of Prometheus, in which the name of a counter family ends
/// in `_total`, as do those of its series.
fn as_text(open_metrics: &str) -> String {
    let lines = || open_metrics.lines().filter(|line| *line != "# EOF");
    let counters: HashSet<&str> = lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in lines() {
        let family = ["# HELP ", "# TYPE "].into_iter().find_map(|start| {
            let (name, rest) = line.strip_prefix(start)?.split_once(' ')?;
            counters.contains(name).then_some((start, name, rest))
        });
        match family {
            Some((start, name, rest)) => text.extend([start, name, "_total ", rest]),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

struct Exposition(Site);

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exposition").finish_non_exhaustive()
    }
}

type Labels = Vec<(&'static str, String)>;

/// Name of a metric, help text, and function that returns the value.
type Column<T, V> = (&'static str, &'static str, fn(&T) -> V);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        let site = &self.0;
        let snapshot = site.glance(0);
        telemetry::stream(&snapshot, encoder)?;
        telemetry::agents(&site.handle, encoder)?;
        services::services(&snapshot.services, encoder)?;
        services::signals(&snapshot.services, encoder)?;
        control::decisions(&site.handle, encoder)?;
        control::rounds(&site.handle, encoder)?;
        pools::pools(&site.handle.status().lock(), encoder)?;
        let answers = site.answers.lock().clone();
        let answers = answers
            .iter()
            .map(|(status, count)| (vec![label("code", &status.to_string())], *count));
        counters(
            encoder,
            "elb_http_answers",
            "HTTP responses by status",
            answers,
        )?;
        process::process(encoder)
    }
}

/// A gauge without labels.
fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    gauges(encoder, name, help, [(Labels::new(), value)])
}

/// A counter without labels.
fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, count: u64) -> fmt::Result {
    counters(encoder, name, help, [(Labels::new(), count)])
}

fn histograms<'h>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (Labels, &'h Histogram)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, histogram) in series {
        histogram.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Label values that become equal when shortened are exported once: a scrape with duplicate series
/// is rejected.
fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (Labels, f64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    let mut exported = HashSet::new();
    for (labels, value) in series {
        if exported.insert(labels.clone()) {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
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
    let mut exported = HashSet::new();
    for (labels, count) in series {
        if exported.insert(labels.clone()) {
            let mut series = family.encode_family(&labels)?;
            series.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    Ok(())
}

/// A label value of bounded length without control characters.
fn label(name: &'static str, value: &str) -> (&'static str, String) {
    (name, shortened(value, LONGEST))
}
