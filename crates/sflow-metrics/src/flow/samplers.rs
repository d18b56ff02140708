//! The data sources that sample packets, and those that report dropped packets.

use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::{DataSource, DiscardedPacket};

use crate::agent::AgentKey;
use crate::flow::context::{Context, Origin, most_within};
use crate::flow::rate::{Outcome, Sampler, Taken};
use crate::ingest::agent::Agent;
use crate::ingest::sequencing::number::{at_most, is_forward};
use crate::slab::Slab;
use crate::timestamp::Timestamp;

/// Bytes of a source with its entry in a table.
const SAMPLER: usize = 416;

/// The status of a data source that samples packets.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SamplerStatus {
    /// The agent.
    pub agent: AgentKey,
    /// The data source.
    pub data_source: DataSource,
    /// The sampling rate that the agent states, as packets per sample; `None` if it is unknown to
    /// the agent.
    pub stated_rate: Option<u32>,
    /// Packets per received sample, by the growth of the sample pool over the last 64 samples or
    /// so; initially the stated rate. `None` if neither is known.
    pub effective_rate: Option<f64>,
    /// Samples that were counted.
    pub samples: u64,
    /// Samples missing between those.
    pub missing: u64,
    /// Samples that the agent dropped before sending.
    pub dropped: u64,
    /// Whether the sequence numbers of its samples are contradictory and not used. Then the rate
    /// is the growth of the pool or the stated rate, and the number of missing samples is unknown.
    pub odd_numbering: bool,
    /// Whether several concurrent sequences of datagrams of the agent contain samples of this
    /// source. These samples are not counted.
    pub doubtful: bool,
}

/// The data sources of all agents.
#[derive(Debug, Default)]
pub(crate) struct Samplers {
    /// By the agent's index in the registry.
    agents: Vec<OfAgent>,
    count: usize,
}

#[derive(Debug, Default)]
struct OfAgent {
    /// Randomly keyed, since foreign senders choose the data sources.
    samplers: HashMap<DataSource, Counted>,
    notifiers: HashMap<DataSource, Notifier>,
}

#[derive(Debug)]
struct Counted {
    sampler: Sampler,
    samples: u64,
    missing: u64,
    dropped: u64,
}

/// A sample of a known source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) outcome: Outcome,
    /// Time since the previous sample of its source.
    pub(super) elapsed: Duration,
    /// Whether it continues the samples before it.
    pub(super) continues: bool,
    /// Whether its source became doubtful with it.
    pub(super) is_doubtful: bool,
    /// Whether the sequence numbers of its source are not used from now on.
    pub(super) is_distrusted: bool,
}

/// A data source that reports dropped packets.
#[derive(Clone, Copy, Debug)]
struct Notifier {
    sequence: u32,
    drops: u32,
    session: u32,
    at: Timestamp,
}

impl Samplers {
    /// Adds a sample; `None` if its rate is impossible or the limit on sources is reached.
    pub(super) fn add(
        &mut self,
        agent: u32,
        source: DataSource,
        taken: Taken,
        context: &mut Context<'_>,
    ) -> Option<Accepted> {
        let limit = context.limit_for(agent, context.config.max_flow_sources);
        let has_capacity = self.count < limit;
        let per_second = context.config.ceilings.events_per_second;
        if f64::from(taken.rate) > most_within(per_second, Duration::ZERO) {
            context.health.flow_samples_bad_rate += 1;
            return None;
        }
        let mut accepted = Accepted {
            outcome: Outcome::Doubtful,
            elapsed: Duration::ZERO,
            continues: false,
            is_doubtful: false,
            is_distrusted: false,
        };
        context.health.flow_samples_without_rate += u64::from(taken.rate == 0);
        let of_agent = of_agent(&mut self.agents, agent);
        let outcome = match of_agent.samplers.get_mut(&source) {
            Some(known) if context.are_rivals(agent, taken.session, known.sampler.session()) => {
                known.sampler.set_rival(taken.session, taken.at);
                context.health.flow_samples_doubted += 1;
                accepted.is_doubtful = true;
                return Some(accepted);
            }
            Some(known) => {
                accepted.elapsed = taken.at - known.sampler.last_at();
                let rejected = known.sampler.rejected();
                let was_distrusted = known.sampler.is_distrusted();
                let outcome = known.sampler.add(taken, per_second);
                context.health.flow_samples_rejected += known.sampler.rejected() - rejected;
                if known.sampler.is_distrusted() && !was_distrusted {
                    let found = u64::from(known.sampler.take_found());
                    known.missing = known.missing.saturating_sub(found);
                    let lost = &mut context.health.flow_samples_lost;
                    *lost = lost.saturating_sub(found);
                    context.health.numberings_distrusted += 1;
                    accepted.is_distrusted = true;
                }
                known.count(outcome);
                let rival = known.sampler.rival();
                let is_doubtful = rival.is_some_and(|(session, at)| {
                    let is_recent = taken.at - at <= context.longest_interval();
                    is_recent && context.are_rivals(agent, taken.session, session)
                });
                if is_doubtful {
                    context.health.flow_samples_doubted += 1;
                    accepted.is_distrusted = false;
                    return Some(accepted);
                }
                known.sampler.end_rival();
                let is_later = accepted.elapsed > Duration::ZERO;
                accepted.continues = is_later && known.sampler.continues();
                outcome
            }
            None if has_capacity && context.charge(agent, None, SAMPLER) => {
                let (sampler, outcome) = Sampler::starting_with(taken);
                let mut known = Counted {
                    sampler,
                    samples: 0,
                    missing: 0,
                    dropped: 0,
                };
                known.count(outcome);
                of_agent.samplers.insert(source, known);
                self.count += 1;
                outcome
            }
            None => {
                context.health.flow_samples_refused += 1;
                return None;
            }
        };
        match outcome {
            Outcome::Packets {
                missing, dropped, ..
            } => {
                context.health.flow_samples_lost += u64::from(missing);
                context.health.flow_samples_dropped += u64::from(dropped);
            }
            Outcome::Late { .. } => {
                context.health.flow_samples_lost =
                    context.health.flow_samples_lost.saturating_sub(1);
            }
            Outcome::Duplicate => context.health.flow_samples_old += 1,
            Outcome::Jump | Outcome::Doubtful => {}
            Outcome::Unknown => context.health.flow_samples_unscaled += 1,
        }
        Some(Accepted {
            outcome,
            ..accepted
        })
    }

