//! What packet samples say of a service long before its counters do.
//!
//! Counters arrive once in a polling interval, samples of packets at once. What samples say is an
//! estimate, and how much of the traffic they see depends on where an agent takes them; so it is
//! used in the proportion that counters have shown it to be right in, as long as nothing changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sflow_metrics::{AgentKey, Registry, Timestamp, flow};
use sflow_v5::Address;

use super::service_of;
use super::trust::Trust;

/// Pairs of a service and an agent that are listed.
const LISTED: usize = 10_000;
/// Samples of other senders could crowd those of the nodes out.
const RESERVED: &str = ";filter=sender.reserved=1";
/// What is seen at once, and what it is compared with to know whether anything changes.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(10);
/// How long counters are compared with samples before they correct them, as a time constant.
const MEMORY: Duration = Duration::from_secs(60);
/// So long a mean over [`LONG`] takes to be one.
const WARM: Duration = Duration::from_secs(40);
/// A correction beyond this is no correction, but something else being measured.
const MOST: f64 = 8.0;

/// The flows that are watched.
#[derive(Debug)]
pub(super) struct Watched {
    /// For each measure: of the short and of the long time.
    flows: [(Measure, flow::Id, flow::Id); 4],
}

/// What is measured, by the metric that counters report it under.
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

    fn of(metric: &str) -> Option<Self> {
        match metric {
            "vir_bytes_in" => Some(Self::BytesIn),
            "vir_bytes_out" => Some(Self::BytesOut),
            "vir_pkts_in" => Some(Self::PacketsIn),
            "vir_pkts_out" => Some(Self::PacketsOut),
            _ => None,
        }
    }

    const fn flow(self) -> &'static str {
        match self {
            Self::BytesIn => {
                "keys=service.dst,sender,agent,sub_agent,agent.instance;value=bytes.net"
            }
            Self::BytesOut => {
                "keys=service.src,sender,agent,sub_agent,agent.instance;value=bytes.net"
            }
            Self::PacketsIn => {
                "keys=service.dst,sender,agent,sub_agent,agent.instance;value=frames"
            }
            Self::PacketsOut => {
                "keys=service.src,sender,agent,sub_agent,agent.instance;value=frames"
            }
        }
    }
}

/// An estimate of a rate, per second.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    value: f64,
    /// The square of its standard error.
    variance: f64,
}

/// What all containers of a service use together, by their packet samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Per second, in the unit of the metric, as counters have shown samples to be right.
    pub value: f64,
    /// The relative standard error of it.
    pub error: f64,
    /// Samples that it rests on.
    pub samples: u64,
    /// By what it is multiplied.
    pub correction: f64,
}

/// What samples say at one moment of every service.
#[derive(Debug, Default)]
pub(super) struct Samples {
    short: Estimates,
    long: Estimates,
}

/// By the name of a service, the places of the nodes where telemetry knows a task of it.
pub(crate) type SampledNodes = HashMap<String, BTreeSet<usize>>;

/// Of each measure, the estimate for each service.
type Estimates = BTreeMap<Measure, HashMap<String, Estimate>>;

