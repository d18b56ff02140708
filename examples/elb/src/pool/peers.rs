//! Hosts that stay out of line with their peers: whose CPU time somebody else takes, or that do
//! less work with what they have.
//!
//! Pure: it is told what each host showed, and remembers for how long.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use sflow_metrics::Timestamp;

/// When a host is out of line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PeerSettings {
    /// Fewer hosts that show something are no pool to compare with.
    pub population: usize,
    /// So many times the usual distance from the median is out of line …
    pub distance: f64,
    /// … and so many are in line again.
    pub back: f64,
    /// Less steal than this, in percent, is never out of line.
    pub steal: f64,
    /// More work per CPU second than this part of the median is never out of line.
    pub work: f64,
    /// So long it has to stay out of line.
    pub after: Duration,
    /// So long it has to be in line to be like the others again.
    pub clear: Duration,
    /// When more than this part of the pool is out of line, it is not the hosts.
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

/// What a host showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// Its name.
    pub host: String,
    /// Percent of its CPU time that was taken by others; `None` if its agent does not say.
    pub steal: Option<f64>,
    /// Work done per CPU second, as a part of what the same services do elsewhere; `None` if
    /// nothing on it can be compared.
    pub work: Option<f64>,
}

/// What is thought of a host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum PeerStanding {
    /// As the others.
    InLine,
    /// Not known: its agent does not say enough, or there are too few to compare it with.
    Unknown {
        /// Why.
        why: UnknownBecause,
    },
    /// Out of line, not for long enough.
    Suspect {
        /// Since when.
        since: Timestamp,
        /// In what.
        evidence: Evidence,
    },
    /// It stays out of line.
    Poor {
        /// Since when.
        since: Timestamp,
        /// In what.
        evidence: Evidence,
    },
}

/// Why nothing can be said of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownBecause {
    /// Its agent does not tell how much is stolen, or no longer what spoke against it.
    NothingTold,
    /// Too few hosts show the same.
    TooFew,
    /// So many are out of line that it is not the hosts.
    TooMany,
}

/// What is out of line, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// In what.
    pub sign: Sign,
    /// What the host showed.
    pub value: f64,
    /// What the middle one of the pool showed.
    pub median: f64,
}

/// In what a host can be out of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// CPU time that others took.
    Steal,
    /// Work done per CPU second.
    Work,
}

/// Something that became of a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerEvent {
    /// When.
    pub at: Timestamp,
    /// Which host.
    pub host: String,
    /// What is thought of it now.
    pub standing: PeerStanding,
}

/// What is remembered of the hosts of a pool.
#[derive(Clone, Debug)]
pub struct Peers {
    settings: PeerSettings,
    known: BTreeMap<String, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    standing: PeerStanding,
    /// Since when it has been in line without a break.
    in_line: Option<Timestamp>,
}

impl Peers {
    /// Nothing is known yet.
    pub const fn new(settings: PeerSettings) -> Self {
        Self {
            settings,
            known: BTreeMap::new(),
        }
    }

    /// Takes a look at all hosts; answers what has become of some. Hosts that are not shown any
    /// more are forgotten.
    pub fn look(&mut self, now: Timestamp, sights: &[Sight]) -> Vec<PeerEvent> {
        let steal = Middle::of(sights.iter().filter_map(|sight| sight.steal));
        let work = Middle::of(sights.iter().filter_map(|sight| sight.work));
        let settings = self.settings;
        let far = |sight: &Sight, distance: f64| settings.out_of_line(sight, steal, work, distance);
        let out = sights
            .iter()
            .filter(|sight| far(sight, settings.distance).is_some())
            .count();
        let are_too_many = out as f64 > settings.most * sights.len() as f64;

        let mut events = Vec::new();
        let mut known = BTreeMap::new();
        for sight in sights {
            let before = self.known.get(&sight.host).copied();
            // Who is out of line has to come further back than it had to go away.
            let evidence = before.and_then(|known| known.standing.evidence());
            let distance = match evidence {
                Some(_) => settings.back,
                None => settings.distance,
            };
            let out = far(sight, distance);
            let unknown = match (out, evidence) {
                _ if are_too_many => Some(UnknownBecause::TooMany),
                (Some(_), _) => None,
                // What spoke against it has to be seen to have ended.
                (None, Some(evidence)) => settings.hidden(sight, evidence.sign, steal, work),
                (None, None) => settings.hidden(sight, Sign::Steal, steal, work),
            };
            let after = match unknown {
                Some(why) => Known::unknown(why),
                None => settings.next(now, before, out),
            };
            let is_news = match before {
                // That it is like the others is what is expected of it.
                Some(before) if matches!(before.standing, PeerStanding::Unknown { .. }) => {
                    after.standing.evidence().is_some()
                }
                Some(before) => !before.standing.is_like(after.standing),
                None => after.standing.evidence().is_some(),
            };
            if is_news {
                events.push(PeerEvent {
                    at: now,
                    host: sight.host.clone(),
                    standing: after.standing,
                });
            }
            known.insert(sight.host.clone(), after);
        }
        self.known = known;
        events
    }

