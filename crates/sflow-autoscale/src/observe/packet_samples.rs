//! Rates of services by packet samples, which show a surge before counters do.
//!
//! Counters arrive once in a polling interval, packet samples at once. Their rate is an estimate, and
//! the part of the traffic that they show depends on where an agent samples. It is therefore
//! multiplied by the ratio to the counters that was measured while the load was steady.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sflow_metrics::{AgentKey, Metric, Registry, Timestamp, flow};
use sflow_v5::Address;

use super::trust::Trust;

/// Pairs of a service and an agent that are read.
const MAX_ROWS: usize = 10_000;
/// Smoothing of the rate that is reported, and of the rate that it is compared with to see whether the
/// load is steady.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(10);
/// Time constant of the ratio of counters to samples.
const CORRECTION_TIME: Duration = Duration::from_secs(60);
/// Time until a mean over [`LONG`] is valid.
const WARM_UP: Duration = Duration::from_secs(40);
/// The largest ratio of counters to samples, or its inverse. Beyond it both measure different things.
const MAX_CORRECTION: f64 = 8.0;

/// The flow definitions that the registry watches.
#[derive(Debug)]
pub(super) struct SampleFlows {
    /// Per measure, with the short and with the long smoothing.
    flows: [(Measure, flow::Id, flow::Id); 4],
}

/// A quantity that packet samples show, named as the metric of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    BytesIn,
    BytesOut,
    PacketsIn,
    PacketsOut,
}

impl Measure {
    const ALL: [Self; 4] = [
        Self::BytesIn,
        Self::BytesOut,
        Self::PacketsIn,
        Self::PacketsOut,
    ];

    fn of(metric: &Metric) -> Option<Self> {
        match metric.name() {
            "vir_bytes_in" => Some(Self::BytesIn),
            "vir_bytes_out" => Some(Self::BytesOut),
            "vir_pkts_in" => Some(Self::PacketsIn),
            "vir_pkts_out" => Some(Self::PacketsOut),
            _ => None,
        }
    }

    /// Measures it by service and agent.
    fn flow(self) -> flow::Definition {
        let service = match self {
            Self::BytesIn | Self::PacketsIn => flow::Key::ServiceDestination,
            Self::BytesOut | Self::PacketsOut => flow::Key::ServiceSource,
        };
        let value = match self {
            Self::BytesIn | Self::BytesOut => flow::Measure::NetBytes,
            Self::PacketsIn | Self::PacketsOut => flow::Measure::Frames,
        };
        let agent = [
            flow::Key::Sender,
            flow::Key::Agent,
            flow::Key::SubAgent,
            flow::Key::AgentInstance,
        ];
        flow::Definition::new(std::iter::once(service).chain(agent))
            .measuring(value)
            .listing(MAX_ROWS)
    }
}

/// An estimate of a rate, per second.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    value: f64,
    /// The square of its standard error.
    variance: f64,
}

/// The rate of all containers of a service together, by packet samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledRate {
    /// The rate per second in the unit of the metric, corrected by the counters.
    pub value: f64,
    /// The relative standard error.
    pub error: f64,
    /// Number of packet samples.
    pub samples: u64,
    /// The factor of the correction.
    pub correction: f64,
}

/// The rates of all services at one moment.
#[derive(Debug, Default)]
pub(super) struct Samples {
    short: Estimates,
    long: Estimates,
}

/// By the name of a service, the indices of the nodes on which it has a task with readings.
pub type SampledNodes = HashMap<String, BTreeSet<usize>>;

/// Per measure, the estimate of each service.
type Estimates = BTreeMap<Measure, HashMap<String, Estimate>>;

impl SampleFlows {
    /// Starts to watch the samples of reserved senders, or of all. `None` if the registry cannot watch
    /// more flows.
    pub(super) fn begin(
        registry: &mut Registry,
        service_of: fn(&str) -> Option<&str>,
        only_reserved: bool,
    ) -> Option<Self> {
        registry.group_containers_by(service_of);
        let mut watch = |measure: Measure, smoothing: Duration| {
            let mut definition = measure.flow().smoothed_over(Some(smoothing));
            if only_reserved {
                // Other senders could use up all rows.
                let reserved = flow::Key::SenderReserved;
                definition = definition.narrowed(reserved, &flow::Value::Number(1));
            }
            registry.watch_flows(definition).ok()
        };
        let mut flows = [const { None }; 4];
        for (flow, measure) in flows.iter_mut().zip(Measure::ALL) {
            *flow = Some((measure, watch(measure, SHORT)?, watch(measure, LONG)?));
        }
        let [Some(a), Some(b), Some(c), Some(d)] = flows else {
            return None;
        };
        Some(Self {
            flows: [a, b, c, d],
        })
    }

