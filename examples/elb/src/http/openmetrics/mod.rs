//! Metrics of elb in the text formats of OpenMetrics and Prometheus.

mod control;
mod subjects;
mod telemetry;

use std::cell::RefCell;
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

impl Collector for Exposition {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let site = &self.0;
        let snapshot = site.handle.snapshot(0);
        let to = &Encoder(RefCell::new(encoder));
        telemetry::ingest(to, &snapshot)?;
        telemetry::agents(to, site)?;
        subjects::services(to, &snapshot.services)?;
        subjects::signals(to, &snapshot.services)?;
        control::decisions(to, &site.handle)?;
        control::rounds(to, &site.handle)?;
        control::leader(to, &snapshot.leader)?;
        subjects::pools(to, &site.handle.status().lock())?;
        let answers = site.answers.lock().clone();
        let answers = answers.iter();
        let answers = answers.map(|(status, count)| ([("code", status.to_string())], *count));
        to.counters("elb_http_answers", "HTTP responses by status", answers)?;
        control::process(to)
    }
}

/// Names and values of labels.
type Labels<const N: usize> = [(&'static str, String); N];

/// Encodes families of metrics. Label values are shortened. Those that become equal are exported
/// once: a scrape with duplicate series is rejected.
struct Encoder<'e>(RefCell<DescriptorEncoder<'e>>);

impl Encoder<'_> {
    /// A gauge without labels; absent without a value.
    fn gauge(&self, name: &str, help: &str, value: impl Into<Option<f64>>) -> fmt::Result {
        self.gauges(name, help, value.into().map(|value| ([], value)))
    }

    /// A counter without labels.
    fn counter(&self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.counters(name, help, [([], count)])
    }

    fn gauges<const N: usize>(
        &self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<N>, f64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.borrow_mut();
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in distinct(series) {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn counters<const N: usize>(
        &self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<N>, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.borrow_mut();
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in distinct(series) {
            let mut series = family.encode_family(&labels)?;
            series.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }

    fn histograms<'h, const N: usize>(
        &self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels<N>, &'h Histogram)>,
    ) -> fmt::Result {
        let mut encoder = self.0.borrow_mut();
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in distinct(series) {
            histogram.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Shortens label values and omits series whose labels are then equal to those of an earlier one.
fn distinct<const N: usize, V>(
    series: impl IntoIterator<Item = (Labels<N>, V)>,
) -> impl Iterator<Item = (Vec<(&'static str, String)>, V)> {
    let mut exported = HashSet::new();
    series.into_iter().filter_map(move |(labels, value)| {
        let labels = labels.map(|(name, text)| (name, shortened(&text, LONGEST)));
        let labels = Vec::from(labels);
        exported.insert(labels.clone()).then_some((labels, value))
    })
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}
