//! Which datagrams, samples and records are wanted.

mod agents;
mod condition;
mod content;

use std::fmt;

use sflow_v5::{Address, CountersSample, Datagram, DiscardedPacket, FlowSample, Records, Sample};

use self::agents::Agents;
pub(crate) use self::condition::Condition;
use self::content::Wanted;
use crate::record::{Record, Space};

/// Conditions of one kind are alternatives; all kinds must be met.
///
/// A format or a name is met by a record, or by the sample that it is in.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    agents: Vec<Agents>,
    /// What is wanted by number and what by name, as far as there are such conditions.
    content: Vec<Wanted>,
}

/// Conditions that nothing can meet at once.
#[derive(Debug)]
pub(crate) struct Contradiction;

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "nothing can match both the formats and the names of these filters: \
             filters of one kind are alternatives, but each kind must be met",
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
        if !content::can_be_met(&content) {
            return Err(Contradiction);
        }
        Ok(Self { agents, content })
    }

    /// Whether a datagram that is none of sFlow is wanted: it is of no agent and has no content.
    pub(crate) fn wants_refused(&self) -> bool {
        self.agents.is_empty() && self.content.is_empty()
    }

    pub(crate) fn wants_agent(&self, agent: Address) -> bool {
        self.agents.is_empty() || self.agents.iter().any(|agents| agents.contain(agent))
    }

    /// Whether parts of a datagram may be left out.
    pub(crate) fn is_about_content(&self) -> bool {
        !self.content.is_empty()
    }

    /// The samples that are wanted, each with the records that are wanted.
    pub(crate) fn samples(&self, datagram: &Datagram<'_>, mut take: impl FnMut(&Sample<'_>)) {
        for sample in datagram.samples() {
            if self.wants_sample(&sample) {
                take(&sample);
            } else {
                self.part(&sample, &mut take);
            }
        }
    }

    fn wants_sample(&self, sample: &Sample<'_>) -> bool {
        let mut kinds = self.content.iter();
        kinds.all(|wanted| wanted.has(Space::Sample, sample.format()))
    }

    /// What is wanted of a sample that is not wanted for itself.
    fn part(&self, sample: &Sample<'_>, take: &mut impl FnMut(&Sample<'_>)) {
        match sample {
            Sample::Flow(flow) => {
                let records = self.wanted(sample, flow.records());
                if !records.is_empty() {
                    let records = Records::from(&records[..]);
                    take(&Sample::Flow(FlowSample { records, ..*flow }));
                }
            }
            Sample::Counters(counters) => {
                let records = self.wanted(sample, counters.records());
                if !records.is_empty() {
                    let records = Records::from(&records[..]);
                    take(&Sample::Counters(CountersSample {
                        records,
                        ..*counters
                    }));
                }
            }
            Sample::Discarded(packet) => {
                let records = self.wanted(sample, packet.records());
                if !records.is_empty() {
                    let records = Records::from(&records[..]);
                    take(&Sample::Discarded(DiscardedPacket { records, ..*packet }));
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