    /// The present rates of these metrics, by samples of agents that report for a node where the
    /// service runs.
    pub(super) fn rates<'m>(
        &self,
        registry: &Registry,
        trust: &Trust,
        nodes: &SampledNodes,
        metrics: impl IntoIterator<Item = &'m Metric>,
        now: Timestamp,
    ) -> Samples {
        let used: BTreeSet<Measure> = metrics.into_iter().filter_map(Measure::of).collect();
        let mut samples = Samples::default();
        let flows = self.flows.iter();
        for (measure, short, long) in flows.filter(|(measure, ..)| used.contains(measure)) {
            for (id, estimates) in [(short, &mut samples.short), (long, &mut samples.long)] {
                let Some(answer) = registry.flows(now, *id) else {
                    continue;
                };
                for row in answer.rows {
                    let [
                        flow::Value::Text(service),
                        flow::Value::Ip(sender),
                        agent,
                        flow::Value::Number(sub_agent),
                        flow::Value::Number(instance),
                    ] = &row.keys[..]
                    else {
                        continue;
                    };
                    let Some(nodes) = nodes.get(service.as_ref()) else {
                        continue;
                    };
                    let agent = AgentKey {
                        sender: *sender,
                        address: match agent {
                            flow::Value::Ip(address) => Address::from(*address),
                            _ => Address::Unknown,
                        },
                        sub_agent: u32::try_from(*sub_agent).unwrap_or(u32::MAX),
                        instance: u32::try_from(*instance).unwrap_or(u32::MAX),
                    };
                    if !trust.is_open() && !trust.samples_any(&agent, nodes) {
                        continue;
                    }
                    // The difference from the stated sampling rate is systematic, and corrected by
                    // the counters.
                    let error = (row.sampling_error - row.rate_error) / 1.96;
                    let of_each = estimates.entry(*measure).or_default();
                    if !of_each.contains_key(service.as_ref()) {
                        of_each.insert(service.to_string(), Estimate::default());
                    }
                    let Some(sum) = of_each.get_mut(service.as_ref()) else {
                        continue;
                    };
                    // The lower bound: without what may belong to an evicted flow.
                    sum.value += row.value - row.error;
                    sum.variance += error * error;
                }
            }
        }
        samples
    }
}

impl Samples {
    /// The sum over the measures; `None` without samples of any of them.
    fn sum(estimates: &Estimates, service: &str, measures: &[Measure]) -> Option<Estimate> {
        let mut sum = Estimate::default();
        let mut is_seen = false;
        for measure in measures {
            let of_each = estimates.get(measure);
            if let Some(estimate) = of_each.and_then(|of_each| of_each.get(service)) {
                sum.value += estimate.value;
                sum.variance += estimate.variance;
                is_seen = true;
            }
        }
        is_seen.then_some(sum)
    }
}

/// The ratio of counters to samples, per service and sum of measures.
#[derive(Debug, Default)]
pub(super) struct Corrections(BTreeMap<(String, Vec<Measure>), Correction>);

#[derive(Clone, Copy, Debug)]
struct Correction {
    /// Rates by counters and by samples, smoothed over the same time.
    counters: f64,
    samples: f64,
    at: Timestamp,
    since: Timestamp,
}

impl Corrections {
    /// The rate of all containers of a service together, if counters have confirmed it before.
    /// `counters` is the present rate by counters. `None` if packets do not show one of the summands,
    /// or none was sampled recently.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        samples: &Samples,
        service: &str,
        summands: &[Metric],
        counters: Option<f64>,
    ) -> Option<SampledRate> {
        let measures: Vec<Measure> = summands.iter().map(Measure::of).collect::<Option<_>>()?;
        let short = Samples::sum(&samples.short, service, &measures)?;
        let long = Samples::sum(&samples.long, service, &measures)?;
        let key = (service.to_owned(), measures);
        if let Some(counters) = counters.filter(|counters| *counters > 0.0)
            && is_steady(short, long)
        {
            self.learn(now, key.clone(), counters, long.value);
        }
        let known = self
            .0
            .get(&key)
            .filter(|known| now - known.since >= WARM_UP)?;
        let correction = known.factor()?;
        // Without samples, the relative error is unknown.
        if short.value <= 0.0 {
            return None;
        }
        let error = short.variance.sqrt() / short.value;
        Some(SampledRate {
            value: short.value * correction,
            error,
            samples: (1.0 / (error * error)).min(1e15) as u64,
            correction,
        })
    }

    fn learn(&mut self, now: Timestamp, key: (String, Vec<Measure>), counters: f64, samples: f64) {
        let new = Correction {
            counters,
            samples,
            at: now,
            since: now,
        };
        let known = self.0.entry(key).or_insert(new);
        if now - known.since < WARM_UP {
            *known = Correction {
                since: known.since,
                ..new
            };
        }
        let part = 1.0 - (-(now - known.at).div_duration_f64(CORRECTION_TIME)).exp();
        known.counters += (counters - known.counters) * part;
        known.samples += (samples - known.samples) * part;
        known.at = now;
    }

    /// Removes services that are not known any more.
    pub(super) fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.0.retain(|(service, _), _| is_known(service));
    }
}

