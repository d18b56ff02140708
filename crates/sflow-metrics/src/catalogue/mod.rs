//! The catalogue of metrics.
//!
//! Every counter and gauge of every counter record is a raw metric, named by [`naming`]. Derived
//! metrics are sums and quotients of raw ones ([`derived`]).

mod build;
mod derived;
pub(crate) mod elements;
mod formula;
mod naming;
mod openmetrics;
mod text;
mod width;

use core::fmt;
use std::sync::Arc;

use sflow_v5::DataFormat;

use crate::entity::EntityKind;
use build::{METRICS, NOWHERE, STANDARD, STRUCTURES};
pub(crate) use build::{is_counter, is_gauge};
use formula::Formula;
pub(crate) use width::Width;

/// A metric: its name, unit, kind and origin.
///
/// ```
/// use sflow_metrics::{Metric, entity};
///
/// let cores = Metric::named("vir_cpu_cores").expect("a metric of containers");
/// assert_eq!((cores.unit(), cores.entity()), ("cores", entity::Kind::Container));
/// assert_eq!(cores.origin(), "0.001 × vir_cpu_time");
/// ```
///
/// The metrics of the catalogue are constants. A custom metric is created by its name.
#[derive(Clone)]
pub struct Metric(Inner);

#[derive(Clone)]
enum Inner {
    Known(&'static Known),
    Custom(Arc<Custom>),
}

/// A metric of the catalogue.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Index in the catalogue.
    id: u16,
    name: &'static str,
    unit: &'static str,
    kind: MetricKind,
    entity: EntityKind,
    origin: &'static str,
    definition: Definition<'static>,
}

/// A custom metric of applications.
#[derive(Debug)]
struct Custom {
    /// With [`PREFIX`].
    name: String,
    origin: String,
}

/// The prefix of custom metrics in queries.
const PREFIX: &str = "custom.";

/// Maximum length of the name of a custom metric in bytes.
const LONGEST: usize = 255;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MetricKind {
    /// The increase of a counter per second.
    Rate,
    /// A value at the time of the reading.
    Gauge,
    /// Computed from other metrics.
    Derived,
    /// A custom metric of applications: the increase of a counter per second, or a value.
    Custom,
}

impl Metric {
    /// Every metric, raw ones first.
    pub fn all() -> &'static [Self] {
        &METRICS
    }

    /// The metric with this name: one of [`all`](Self::all), or `custom.requests` for the custom metric
    /// `requests`. Names of custom metrics have at most 255 bytes.
    ///
    /// ```
    /// use sflow_metrics::{Metric, MetricKind};
    ///
    /// let requests = Metric::named("custom.requests").expect("a short name");
    /// assert_eq!((requests.name(), requests.kind()), ("custom.requests", MetricKind::Custom));
    /// assert_eq!(Metric::named("unknown"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        let Some(reported) = name.strip_prefix(PREFIX) else {
            let known = Self::all().iter().find(|metric| metric.name() == name);
            return known.cloned();
        };
        let is_possible = (1..=LONGEST).contains(&reported.len());
        is_possible.then(|| {
            Self(Inner::Custom(Arc::new(Custom {
                name: name.to_owned(),
                origin: format!("rtmetric `{reported}`"),
            })))
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        match &self.0 {
            Inner::Known(known) => known.name,
            Inner::Custom(custom) => &custom.name,
        }
    }

    /// The unit of the values; empty for a plain number.
    pub fn unit(&self) -> &str {
        match &self.0 {
            Inner::Known(known) => known.unit,
            Inner::Custom(_) => "",
        }
    }

    /// The kind.
    pub fn kind(&self) -> MetricKind {
        match &self.0 {
            Inner::Known(known) => known.kind,
            Inner::Custom(_) => MetricKind::Custom,
        }
    }

    /// The kind of entity with this metric.
    pub fn entity(&self) -> EntityKind {
        match &self.0 {
            Inner::Known(known) => known.entity,
            Inner::Custom(_) => EntityKind::Other,
        }
    }

    /// The structure and field of the specification, or the formula.
    pub fn origin(&self) -> &str {
        match &self.0 {
            Inner::Known(known) => known.origin,
            Inner::Custom(custom) => &custom.origin,
        }
    }

    #[inline]
    pub(crate) fn definition(&self) -> Definition<'_> {
        match &self.0 {
            Inner::Known(known) => known.definition,
            Inner::Custom(custom) => {
                let reported = custom.name.strip_prefix(PREFIX);
                Definition::Custom(reported.unwrap_or(&custom.name))
            }
        }
    }
}

impl PartialEq for Metric {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Inner::Known(known), Inner::Known(other)) => known.id == other.id,
            (Inner::Custom(custom), Inner::Custom(other)) => custom.name == other.name,
            _ => false,
        }
    }
}

impl Eq for Metric {}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Known(known) => known.fmt(f),
            Inner::Custom(custom) => custom.fmt(f),
        }
    }
}

/// The source of the values of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Definition<'m> {
    Raw(Operand),
    Formula(&'static Formula),
    /// The custom metric with this name.
    Custom(&'m str),
}

impl Definition<'_> {
    /// The value, from the values of the operands.
    #[inline]
    pub(crate) fn evaluate(self, mut value_of: impl FnMut(Operand) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Raw(operand) => value_of(operand),
            Self::Formula(formula) => formula.evaluate(value_of),
            Self::Custom(_) => None,
        }
    }

    /// The operands.
    pub(crate) fn operands(self) -> impl Iterator<Item = Operand> + use<> {
        let (raw, formula) = match self {
            Self::Raw(operand) => (Some(operand), None),
            Self::Formula(formula) => (None, Some(formula.operands())),
            Self::Custom(_) => (None, None),
        };
        raw.into_iter().chain(formula.into_iter().flatten())
    }
}

