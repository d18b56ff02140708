//! Hosts that differ from their peers: whose CPU time the hypervisor gives to others (steal), or that do
//! less work per CPU second.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

use crate::observe::median_of;

/// The limits beyond which a host is an outlier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PeerSettings {
    /// The number of hosts with a value from which on they are compared.
    pub population: usize,
    /// A host is an outlier from this multiple of the median absolute deviation on …
    pub distance: f64,
    /// … until it is below this one.
    pub back: f64,
    /// Steal in percent up to which a host is never an outlier.
    pub steal: f64,
    /// Work per CPU second, as a fraction of the median, from which on a host is never an outlier.
    pub work: f64,
    /// Time that a host has to be an outlier before it is poor.
    pub after: Duration,
    /// Time that a poor host has to be in line before it counts as normal.
    pub clear: Duration,
    /// The fraction of outliers above which the hosts are not the cause.
    pub most: f64,
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            population: 4,
            distance: 6.0,
            back: 3.0,
            steal: 5.0,
            work: 0.8,
            after: Duration::from_secs(600),
            clear: Duration::from_secs(600),
            most: 0.34,
        }
    }
}

/// The readings of a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerReading {
    /// The name of the host.
    pub host: String,
    /// CPU steal in percent; `None` if its agent does not report it.
    pub steal: Option<f64>,
    /// Work per CPU second relative to the other hosts of the same services; `None` if it cannot be
    /// compared.
    pub work: Option<f64>,
}

/// The state of a host among its peers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum PeerState {
    /// Like its peers.
    InLine,
    /// Unknown: readings are missing, or there are too few peers.
    Unknown {
        /// The reason.
        why: UnknownReason,
    },
    /// An outlier, but not for long enough to be poor.
    Suspect {
        /// When it became an outlier.
        #[cfg_attr(feature = "utoipa", schema(value_type = u64))]
        since: Timestamp,
        /// The value that differs.
        evidence: Evidence,
    },
    /// An outlier for a long time.
    Poor {
        /// When it became an outlier.
        #[cfg_attr(feature = "utoipa", schema(value_type = u64))]
        since: Timestamp,
        /// The value that differs.
        evidence: Evidence,
    },
}

/// Why the state of a host is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnknownReason {
    /// Its agent does not report steal, or not any more the value that differed.
    NothingTold,
    /// Too few hosts report the same.
    TooFew,
    /// The hosts are not the cause, because too many differ.
    TooMany,
}

/// The value of a host that differs from its peers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// The indicator.
    pub sign: Indicator,
    /// The value of the host.
    pub value: f64,
    /// The median of the pool.
    pub median: f64,
}

/// The indicators that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// CPU steal in percent.
    Steal,
    /// Work per CPU second.
    Work,
}

/// A change of the state of a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct PeerEvent {
    /// When it changed.
    #[cfg_attr(feature = "utoipa", schema(value_type = u64))]
    pub at: Timestamp,
    /// The name of the host.
    pub host: String,
    /// The new state.
    pub standing: PeerState,
}

/// The states of the hosts of a pool.
#[derive(Clone, Debug)]
pub struct Outliers {
    settings: PeerSettings,
    known: BTreeMap<String, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    standing: PeerState,
    /// Since when it has been in line without interruption.
    in_line: Option<Timestamp>,
}

impl Outliers {
    /// A pool without readings.
    pub const fn new(settings: PeerSettings) -> Self {
        Self {
            settings,
            known: BTreeMap::new(),
        }
    }