    /// What is thought of each host.
    pub fn standings(&self) -> impl Iterator<Item = (&str, PeerStanding)> {
        let known = self.known.iter();
        known.map(|(host, known)| (host.as_str(), known.standing))
    }

    /// The hosts that stay out of line, the longest first.
    pub fn poor(&self) -> Vec<&str> {
        let mut poor: Vec<(Timestamp, &str)> = self
            .standings()
            .filter_map(|(host, standing)| match standing {
                PeerStanding::Poor { since, .. } => Some((since, host)),
                _ => None,
            })
            .collect();
        poor.sort_unstable();
        poor.into_iter().map(|(_, host)| host).collect()
    }
}

impl PeerSettings {
    /// Why the sight of a host cannot be compared with that of enough others in this. Steal comes
    /// first: who does not tell it is not known to be fine, whatever work it does.
    fn hidden(
        &self,
        sight: &Sight,
        sign: Sign,
        steal: Middle,
        work: Middle,
    ) -> Option<UnknownBecause> {
        let (value, middle) = match sign {
            _ if sight.steal.is_none() => return Some(UnknownBecause::NothingTold),
            Sign::Steal => (sight.steal, steal),
            Sign::Work => (sight.work, work),
        };
        match value {
            None => Some(UnknownBecause::NothingTold),
            Some(_) if middle.population < self.population => Some(UnknownBecause::TooFew),
            Some(_) => None,
        }
    }

    /// In what a host is further from the median than so many times the usual distance.
    fn out_of_line(
        &self,
        sight: &Sight,
        steal: Middle,
        work: Middle,
        distance: f64,
    ) -> Option<Evidence> {
        // Where all show the same, the usual distance is none, and a hair would be far away.
        const LEAST_STEAL: f64 = 0.5;
        const LEAST_WORK: f64 = 0.02;
        let by_steal = sight.steal.filter(|value| {
            steal.population >= self.population
                && *value > self.steal
                && value - steal.median > distance * steal.spread.max(LEAST_STEAL)
        });
        let by_work = sight.work.filter(|value| {
            work.population >= self.population
                && *value < self.work * work.median
                && work.median - value > distance * work.spread.max(LEAST_WORK)
        });
        let evidence = |sign, value, middle: Middle| Evidence {
            sign,
            value,
            median: middle.median,
        };
        by_steal
            .map(|value| evidence(Sign::Steal, value, steal))
            .or(by_work.map(|value| evidence(Sign::Work, value, work)))
    }