    pub(super) fn get(&self, agent: u32, source: DataSource) -> Option<&Sampler> {
        let of_agent = self.agents.get(agent as usize)?;
        of_agent.samplers.get(&source).map(|known| &known.sampler)
    }

    /// Records that this sequence of datagrams contains a sample of a source. If its other
    /// samples belong to another sequence, the source becomes doubtful; returns whether it did.
    pub(crate) fn set_rival(
        &mut self,
        agent: u32,
        session: u32,
        source: DataSource,
        at: Timestamp,
    ) -> bool {
        let of_agent = self.agents.get_mut(agent as usize);
        let known = of_agent.and_then(|of_agent| of_agent.samplers.get_mut(&source));
        let Some(known) = known.filter(|known| known.sampler.session() != session) else {
            return false;
        };
        known.sampler.set_rival(session, at);
        true
    }

    /// Adds a dropped packet notification. Returns the number of drops before it that were not
    /// reported; `None` if it is a duplicate or the limit on sources is reached.
    pub(super) fn add_drop(
        &mut self,
        origin: Origin,
        packet: &DiscardedPacket<'_>,
        context: &mut Context<'_>,
    ) -> Option<u32> {
        let limit = context.limit_for(origin.agent, context.config.max_flow_sources);
        let has_capacity = self.count < limit;
        let now = Notifier {
            sequence: packet.sequence_number,
            drops: packet.drops,
            session: origin.session,
            at: origin.at,
        };
        let of_agent = of_agent(&mut self.agents, origin.agent);
        let Some(last) = of_agent.notifiers.get_mut(&packet.source_id) else {
            if !has_capacity || !context.charge(origin.agent, None, SAMPLER) {
                context.health.flow_samples_refused += 1;
                return None;
            }
            of_agent.notifiers.insert(packet.source_id, now);
            self.count += 1;
            return Some(0);
        };
        if context.are_rivals(origin.agent, now.session, last.session) {
            context.health.flow_samples_doubted += 1;
            return None;
        }
        let ahead = now.sequence.wrapping_sub(last.sequence);
        let elapsed = now.at - last.at;
        let most = at_most(context.config.ceilings.events_per_second, elapsed);
        let is_ahead = is_forward(ahead) && ahead <= most;
        let is_anew = now.session != last.session || origin.in_order && !is_ahead && ahead != 0;
        if !is_anew && !is_ahead {
            // A late notification was already counted as missing.
            context.health.flow_samples_old += 1;
            return None;
        }
        let suppressed = match now.drops.wrapping_sub(last.drops) {
            more if !is_anew && more <= most => more,
            _ => 0,
        };
        let missing = if is_anew { 0 } else { ahead - 1 };
        *last = now;
        context.health.drops_unreported += u64::from(suppressed) + u64::from(missing);
        Some(suppressed.saturating_add(missing))
    }

    pub(crate) fn statuses<'s>(
        &'s self,
        agents: &'s Slab<Agent>,
    ) -> impl Iterator<Item = SamplerStatus> + 's {
        (0..).zip(&self.agents).flat_map(move |(index, of_agent)| {
            let agent = agents.get(index).map(|agent| agent.status.key);
            let samplers = of_agent.samplers.iter();
            samplers.filter_map(move |(data_source, known)| {
                Some(SamplerStatus {
                    agent: agent?,
                    data_source: *data_source,
                    stated_rate: known.sampler.stated_rate(),
                    effective_rate: known.sampler.effective_rate(),
                    samples: known.samples,
                    missing: known.missing,
                    dropped: known.dropped,
                    odd_numbering: known.sampler.is_distrusted(),
                    doubtful: known.sampler.rival().is_some(),
                })
            })
        })
    }

    pub(super) fn forget_agent(&mut self, agent: u32) {
        if let Some(agent) = self.agents.get_mut(agent as usize) {
            self.count -= agent.samplers.len() + agent.notifiers.len();
            *agent = OfAgent::default();
        }
    }
}

impl Counted {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Packets {
                missing, dropped, ..
            } => {
                self.samples += 1;
                self.missing += u64::from(missing);
                self.dropped += u64::from(dropped);
            }
            Outcome::Late { .. } => {
                self.samples += 1;
                self.missing = self.missing.saturating_sub(1);
            }
            Outcome::Duplicate | Outcome::Jump | Outcome::Doubtful | Outcome::Unknown => {}
        }
    }
}

fn of_agent(agents: &mut Vec<OfAgent>, index: u32) -> &mut OfAgent {
    let index = index as usize;
    if agents.len() <= index {
        agents.resize_with(index + 1, OfAgent::default);
    }
    &mut agents[index]
}
