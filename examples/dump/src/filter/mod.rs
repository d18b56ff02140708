//! Selects datagrams, samples and records.

mod agents;
mod condition;
mod content;

use std::fmt;

use sflow_v5::{Address, CountersSample, Datagram, DiscardedPacket, FlowSample, Records, Sample};

use self::agents::Agents;
pub(crate) use self::condition::Condition;
use self::content::Wanted;
use crate::record::{Record, Space};

/// Conditions of one kind are alternatives; all kinds must match.
///
/// A format or name matches a record, or a sample with all its records.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    agents: Vec<Agents>,
    /// Formats from conditions by format and by name; empty if no such condition was given.
    content: Vec<Wanted>,
}

/// Conditions that nothing can match.
#[derive(Debug)]
pub(crate) struct Contradiction;

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nothing can match both the formats and the names of these filters: \
             filters of one kind are alternatives, but all kinds must match",
        )
    }
}

impl Filter {
    pub(crate) fn new(conditions: &[Condition]) -> Result<Self, Contradiction> {
        let mut agents = Vec::new();
        let (mut formats, mut names) = (Wanted::default(), Wanted::default());
        for condition in conditions {
            match condition {
                Condition::Agent(condition) => agents.push(*condition),
                Condition::Format(format) => formats.add_format(*format),
                Condition::Name(pattern) => names.add_names(pattern),
            }
        }
        let mut content = vec![formats, names];
        content.retain(|wanted| !wanted.is_empty());
        if !content::can_match(&content) {
            return Err(Contradiction);
        }
        Ok(Self { agents, content })
    }

    /// Whether there are no conditions: all is shown, also datagrams that are not sFlow version 5.
    pub(crate) fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.content.is_empty()
    }

    pub(crate) fn wants_agent(&self, agent: Address) -> bool {
        self.agents.is_empty() || self.agents.iter().any(|agents| agents.contains(agent))
    }

    /// Whether samples or records may be removed.
    pub(crate) fn is_about_content(&self) -> bool {
        !self.content.is_empty()
    }

    /// Calls a function with each matching sample, reduced to its matching records.
    pub(crate) fn samples(&self, datagram: &Datagram<'_>, mut show: impl FnMut(&Sample<'_>)) {
        for sample in datagram.samples() {
            if self.wants_sample(&sample) {
                show(&sample);
            } else {
                self.part(&sample, &mut show);
            }
        }
    }

    fn wants_sample(&self, sample: &Sample<'_>) -> bool {
        let mut kinds = self.content.iter();
        kinds.all(|wanted| wanted.has(Space::Sample, sample.format()))
    }

    /// Shows the matching records of a sample.
    fn part(&self, sample: &Sample<'_>, show: &mut impl FnMut(&Sample<'_>)) {
        match sample {
            Sample::Flow(flow) => {
                let records = self.wanted(sample, flow.records());
                if !records.is_empty() {
                    let records = Records::from(&records[..]);
                    show(&Sample::Flow(FlowSample { records, ..*flow }));
                }
            }
            Sample::Counters(counters) => {
                let records = self.wanted(sample, counters.records());
                if !records.is_empty() {
                    let records = Records::from(&records[..]);
                    show(&Sample::Counters(CountersSample {
                        records,
                        ..*counters
                    }));
                }
            }
            Sample::Discarded(packet) => {
                let records = self.wanted(sample, packet.records());
                if !records.is_empty() {
                    let records = Records::from(&records[..]);
                    show(&Sample::Discarded(DiscardedPacket { records, ..*packet }));
                }
            }
            _ => {}
        }
    }

    fn wanted<'a, R: Record<'a>>(
        &self,
        sample: &Sample<'_>,
        records: impl Iterator<Item = R>,
    ) -> Vec<R> {
        let is_wanted = |record: &R| {
            self.content.iter().all(|wanted| {
                wanted.has(R::SPACE, record.format()) || wanted.has(Space::Sample, sample.format())
            })
        };
        records.filter(is_wanted).collect()
    }
}