    fn next(&self, now: Timestamp, before: Option<Known>, out: Option<Evidence>) -> Known {
        let standing = before.map(|known| known.standing);
        match (out, standing) {
            (Some(evidence), Some(PeerStanding::Poor { since, .. })) => {
                Known::out(PeerStanding::Poor { since, evidence })
            }
            (Some(evidence), Some(PeerStanding::Suspect { since, .. }))
                if now - since >= self.after =>
            {
                Known::out(PeerStanding::Poor { since, evidence })
            }
            (Some(evidence), Some(PeerStanding::Suspect { since, .. })) => {
                Known::out(PeerStanding::Suspect { since, evidence })
            }
            (Some(evidence), _) => Known::out(PeerStanding::Suspect {
                since: now,
                evidence,
            }),
            (None, Some(poor @ PeerStanding::Poor { .. })) => {
                let in_line = before.and_then(|known| known.in_line).unwrap_or(now);
                Known {
                    standing: if now - in_line >= self.clear {
                        PeerStanding::InLine
                    } else {
                        poor
                    },
                    in_line: Some(in_line),
                }
            }
            (None, _) => Known {
                standing: PeerStanding::InLine,
                in_line: Some(now),
            },
        }
    }
}

impl Known {
    const fn unknown(why: UnknownBecause) -> Self {
        Self {
            standing: PeerStanding::Unknown { why },
            in_line: None,
        }
    }

    const fn out(standing: PeerStanding) -> Self {
        Self {
            standing,
            in_line: None,
        }
    }
}

impl PeerStanding {
    /// What speaks against the host.
    pub const fn evidence(&self) -> Option<Evidence> {
        match self {
            Self::Suspect { evidence, .. } | Self::Poor { evidence, .. } => Some(*evidence),
            Self::InLine | Self::Unknown { .. } => None,
        }
    }

    /// The same but for numbers.
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl fmt::Display for PeerStanding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InLine => f.write_str("as its peers"),
            Self::Unknown { why } => f.write_str(match why {
                UnknownBecause::NothingTold => {
                    "unknown: its agent does not tell what could be compared"
                }
                UnknownBecause::TooFew => "unknown: too few hosts to compare it with",
                UnknownBecause::TooMany => "unknown: too many are out of line to be the hosts",
            }),
            Self::Suspect { evidence, .. } => write!(f, "suspect: {evidence}"),
            Self::Poor { evidence, .. } => write!(f, "stays out of line: {evidence}"),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, median) = (self.value, self.median);
        match self.sign {
            Sign::Steal => write!(f, "{value:.1} % steal, where others have {median:.1} %"),
            Sign::Work => write!(
                f,
                "{value:.2} of the usual work per CPU second, where others do {median:.2}"
            ),
        }
    }
}

/// The middle of what hosts show, and how far from it they usually are: the median, and the
/// median distance from it, as a standard deviation. A third of the hosts can lie without moving
/// either by much.
#[derive(Clone, Copy, Debug, Default)]
struct Middle {
    median: f64,
    spread: f64,
    population: usize,
}