    /// Updates the states with the readings of all hosts, and returns the changes. Hosts without a
    /// reading are forgotten.
    pub fn update(&mut self, now: Timestamp, readings: &[PeerReading]) -> Vec<PeerEvent> {
        let steal = Distribution::of(readings.iter().filter_map(|reading| reading.steal));
        let work = Distribution::of(readings.iter().filter_map(|reading| reading.work));
        let settings = self.settings;
        let far = |reading: &PeerReading, distance: f64| {
            settings.out_of_line(reading, steal, work, distance)
        };
        let out = readings
            .iter()
            .filter(|reading| far(reading, settings.distance).is_some())
            .count();
        let is_too_many = out as f64 > settings.most * readings.len() as f64;

        let mut events = Vec::new();
        let mut known = BTreeMap::new();
        for reading in readings {
            let before = self.known.get(&reading.host).copied();
            // Hysteresis: an outlier has to come closer than the distance at which it became one.
            let evidence = before.and_then(|known| known.standing.evidence());
            let distance = match evidence {
                Some(_) => settings.back,
                None => settings.distance,
            };
            let out = far(reading, distance);
            let unknown = match (out, evidence) {
                _ if is_too_many => Some(UnknownReason::TooMany),
                (Some(_), _) => None,
                // The indicator that differed has to be reported to be normal.
                (None, Some(evidence)) => settings.missing(reading, evidence.sign, steal, work),
                (None, None) => settings.missing(reading, Indicator::Steal, steal, work),
            };
            let after = match unknown {
                Some(why) => Known::unknown(why),
                None => settings.next(now, before, out),
            };
            let is_change = match before {
                // A normal state after an unknown one is not reported.
                Some(before) if matches!(before.standing, PeerState::Unknown { .. }) => {
                    after.standing.evidence().is_some()
                }
                Some(before) => !before.standing.is_like(after.standing),
                None => after.standing.evidence().is_some(),
            };
            if is_change {
                events.push(PeerEvent {
                    at: now,
                    host: reading.host.clone(),
                    standing: after.standing,
                });
            }
            known.insert(reading.host.clone(), after);
        }
        self.known = known;
        events
    }

    /// The state of each host.
    pub fn states(&self) -> impl Iterator<Item = (&str, PeerState)> {
        let known = self.known.iter();
        known.map(|(host, known)| (host.as_str(), known.standing))
    }

    /// The poor hosts, the longest first.
    pub fn poor(&self) -> Vec<&str> {
        let mut poor: Vec<(Timestamp, &str)> = self
            .states()
            .filter_map(|(host, standing)| match standing {
                PeerState::Poor { since, .. } => Some((since, host)),
                _ => None,
            })
            .collect();
        poor.sort_unstable();
        poor.into_iter().map(|(_, host)| host).collect()
    }
}

impl PeerSettings {
    /// Why a host cannot be compared by this indicator. Steal comes first: without it a host is unknown,
    /// whatever its work rate is.
    fn missing(
        &self,
        reading: &PeerReading,
        sign: Indicator,
        steal: Distribution,
        work: Distribution,
    ) -> Option<UnknownReason> {
        let (value, middle) = match sign {
            _ if reading.steal.is_none() => return Some(UnknownReason::NothingTold),
            Indicator::Steal => (reading.steal, steal),
            Indicator::Work => (reading.work, work),
        };
        match value {
            None => Some(UnknownReason::NothingTold),
            Some(_) if middle.population < self.population => Some(UnknownReason::TooFew),
            Some(_) => None,
        }
    }

    /// The indicator in which a host differs from the median by more than `distance` deviations.
    fn out_of_line(
        &self,
        reading: &PeerReading,
        steal: Distribution,
        work: Distribution,
        distance: f64,
    ) -> Option<Evidence> {
        // If all values are equal, the deviation is zero, and any difference would be an outlier.
        const MIN_STEAL_DEVIATION: f64 = 0.5;
        const MIN_WORK_DEVIATION: f64 = 0.02;
        let by_steal = reading.steal.filter(|value| {
            steal.population >= self.population
                && *value > self.steal
                && value - steal.median > distance * steal.spread.max(MIN_STEAL_DEVIATION)
        });
        let by_work = reading.work.filter(|value| {
            work.population >= self.population
                && *value < self.work * work.median
                && work.median - value > distance * work.spread.max(MIN_WORK_DEVIATION)
        });
        let evidence = |sign, value, middle: Distribution| Evidence {
            sign,
            value,
            median: middle.median,
        };
        by_steal
            .map(|value| evidence(Indicator::Steal, value, steal))
            .or(by_work.map(|value| evidence(Indicator::Work, value, work)))
    }