impl Correction {
    /// At most 1: where samples show only a part of the traffic, a surge is detected later; but late
    /// counters after a drop in load cannot make up a surge.
    fn factor(&self) -> Option<f64> {
        let factor = self.counters / self.samples;
        let is_one =
            factor.is_finite() && (1.0 / MAX_CORRECTION..=MAX_CORRECTION).contains(&factor);
        is_one.then_some(factor.min(1.0))
    }
}

/// Whether the rate of the last 2 s equals that of the last 10 s within the sampling error.
fn is_steady(short: Estimate, long: Estimate) -> bool {
    let noise = (short.variance + long.variance).sqrt();
    long.value > 0.0 && (short.value - long.value).abs() <= 0.2 * long.value + 2.0 * noise
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "apache";

    fn metrics(names: &[&str]) -> Vec<Metric> {
        let metric = |name: &&str| Metric::named(name).unwrap();
        names.iter().map(metric).collect()
    }

    fn bytes() -> Vec<Metric> {
        metrics(&["vir_bytes_in", "vir_bytes_out"])
    }

    fn samples(short: f64, long: f64, relative_error: f64) -> Samples {
        let estimates = |value: f64| {
            let error = value / 2.0 * relative_error;
            let estimate = Estimate {
                value: value / 2.0,
                variance: error * error,
            };
            let of_each = HashMap::from([(SERVICE.to_owned(), estimate)]);
            BTreeMap::from([
                (Measure::BytesIn, of_each.clone()),
                (Measure::BytesOut, of_each),
            ])
        };
        Samples {
            short: estimates(short),
            long: estimates(long),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000 + seconds)
    }

    #[test]
    fn unconfirmed_samples_are_not_used() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        assert_eq!(
            corrections.apply(at(0), &seen, SERVICE, &bytes(), None),
            None
        );
        assert_eq!(
            corrections.apply(at(0), &seen, SERVICE, &bytes(), Some(0.0)),
            None
        );
        // Each packet is sampled on two interfaces; the ratio of 0.5 is known after a while.
        let mut sampled = None;
        for second in (2..=60).step_by(2) {
            sampled = corrections.apply(at(second), &seen, SERVICE, &bytes(), Some(500.0));
            assert_eq!(sampled.is_some(), second >= 42, "{second}");
        }
        let sampled = sampled.unwrap();
        assert_eq!((sampled.value, sampled.correction), (500.0, 0.5));
        assert!(
            (sampled.error - 0.1 / 2_f64.sqrt()).abs() < 1e-12,
            "{sampled:?}"
        );
        assert_eq!(sampled.samples, 200);
    }

    #[test]
    fn correction_is_at_most_one() {
        let mut corrections = Corrections::default();
        let seen = samples(100.0, 100.0, 0.1);
        for second in 0..50 {
            corrections.apply(at(second), &seen, SERVICE, &bytes(), Some(300.0));
        }
        let sampled = corrections.apply(at(50), &seen, SERVICE, &bytes(), Some(300.0));
        assert_eq!(sampled.map(|sampled| sampled.value), Some(100.0));
    }

    #[test]
    fn surge_shows_at_once_and_keeps_the_correction() {
        let mut corrections = Corrections::default();
        let calm = samples(1_000.0, 1_000.0, 0.05);
        for second in 0..60 {
            corrections.apply(at(second), &calm, SERVICE, &bytes(), Some(500.0));
        }
        // Six times the load, before counters show it.
        for (second, long) in [(60, 1_500.0), (61, 2_000.0), (64, 3_500.0)] {
            let surge = samples(6_000.0, long, 0.05);
            let sampled = corrections
                .apply(at(second), &surge, SERVICE, &bytes(), Some(500.0))
                .unwrap();
            assert!((sampled.value - 3_000.0).abs() < 1.0, "{sampled:?}");
        }
    }

    #[test]
    fn service_without_recent_samples_has_no_rate() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        for second in 0..50 {
            corrections.apply(at(second), &seen, SERVICE, &bytes(), Some(500.0));
        }
        let idle = samples(0.0, 800.0, 0.0);
        let sampled = corrections.apply(at(50), &idle, SERVICE, &bytes(), Some(500.0));
        assert_eq!(sampled, None);
    }

    #[test]
    fn implausible_ratio_is_not_used() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        let sampled = corrections.apply(at(0), &seen, SERVICE, &bytes(), Some(20_000.0));
        assert_eq!(sampled, None);
    }

    #[test]
    fn other_metrics_and_services_have_no_rate() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        for (service, names) in [
            (SERVICE, &["vir_cpu_utilization"][..]),
            (SERVICE, &["vir_bytes_in", "vir_cpu_utilization"]),
            (SERVICE, &["vir_pkts_in"]),
            ("nginx", &["vir_bytes_in", "vir_bytes_out"]),
        ] {
            let sampled = corrections.apply(at(0), &seen, service, &metrics(names), Some(1_000.0));
            assert_eq!(sampled, None, "{service} {names:?}");
        }
        corrections.apply(at(0), &seen, SERVICE, &bytes(), Some(1_000.0));
        corrections.keep(|service| service == "nginx");
        assert!(corrections.0.is_empty());
    }
}