impl Middle {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        /// What makes a standard deviation of the median distance where values are normal.
        const NORMAL: f64 = 1.482_6;
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let Some(median) = median(&mut values) else {
            return Self::default();
        };
        let mut distances: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
        Self {
            median,
            spread: NORMAL * self::median(&mut distances).unwrap_or(0.0),
            population: values.len(),
        }
    }
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(lower + (upper - lower) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + seconds)
    }

    fn steals(values: &[f64]) -> Vec<Sight> {
        let sight = |(place, value): (usize, &f64)| Sight {
            host: format!("node{place}"),
            steal: Some(*value),
            work: None,
        };
        values.iter().enumerate().map(sight).collect()
    }

    fn standing(peers: &Peers, host: &str) -> PeerStanding {
        let mut standings = peers.standings();
        standings.find(|(name, _)| *name == host).unwrap().1
    }

    #[test]
    fn a_thief_is_found_after_a_while_and_cleared_after_another() {
        let mut peers = Peers::new(PeerSettings::default());
        let normal = steals(&[0.5, 1.0, 0.2, 0.8, 0.6]);
        let stolen = steals(&[0.5, 1.0, 30.0, 0.8, 0.6]);
        assert_eq!(peers.look(at(0), &normal), []);
        let mut told = Vec::new();
        for second in (10..=1_200).step_by(10) {
            let events = peers.look(at(second), &stolen);
            told.extend(events.into_iter().map(|event| (second, event)));
        }
        let [(10, suspect), (610, poor)] = &told[..] else {
            panic!("{told:?}");
        };
        assert!(matches!(suspect.standing, PeerStanding::Suspect { .. }));
        assert_eq!(poor.host, "node2");
        assert_eq!(
            poor.standing.to_string(),
            "stays out of line: 30.0 % steal, where others have 0.8 %"
        );
        assert_eq!(peers.poor(), ["node2"]);
        // A moment in line is not enough.
        assert_eq!(peers.look(at(1_210), &normal), []);
        assert_eq!(peers.look(at(1_220), &stolen), []);
        assert_eq!(peers.look(at(1_230), &normal), []);
        let events = peers.look(at(1_840), &normal);
        assert_eq!(events[0].standing, PeerStanding::InLine);
        assert!(peers.poor().is_empty());
    }

    #[test]
    fn who_is_only_suspect_is_cleared_at_once() {
        let mut peers = Peers::new(PeerSettings::default());
        peers.look(at(0), &steals(&[0.0, 0.0, 30.0, 0.0, 0.0]));
        let events = peers.look(at(10), &steals(&[0.0; 5]));
        assert_eq!(events[0].standing, PeerStanding::InLine);
        // And begins anew.
        peers.look(at(20), &steals(&[0.0, 0.0, 30.0, 0.0, 0.0]));
        peers.look(at(610), &steals(&[0.0, 0.0, 30.0, 0.0, 0.0]));
        assert!(peers.poor().is_empty());
    }

    #[test]
    fn what_is_not_told_is_unknown_and_not_fine() {
        let mut peers = Peers::new(PeerSettings::default());
        let mut sights = steals(&[0.0; 6]);
        sights[3].steal = None;
        peers.look(at(0), &sights);
        let because = |why| PeerStanding::Unknown { why };
        assert_eq!(
            standing(&peers, "node3"),
            because(UnknownBecause::NothingTold)
        );
        assert_eq!(standing(&peers, "node4"), PeerStanding::InLine);
        // With too few that tell, nobody is judged.
        peers.look(at(10), &steals(&[0.0, 0.0, 50.0]));
        assert_eq!(standing(&peers, "node2"), because(UnknownBecause::TooFew));
    }

    #[test]
    fn a_bad_day_of_the_whole_pool_is_nobodys_fault() {
        let mut peers = Peers::new(PeerSettings::default());
        for second in (0..=2_000).step_by(10) {
            peers.look(at(second), &steals(&[0.0, 0.5, 0.2, 40.0, 60.0, 50.0]));
        }
        assert!(peers.poor().is_empty());
        // And if all have the same, none is out of line.
        for second in (2_010..=4_000).step_by(10) {
            peers.look(at(second), &steals(&[40.0, 45.0, 38.0, 42.0, 41.0]));
        }
        assert!(peers.poor().is_empty());
        assert_eq!(standing(&peers, "node1"), PeerStanding::InLine);
    }

    #[test]
    fn less_work_per_cpu_second_is_seen_too() {
        let mut peers = Peers::new(PeerSettings::default());
        let sights: Vec<Sight> = [1.0, 0.98, 1.03, 0.45, 1.01]
            .iter()
            .enumerate()
            .map(|(place, work)| Sight {
                host: format!("node{place}"),
                steal: None,
                work: Some(*work),
            })
            .collect();
        for second in [0, 300, 600] {
            peers.look(at(second), &sights);
        }
        assert_eq!(peers.poor(), ["node3"]);
        let evidence = standing(&peers, "node3").evidence().unwrap();
        assert_eq!(evidence.sign, Sign::Work);
    }

    proptest! {
        #[test]
        fn never_more_than_the_part_that_may_be(
            looks in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![Just(0.0), 0.0..100.0_f64], 0..12), 1..40),
        ) {
            let mut peers = Peers::new(PeerSettings::default());
            for (minute, values) in (0..).zip(&looks) {
                peers.look(at(minute * 120), &steals(values));
                let most = PeerSettings::default().most * values.len() as f64;
                // One who was found before may be kept beside those who are found now.
                prop_assert!(peers.poor().len() as f64 <= 2.0 * most.max(1.0));
                prop_assert!(values.len() >= 4 || peers.poor().is_empty());
            }
        }
    }
}