    fn next(&self, now: Timestamp, before: Option<Known>, out: Option<Evidence>) -> Known {
        let state = before.map(|known| known.standing);
        match (out, state) {
            (Some(evidence), Some(PeerState::Poor { since, .. })) => {
                Known::out(PeerState::Poor { since, evidence })
            }
            (Some(evidence), Some(PeerState::Suspect { since, .. }))
                if now - since >= self.after =>
            {
                Known::out(PeerState::Poor { since, evidence })
            }
            (Some(evidence), Some(PeerState::Suspect { since, .. })) => {
                Known::out(PeerState::Suspect { since, evidence })
            }
            (Some(evidence), _) => Known::out(PeerState::Suspect {
                since: now,
                evidence,
            }),
            (None, Some(poor @ PeerState::Poor { .. })) => {
                let in_line = before.and_then(|known| known.in_line).unwrap_or(now);
                Known {
                    standing: if now - in_line >= self.clear {
                        PeerState::InLine
                    } else {
                        poor
                    },
                    in_line: Some(in_line),
                }
            }
            (None, _) => Known {
                standing: PeerState::InLine,
                in_line: Some(now),
            },
        }
    }
}

impl Known {
    const fn unknown(why: UnknownReason) -> Self {
        Self {
            standing: PeerState::Unknown { why },
            in_line: None,
        }
    }

    const fn out(standing: PeerState) -> Self {
        Self {
            standing,
            in_line: None,
        }
    }
}

impl PeerState {
    /// The value that differs, for an outlier.
    pub const fn evidence(&self) -> Option<Evidence> {
        match self {
            Self::Suspect { evidence, .. } | Self::Poor { evidence, .. } => Some(*evidence),
            Self::InLine | Self::Unknown { .. } => None,
        }
    }

    /// Whether both are the same state, whatever the numbers.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InLine => f.write_str("like its peers"),
            Self::Unknown { why } => f.write_str(match why {
                UnknownReason::NothingTold => {
                    "unknown: its agent does not report what could be compared"
                }
                UnknownReason::TooFew => "unknown: too few hosts to compare it with",
                UnknownReason::TooMany => {
                    "unknown: too many hosts differ for the hosts to be the cause"
                }
            }),
            Self::Suspect { evidence, .. } => write!(f, "suspect: {evidence}"),
            Self::Poor { evidence, .. } => write!(f, "outlier: {evidence}"),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, median) = (self.value, self.median);
        match self.sign {
            Indicator::Steal => write!(f, "{value:.1} % steal, where others have {median:.1} %"),
            Indicator::Work => write!(
                f,
                "{value:.2} of the usual work per CPU second, where others do {median:.2}"
            ),
        }
    }
}

/// Median and median absolute deviation (MAD) of the values of all hosts. They are robust: a third of
/// the hosts can report wrong values without much influence on either.
#[derive(Clone, Copy, Debug, Default)]
struct Distribution {
    median: f64,
    spread: f64,
    population: usize,
}

