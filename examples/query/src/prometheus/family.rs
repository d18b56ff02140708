//! Metric families, and the limit on their size.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use serve::exposition::Format;
use sflow_metrics::Metric;

use super::labels::{Labels, OfMetric};

#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// A counter: it only increases, or restarts at zero.
    Count(f64),
    /// A gauge.
    Level(f64),
}

impl Number {
    /// `None` if it is not finite.
    pub(super) fn level(level: f64) -> Option<Self> {
        level.is_finite().then_some(Self::Level(level))
    }

    /// A gauge that counts things.
    pub(super) fn of(count: usize) -> Self {
        Self::Level(count as f64)
    }

    fn encode(self, encoder: &mut MetricEncoder<'_>, format: Format) -> std::fmt::Result {
        match (self, format) {
            (Self::Count(count), Format::OpenMetrics) => {
                encoder.encode_counter::<NoLabelSet, _, f64>(&count, None)
            }
            // The name of the family already ends in `_total`.
            (Self::Count(value), Format::Text) | (Self::Level(value), _) => {
                encoder.encode_gauge(&value)
            }
        }
    }
}

/// The series of one name, either all counters or all gauges.
#[derive(Debug)]
pub(super) struct Family {
    /// With the unit, and without the `_total` of counters.
    name: String,
    /// The unit at the end of the name, for OpenMetrics.
    unit: Option<&'static str>,
    help: String,
    series: Vec<Series>,
}

/// Labels, the name of a custom metric, and the value.
type Series = (Rc<Labels>, Option<Box<str>>, Number);

/// Upper bound of the bytes of a series without name and labels.
const OVERHEAD: usize = 40;

impl Family {
    pub(super) fn new(name: &str, help: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: None,
            help: help.to_owned(),
            series: Vec::new(),
        }
    }

    /// A family without series for a metric of the catalogue.
    pub(super) fn of_metric(metric: &Metric) -> Self {
        Self {
            unit: metric.openmetrics_unit(),
            ..Self::new(&metric.openmetrics_name(), &help(metric))
        }
    }

    /// A family of one series without labels.
    pub(super) fn single(name: &str, help: &str, number: Number) -> Self {
        Self {
            series: vec![(Rc::default(), None, number)],
            ..Self::new(name, help)
        }
    }

    pub(super) fn push(&mut self, labels: &Rc<Labels>, number: Number) {
        self.series.push((labels.clone(), None, number));
    }

    /// Adds a value of a custom metric.
    pub(super) fn push_custom(&mut self, labels: &Rc<Labels>, metric: &str, number: Number) {
        self.series
            .push((labels.clone(), Some(metric.into()), number));
    }

    /// Bytes of a series with these labels in a response, at most.
    pub(super) fn encoded_len(&self, labels: &Labels, metric: &str) -> usize {
        self.name.len() + labels.encoded_len() + metric.len() + OVERHEAD
    }

    pub(super) fn encode(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        format: Format,
    ) -> std::fmt::Result {
        let kind = match self.series.first() {
            None => return Ok(()),
            Some((_, _, Number::Count(_))) => MetricType::Counter,
            Some((_, _, Number::Level(_))) => MetricType::Gauge,
        };
        let unit = self.unit.map(|unit| Unit::Other(unit.to_owned()));
        let unit = unit.filter(|_| format == Format::OpenMetrics);
        let counter_name;
        let name = match (&unit, kind, format) {
            // The encoder appends the unit.
            (Some(unit), ..) => {
                let bare = self.name.strip_suffix(unit.as_str());
                let bare = bare.and_then(|name| name.strip_suffix('_'));
                bare.ok_or(std::fmt::Error)?
            }
            (None, MetricType::Counter, Format::Text) => {
                counter_name = format!("{}_total", self.name);
                &counter_name
            }
            _ => &self.name,
        };
        let mut metric = encoder.encode_descriptor(name, &self.help, unit.as_ref(), kind)?;
        for (labels, custom, number) in &self.series {
            if labels.is_empty() {
                number.encode(&mut metric, format)?;
            } else {
                let labels = OfMetric(labels, custom.as_deref());
                number.encode(&mut metric.encode_family(&labels)?, format)?;
            }
        }
        Ok(())
    }
}

/// The source structure of a metric, and its unit.
fn help(metric: &Metric) -> String {
    let unit = match metric.openmetrics_unit() {
        Some(unit) => unit,
        // The unit of the counter, not of its increase per second.
        None if metric.is_openmetrics_counter() => match metric.unit().strip_suffix("/s") {
            None | Some("1") => "",
            Some(unit) => unit,
        },
        None => metric.unit(),
    };
    match unit {
        "" => metric.origin().to_owned(),
        unit => format!("{}, in {unit}", metric.origin()),
    }
}

/// The series and bytes that may still be added to a response.
#[derive(Debug)]
pub(super) struct SeriesBudget {
    series_left: usize,
    bytes_left: usize,
    left_out: usize,
    hasher: RandomState,
    /// Hashes of the labels of admitted series.
    admitted: HashSet<u64>,
}

impl SeriesBudget {
    pub(super) fn new(series_left: usize, bytes_left: usize) -> Self {
        Self {
            series_left,
            bytes_left,
            left_out: 0,
            hasher: RandomState::new(),
            admitted: HashSet::new(),
        }
    }

    /// Returns whether the labels are new and the budget is not used up. OpenMetrics forbids two
    /// series with the same labels.
    pub(super) fn admits(&mut self, labels: &Labels, metric: &str) -> bool {
        self.series_left > 0 && self.admitted.insert(self.hasher.hash_one((labels, metric)))
    }

    /// Reserves a series of `bytes` bytes if it is admitted and within the budget, and counts it as
    /// left out otherwise.
    pub(super) fn reserve(&mut self, is_admitted: bool, bytes: usize) -> bool {
        let is_reserved = is_admitted && self.series_left > 0 && bytes <= self.bytes_left;
        if is_reserved {
            self.series_left -= 1;
            self.bytes_left -= bytes;
        } else {
            self.left_out += 1;
        }
        is_reserved
    }

    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}