impl Watched {
    /// Starts to watch the samples of reserved senders, or of all; `None` if the registry watches
    /// as many flows as it may.
    pub(super) fn begin(registry: &mut Registry, only_reserved: bool) -> Option<Self> {
        registry.group_containers_by(service_of);
        let mut watch = |measure: Measure, smoothing: Duration| {
            let filter = if only_reserved { RESERVED } else { "" };
            let definition: flow::Definition =
                format!("{}{filter}", measure.flow()).parse().ok()?;
            let definition = definition.listing(LISTED).smoothed_over(Some(smoothing));
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

    /// The rates now, from the samples of agents that report for a node where the service runs.
    pub(super) fn take(
        &self,
        registry: &Registry,
        trust: &Trust,
        nodes: &SampledNodes,
        now: Timestamp,
    ) -> Samples {
        let mut samples = Samples::default();
        for (measure, short, long) in &self.flows {
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
                    let mut reported = trust.sampled_by(&agent).into_iter();
                    if !trust.is_open() && !reported.any(|node| nodes.contains(&node)) {
                        continue;
                    }
                    // The difference from the stated sampling rate is systematic, and corrected by
                    // the counters.
                    let error = (row.sampling_error - row.rate_error) / 1.96;
                    let of_each = estimates.entry(*measure).or_default();
                    let sum = of_each.entry(service.to_string()).or_default();
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
    /// The sum over the parts of a metric; `None` if samples say nothing about one of them.
    fn sum(estimates: &Estimates, service: &str, metric: &str) -> Option<Estimate> {
        let mut sum = Estimate::default();
        let mut is_seen = false;
        for part in metric.split('+') {
            let measure = Measure::of(part.trim())?;
            let of_each = estimates.get(&measure);
            if let Some(estimate) = of_each.and_then(|of_each| of_each.get(service)) {
                sum.value += estimate.value;
                sum.variance += estimate.variance;
                is_seen = true;
            }
        }
        is_seen.then_some(sum)
    }
}

/// In what proportion samples of each service and metric are right.
#[derive(Debug, Default)]
pub(super) struct Corrections(BTreeMap<(String, String), Correction>);

#[derive(Clone, Copy, Debug)]
struct Correction {
    /// What counters and samples said, smoothed over the same time.
    counters: f64,
    samples: f64,
    at: Timestamp,
    since: Timestamp,
}

impl Corrections {
    /// What samples say of all containers of a service together, if counters have confirmed
    /// them before. `counters` is what these say now.
    pub(super) fn apply(
        &mut self,
        now: Timestamp,
        samples: &Samples,
        service: &str,
        metric: &str,
        counters: Option<f64>,
    ) -> Option<Sampled> {
        let short = Samples::sum(&samples.short, service, metric)?;
        let long = Samples::sum(&samples.long, service, metric)?;
        let key = (service.to_owned(), metric.to_owned());
        if let Some(counters) = counters.filter(|counters| *counters > 0.0)
            && is_steady(short, long)
        {
            self.learn(now, key.clone(), counters, long.value);
        }
        let known = self.0.get(&key).filter(|known| now - known.since >= WARM)?;
        let correction = known.factor()?;
        let error = short.variance.sqrt() / short.value;
        Some(Sampled {
            value: short.value * correction,
            error,
            samples: (1.0 / (error * error)).min(1e15) as u64,
            correction,
        })
    }

    fn learn(&mut self, now: Timestamp, key: (String, String), counters: f64, samples: f64) {
        let new = Correction {
            counters,
            samples,
            at: now,
            since: now,
        };
        let known = self.0.entry(key).or_insert(new);
        if now - known.since < WARM {
            *known = Correction {
                since: known.since,
                ..new
            };
        }
        let part = 1.0 - (-(now - known.at).div_duration_f64(MEMORY)).exp();
        known.counters += (counters - known.counters) * part;
        known.samples += (samples - known.samples) * part;
        known.at = now;
    }

    /// Forgets services that nobody asks about any more.
    pub(super) fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.0.retain(|(service, _), _| is_known(service));
    }
}

impl Correction {
    /// Never above 1: where samples see only a part, a surge is seen later, and none is seen
    /// that is not there because counters were late to tell of a lull.
    fn factor(&self) -> Option<f64> {
        let factor = self.counters / self.samples;
        let is_one = factor.is_finite() && (1.0 / MOST..=MOST).contains(&factor);
        is_one.then_some(factor.min(1.0))
    }
}

/// Whether the last seconds are like the ten before, as far as samples can tell.
fn is_steady(short: Estimate, long: Estimate) -> bool {
    let noise = (short.variance + long.variance).sqrt();
    long.value > 0.0 && (short.value - long.value).abs() <= 0.2 * long.value + 2.0 * noise
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "apache";
    const METRIC: &str = "vir_bytes_in+vir_bytes_out";

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
    fn nothing_is_believed_that_counters_have_not_confirmed() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        assert_eq!(corrections.apply(at(0), &seen, SERVICE, METRIC, None), None);
        assert_eq!(
            corrections.apply(at(0), &seen, SERVICE, METRIC, Some(0.0)),
            None
        );
        // Each packet is seen twice, and counted once. That takes a while to be known.
        let mut sampled = None;
        for second in (2..=60).step_by(2) {
            sampled = corrections.apply(at(second), &seen, SERVICE, METRIC, Some(500.0));
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
    fn samples_that_see_only_a_part_are_not_made_more_of() {
        let mut corrections = Corrections::default();
        let seen = samples(100.0, 100.0, 0.1);
        for second in 0..50 {
            corrections.apply(at(second), &seen, SERVICE, METRIC, Some(300.0));
        }
        let sampled = corrections.apply(at(50), &seen, SERVICE, METRIC, Some(300.0));
        assert_eq!(sampled.map(|sampled| sampled.value), Some(100.0));
    }

    #[test]
    fn a_surge_is_seen_at_once_and_does_not_spoil_what_was_learned() {
        let mut corrections = Corrections::default();
        let calm = samples(1_000.0, 1_000.0, 0.05);
        for second in 0..60 {
            corrections.apply(at(second), &calm, SERVICE, METRIC, Some(500.0));
        }
        // Six times the load, of which counters know nothing yet.
        for (second, long) in [(60, 1_500.0), (61, 2_000.0), (64, 3_500.0)] {
            let surge = samples(6_000.0, long, 0.05);
            let sampled = corrections
                .apply(at(second), &surge, SERVICE, METRIC, Some(500.0))
                .unwrap();
            assert!((sampled.value - 3_000.0).abs() < 1.0, "{sampled:?}");
        }
    }

    #[test]
    fn what_is_far_off_is_not_corrected_but_not_used() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        let sampled = corrections.apply(at(0), &seen, SERVICE, METRIC, Some(20_000.0));
        assert_eq!(sampled, None);
    }

    #[test]
    fn packets_say_nothing_about_other_metrics_and_services() {
        let mut corrections = Corrections::default();
        let seen = samples(1_000.0, 1_000.0, 0.1);
        for (service, metric) in [
            (SERVICE, "vir_cpu_utilization"),
            (SERVICE, "vir_bytes_in+vir_cpu_utilization"),
            (SERVICE, "vir_pkts_in"),
            ("nginx", METRIC),
        ] {
            let sampled = corrections.apply(at(0), &seen, service, metric, Some(1_000.0));
            assert_eq!(sampled, None, "{service} {metric}");
        }
        corrections.apply(at(0), &seen, SERVICE, METRIC, Some(1_000.0));
        corrections.keep(|service| service == "nginx");
        assert!(corrections.0.is_empty());
    }
}