impl Distribution {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        /// The ratio of standard deviation to MAD of a normal distribution.
        const NORMAL: f64 = 1.482_6;
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let Some(median) = median_of(&mut values) else {
            return Self::default();
        };
        let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
        Self {
            median,
            spread: NORMAL * median_of(&mut distances).unwrap_or(0.0),
            population: values.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    fn steals(values: &[f64]) -> Vec<PeerReading> {
        let reading = |(place, value): (usize, &f64)| PeerReading {
            host: format!("node{place}"),
            steal: Some(*value),
            work: None,
        };
        values.iter().enumerate().map(reading).collect()
    }

    fn state(peers: &Outliers, host: &str) -> PeerState {
        let mut states = peers.states();
        states.find(|(name, _)| *name == host).unwrap().1
    }

    #[test]
    fn steal_makes_a_host_poor_and_its_end_clears_it() {
        let mut peers = Outliers::new(PeerSettings::default());
        let normal = steals(&[0.5, 1.0, 0.2, 0.8, 0.6]);
        let stolen = steals(&[0.5, 1.0, 30.0, 0.8, 0.6]);
        assert_eq!(peers.update(at(0), &normal), []);
        let mut recorded = Vec::new();
        for second in (10..=1_200).step_by(10) {
            let events = peers.update(at(second), &stolen);
            recorded.extend(events.into_iter().map(|event| (second, event)));
        }
        let [(10, suspect), (610, poor)] = &recorded[..] else {
            panic!("{recorded:?}");
        };
        assert!(matches!(suspect.standing, PeerState::Suspect { .. }));
        assert_eq!(poor.host, "node2");
        assert_eq!(
            poor.standing.to_string(),
            "outlier: 30.0 % steal, where others have 0.8 %"
        );
        assert_eq!(peers.poor(), ["node2"]);
        // A moment in line is not enough.
        assert_eq!(peers.update(at(1_210), &normal), []);
        assert_eq!(peers.update(at(1_220), &stolen), []);
        assert_eq!(peers.update(at(1_230), &normal), []);
        let events = peers.update(at(1_840), &normal);
        assert_eq!(events[0].standing, PeerState::InLine);
        assert!(peers.poor().is_empty());
    }

    #[test]
    fn suspect_is_cleared_at_once() {
        let mut peers = Outliers::new(PeerSettings::default());
        peers.update(at(0), &steals(&[0.0, 0.0, 30.0, 0.0, 0.0]));
        let events = peers.update(at(10), &steals(&[0.0; 5]));
        assert_eq!(events[0].standing, PeerState::InLine);
        // And begins anew.
        peers.update(at(20), &steals(&[0.0, 0.0, 30.0, 0.0, 0.0]));
        peers.update(at(610), &steals(&[0.0, 0.0, 30.0, 0.0, 0.0]));
        assert!(peers.poor().is_empty());
    }

    #[test]
    fn unreported_steal_is_unknown() {
        let mut peers = Outliers::new(PeerSettings::default());
        let mut readings = steals(&[0.0; 6]);
        readings[3].steal = None;
        peers.update(at(0), &readings);
        let because = |why| PeerState::Unknown { why };
        assert_eq!(state(&peers, "node3"), because(UnknownReason::NothingTold));
        assert_eq!(state(&peers, "node4"), PeerState::InLine);
        // Too few hosts report.
        peers.update(at(10), &steals(&[0.0, 0.0, 50.0]));
        assert_eq!(state(&peers, "node2"), because(UnknownReason::TooFew));
    }

    #[test]
    fn deviation_of_the_whole_pool_makes_no_host_poor() {
        let mut peers = Outliers::new(PeerSettings::default());
        for second in (0..=2_000).step_by(10) {
            peers.update(at(second), &steals(&[0.0, 0.5, 0.2, 40.0, 60.0, 50.0]));
        }
        assert!(peers.poor().is_empty());
        // And if all have the same, none is out of line.
        for second in (2_010..=4_000).step_by(10) {
            peers.update(at(second), &steals(&[40.0, 45.0, 38.0, 42.0, 41.0]));
        }
        assert!(peers.poor().is_empty());
        assert_eq!(state(&peers, "node1"), PeerState::InLine);
    }

    #[test]
    fn low_work_rate_makes_a_host_poor() {
        let mut peers = Outliers::new(PeerSettings::default());
        let readings: Vec<PeerReading> = [1.0, 0.98, 1.03, 0.45, 1.01]
            .iter()
            .enumerate()
            .map(|(place, work)| PeerReading {
                host: format!("node{place}"),
                steal: None,
                work: Some(*work),
            })
            .collect();
        for second in [0, 300, 600] {
            peers.update(at(second), &readings);
        }
        assert_eq!(peers.poor(), ["node3"]);
        let evidence = state(&peers, "node3").evidence().unwrap();
        assert_eq!(evidence.sign, Indicator::Work);
    }

    proptest! {
        #[test]
        fn fraction_of_outliers_is_limited(
            looks in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![Just(0.0), 0.0..100.0_f64], 0..12), 1..40),
        ) {
            let mut peers = Outliers::new(PeerSettings::default());
            for (minute, values) in (0..).zip(&looks) {
                peers.update(at(minute * 120), &steals(values));
                let most = PeerSettings::default().most * values.len() as f64;
                // One who was found before may be kept beside those who are found now.
                prop_assert!(peers.poor().len() as f64 <= 2.0 * most.max(1.0));
                prop_assert!(values.len() >= 4 || peers.poor().is_empty());
            }
        }
    }
}
