//! Which metrics there are, and how each follows from the fields of counter records.
//!
//! Raw metrics come from the field walk of `sflow-v5`: every counter and gauge of every counter
//! record is one, called as [`naming`] says. Derived ones are sums and quotients of raw ones
//! ([`derived`]).

mod build;
mod custom;
mod derived;
pub(crate) mod elements;
mod formula;
mod naming;

use std::borrow::Cow;

use sflow_v5::DataFormat;

use crate::discipline::counter::Width;
use crate::kind::EntityKind;
use build::{CATALOGUE, Catalogue, NOWHERE};
use formula::Formula;

/// One metric: what it is called, what it measures, and where it comes from.
///
/// ```
/// use sflow_metrics::{EntityKind, Metric};
///
/// let cores = Metric::named("vir_cpu_cores").expect("a metric of containers");
/// assert_eq!((cores.unit(), cores.entity()), ("cores", EntityKind::Container));
/// assert_eq!(cores.origin(), "0.001 × vir_cpu_time");
/// ```
#[derive(Debug)]
pub struct Metric {
    id: u16,
    name: Cow<'static, str>,
    unit: Cow<'static, str>,
    kind: MetricKind,
    entity: EntityKind,
    origin: String,
    definition: Definition,
}

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MetricKind {
    /// A counter's growth per second.
    Rate,
    /// A quantity at the moment it was read.
    Gauge,
    /// Computed from others.
    Derived,
    /// Reported by applications under a name of their own: a counter's growth per second, or a
    /// quantity.
    Custom,
}

impl Metric {
    /// Every metric, raw ones first.
    pub fn all() -> &'static [Self] {
        &CATALOGUE.metrics
    }

    /// The metric of this name: one of [`all`](Self::all), or, as `custom.requests`, the one that
    /// applications report as `requests`.
    ///
    /// Of the latter there are [so many](Self::MOST_CUSTOM) at most in a process, those that were
    /// asked for first.
    ///
    /// ```
    /// use sflow_metrics::{Metric, MetricKind};
    ///
    /// let requests = Metric::named("custom.requests").expect("there is room");
    /// assert_eq!((requests.name(), requests.kind()), ("custom.requests", MetricKind::Custom));
    /// assert_eq!(Metric::named("requests_of_nobody"), None);
    /// ```
    pub fn named(name: &str) -> Option<&'static Self> {
        match name.strip_prefix(custom::PREFIX) {
            Some(reported) => custom::metric(reported),
            None => Self::all().iter().find(|metric| metric.name == name),
        }
    }

    /// The most metrics under names of applications that can be asked for in one process.
    pub const MOST_CUSTOM: usize = custom::MOST;

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unit of its values; empty for a bare number.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What kind of number it is.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// What it is measured of.
    pub fn entity(&self) -> EntityKind {
        self.entity
    }

    /// Where it comes from: structure and field of the specification, or the formula.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its place in [`all`](Self::all), or behind.
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    pub(crate) fn definition(&self) -> &Definition {
        &self.definition
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Metric {}

/// How the value of a metric is found.
#[derive(Debug)]
pub(crate) enum Definition {
    Raw(Operand),
    Formula(Formula),
    /// What applications report under this name.
    Custom(Box<str>),
}

impl Definition {
    /// The value, from the values of what it is made of.
    pub(crate) fn evaluate(&self, mut value_of: impl FnMut(Operand) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Raw(operand) => value_of(*operand),
            Self::Formula(formula) => formula.evaluate(value_of),
            Self::Custom(_) => None,
        }
    }

    /// What it is made of.
    pub(crate) fn operands(&self) -> impl Iterator<Item = Operand> {
        let (raw, formula) = match self {
            Self::Raw(operand) => (Some(*operand), None),
            Self::Formula(formula) => (None, Some(formula.operands())),
            Self::Custom(_) => (None, None),
        };
        raw.into_iter().chain(formula.into_iter().flatten())
    }
}

/// A number that a source has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A reading of a structure.
    Reading { structure: u8, column: u8 },
    /// The processors of the host that it runs on.
    HostProcessors,
}

/// The columns that are kept of one structure: its counters, then its gauges.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) format: DataFormat,
    pub(crate) entity: EntityKind,
    /// Whether a sample holds several of it, which are parts of one.
    pub(crate) repeats: bool,
    pub(crate) counters: Vec<CounterColumn>,
    pub(crate) gauges: Vec<GaugeColumn>,
}

impl Structure {
    /// All structures with columns, in the order of their numbers.
    pub(crate) fn all() -> &'static [Self] {
        &CATALOGUE.structures
    }

    /// The place in [`all`](Self::all) of the structure of this number.
    #[inline]
    pub(crate) fn index_of(format: DataFormat) -> Option<usize> {
        let catalogue: &Catalogue = &CATALOGUE;
        let standard = (format.enterprise() == 0).then_some(format.format() as usize);
        match standard.and_then(|number| catalogue.standard.get(number)) {
            Some(index) => (*index != NOWHERE).then_some(usize::from(*index)),
            None => catalogue.search(format),
        }
    }
}

#[derive(Debug)]
pub(crate) struct CounterColumn {
    pub(crate) field: usize,
    pub(crate) width: Width,
    pub(crate) ceiling: Ceiling,
}

#[derive(Debug)]
pub(crate) struct GaugeColumn {
    pub(crate) field: usize,
    pub(crate) scale: f64,
}

/// What bounds the growth of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceiling {
    /// Milliseconds of processors.
    Processors,
    /// Milliseconds of operations that can overlap.
    Operations,
    /// Bytes on a line.
    Line,
    /// Anything counted by one.
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

    use sflow_v5::{CounterRecord, Kind};

    #[test]
    fn names_are_unique() {
        let mut names = HashSet::new();
        for metric in Metric::all() {
            assert!(
                names.insert(metric.name()),
                "{} stands twice",
                metric.name()
            );
        }
    }

    #[test]
    fn every_formula_is_understood() {
        for line in derived::DERIVED {
            assert!(
                Metric::named(line.name).is_some(),
                "{}: a term is no raw metric",
                line.name
            );
        }
    }

    #[test]
    fn every_formula_stays_within_one_kind_of_entity() {
        let kind_of = |operand| match operand {
            Operand::Reading { structure, .. } => Structure::all()[usize::from(structure)].entity,
            Operand::HostProcessors => EntityKind::Container,
        };
        for metric in Metric::all() {
            for operand in metric.definition.operands() {
                // What is not told to be of one kind may be of any.
                let kind = kind_of(operand);
                assert!(
                    kind == metric.entity || kind == EntityKind::Other,
                    "{}",
                    metric.name
                );
            }
        }
    }

    #[test]
    fn every_numeric_field_is_a_metric() {
        for registered in CounterRecord::REGISTERED {
            for field in registered.fields {
                let origin = format!("{}.{}", registered.name, field.name);
                let is_numeric = matches!(
                    field.kind,
                    Kind::Counter32 | Kind::Counter64 | Kind::Gauge | Kind::Percentage
                );
                let is_metric = Metric::all().iter().any(|metric| metric.origin == origin);
                assert_eq!(is_metric, is_numeric, "{origin}");
            }
        }
    }

    #[test]
    fn the_public_vocabulary_is_there() {
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
        let unit = |name| Metric::named(name).unwrap().unit();
        assert_eq!(unit("ifinoctets"), "bytes/s");
        assert_eq!(unit("contexts"), "1/s");
        assert_eq!(unit("mem_total"), "bytes");
        assert_eq!(unit("part_max_used"), "%");
        assert_eq!(unit("vir_cpu_time"), "ms/s");
    }
}