/// A number that is available in a data source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A reading of a structure.
    Reading { structure: u8, column: u8 },
    /// The number of processors of the host.
    HostProcessors,
    /// The speed of an interface in bits per second, unless its counters refute it.
    LineSpeed,
}

/// The columns of a structure that are stored: counters, then gauges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Structure {
    pub(crate) format: DataFormat,
    pub(crate) entity: EntityKind,
    /// Whether a sample may contain several of these structures, whose values are added up.
    pub(crate) repeats: bool,
    pub(crate) counters: &'static [CounterColumn],
    pub(crate) gauges: &'static [GaugeColumn],
}

impl Structure {
    /// All structures with columns, in the order of their numbers.
    pub(crate) fn all() -> &'static [Self] {
        &STRUCTURES
    }

    /// Whether any fields are stored.
    #[inline]
    pub(crate) const fn has_columns(&self) -> bool {
        !self.counters.is_empty() || !self.gauges.is_empty()
    }

    /// The index in [`all`](Self::all) of the structure with this format.
    #[inline]
    pub(crate) fn index_of(format: DataFormat) -> Option<usize> {
        let standard = (format.enterprise() == 0).then_some(format.format() as usize);
        match standard.and_then(|number| STANDARD.get(number)) {
            Some(index) => (*index != NOWHERE).then_some(usize::from(*index)),
            None => STRUCTURES
                .binary_search_by_key(&format, |structure| structure.format)
                .ok(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CounterColumn {
    pub(crate) width: Width,
    pub(crate) ceiling: Ceiling,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct GaugeColumn {
    pub(crate) scale: f64,
}

/// The limit on the increase of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceiling {
    /// Milliseconds of processors.
    Processors,
    /// Milliseconds of operations that can overlap.
    Operations,
    /// Bytes on a line.
    Line,
    /// Any other events.
    Events,
}

impl Ceiling {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 4] =
        [Self::Processors, Self::Operations, Self::Line, Self::Events];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    use sflow_v5::CounterRecord;
    use sflow_v5::field::Kind;

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for metric in Metric::all() {
            assert!(
                names.insert(metric.name()),
                "duplicate name {}",
                metric.name()
            );
        }
    }

    #[test]
    fn formulas_use_known_metrics() {
        for line in derived::DERIVED {
            assert!(
                Metric::named(line.name).is_some(),
                "{}: unknown term",
                line.name
            );
        }
    }

    #[test]
    fn formulas_use_metrics_of_one_kind_of_entity() {
        let kind_of = |operand| match operand {
            Operand::Reading { structure, .. } => Structure::all()[usize::from(structure)].entity,
            Operand::HostProcessors => EntityKind::Container,
            Operand::LineSpeed => EntityKind::Interface,
        };
        for metric in Metric::all() {
            for operand in metric.definition().operands() {
                // Metrics of kind `Other` exist for any kind.
                let kind = kind_of(operand);
                assert!(
                    kind == metric.entity() || kind == EntityKind::Other,
                    "{}",
                    metric.name()
                );
            }
        }
    }

    #[test]
    fn all_numeric_fields_are_metrics() {
        for registered in CounterRecord::REGISTERED {
            for field in registered.fields {
                let origin = format!("{}.{}", registered.name, field.name);
                let is_numeric = matches!(
                    field.kind,
                    Kind::Counter32 | Kind::Counter64 | Kind::Gauge | Kind::Percentage
                );
                let is_metric = Metric::all().iter().any(|metric| metric.origin() == origin);
                assert_eq!(is_metric, is_numeric, "{origin}");
            }
        }
    }

    #[test]
    fn public_names_are_complete() {
        let vocabulary = "load_one load_five load_fifteen cpu_num cpu_speed proc_run proc_total \
            uptime cpu_utilization cpu_user cpu_nice cpu_system cpu_idle cpu_wio cpu_intr \
            cpu_sintr cpu_steal interrupts contexts mem_total mem_free mem_shared mem_buffers \
            mem_cached mem_used mem_utilization swap_total swap_free swap_utilization page_in \
            page_out swap_in swap_out disk_total disk_free disk_utilization part_max_used reads \
            writes bytes_read bytes_written bytes_in bytes_out pkts_in pkts_out errs_in errs_out \
            drops_in drops_out vir_cpu_utilization vir_cpu_cores vir_cpu_limit_utilization \
            vir_cpu_host_utilization vir_mem_used vir_mem_total vir_mem_utilization vir_bytes_in \
            vir_bytes_out vir_pkts_in vir_pkts_out vir_errs_in vir_drops_out vir_disk_reads \
            vir_disk_bytes_written ifspeed ifinoctets ifoutoctets ifinutilization \
            ifoututilization ifinpkts ifoutpkts ifinucastpkts ifinerrors ifoutdiscards \
            eth_fcserrors app_usertime app_systemtime ovs_dp_flows ovs_dp_missrate cpu_5sec \
            cpu_1min cpu_5min nvml_gputime vir_nvml_gputime agg_lacpdusrx opt_temperature \
            http_requests http_method_get_count memcache_get_hits jvm_heap_used app_success \
            energy_voltage temperature_maximum fans_failed hw_ipv4_routes";
        for name in vocabulary.split_whitespace() {
            assert!(Metric::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn units_follow_the_kind() {
        let unit = |name| Metric::named(name).unwrap().unit().to_owned();
        assert_eq!(unit("ifinoctets"), "bytes/s");
        assert_eq!(unit("contexts"), "1/s");
        assert_eq!(unit("mem_total"), "bytes");
        assert_eq!(unit("part_max_used"), "%");
        assert_eq!(unit("vir_cpu_time"), "ms/s");
    }
}
