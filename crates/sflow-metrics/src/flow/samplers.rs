//! The data sources that sample packets, and those that notice drops.

use core::time::Duration;
use std::collections::HashMap;

use sflow_v5::{DataSource, DiscardedPacket};

use crate::agent::AgentKey;
use crate::flow::rate::{Sampler, Taken, Worth};
use crate::flow::{Around, Origin, most_within};
use crate::ingest::agent::Agent;
use crate::ingest::sequencing::datagram::{at_most, is_forward};
use crate::slab::Slab;
use crate::timestamp::Timestamp;

/// How a data source samples packets.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SamplerStatus {
    /// The agent.
    pub agent: AgentKey,
    /// The data source.
    pub data_source: DataSource,
    /// One packet of so many, as the agent says; `None` if it does not know.
    pub stated_rate: Option<u32>,
    /// One packet of so many that came here, as the growth of the sample pool shows over the
    /// last few dozen samples; the stated rate until then. `None` if nothing tells.
    pub effective_rate: Option<f64>,
    /// Samples that came and counted.
    pub samples: u64,
    /// Samples that are missing between those.
    pub missing: u64,
    /// Samples that the agent lost before it could send them.
    pub dropped: u64,
    /// Whether the numbers of its samples make no sense and are not used: the growth of
    /// the pool or the stated rate is used alone, and missing samples are unknown.
    pub odd_numbering: bool,
    /// Whether several sequences of datagrams of the agent have samples of this source. These do
    /// not count.
    pub doubtful: bool,
}

/// All of them, of all agents.
#[derive(Debug, Default)]
pub(super) struct Samplers {
    /// By the agent's place in the registry.
    agents: Vec<OfAgent>,
    count: usize,
    distrusted: Option<DataSource>,
    doubted: bool,
}

#[derive(Debug, Default)]
struct OfAgent {
    /// Randomly keyed: data sources come from strangers.
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

/// A sample that was taken over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) worth: Worth,
    /// The time since the one before of its source.
    pub(super) elapsed: Duration,
    /// Whether it continues those before it.
    pub(super) continues: bool,
}

/// One that notices drops.
#[derive(Clone, Copy, Debug)]
struct Notifier {
    sequence: u32,
    drops: u32,
    session: u32,
    at: Timestamp,
}

impl Samplers {
    /// What a sample is worth; `None` if its rate is impossible or the bound on sources is reached.
    pub(super) fn take(
        &mut self,
        agent: u32,
        source: DataSource,
        taken: Taken,
        around: &mut Around<'_>,
    ) -> Option<Accepted> {
        let has_room = self.count < around.flow_sources(agent);
        let per_second = around.config.ceilings.events_per_second;
        if f64::from(taken.rate) > most_within(per_second, Duration::ZERO) {
            around.health.flow_samples_bad_rate += 1;
            return None;
        }
        let mut elapsed = Duration::ZERO;
        let (mut is_distrusted, mut continues) = (false, false);
        around.health.flow_samples_without_rate += u64::from(taken.rate == 0);
        let of_agent = of_agent(&mut self.agents, agent);
        let worth = match of_agent.samplers.get_mut(&source) {
            Some(known) if around.are_rivals(agent, taken.session, known.sampler.session()) => {
                known.sampler.set_rival(taken.session, taken.at);
                self.doubted = true;
                around.health.flow_samples_doubted += 1;
                return Some(Accepted {
                    worth: Worth::Doubtful,
                    elapsed,
                    continues,
                });
            }
            Some(known) => {
                elapsed = taken.at - known.sampler.last_at();
                let rejected = known.sampler.rejected();
                let was_distrusted = known.sampler.is_distrusted();
                let worth = known.sampler.take(taken, per_second);
                around.health.flow_samples_rejected += known.sampler.rejected() - rejected;
                if known.sampler.is_distrusted() && !was_distrusted {
                    let found = u64::from(known.sampler.take_found());
                    known.missing = known.missing.saturating_sub(found);
                    let lost = &mut around.health.flow_samples_lost;
                    *lost = lost.saturating_sub(found);
                    around.health.numberings_distrusted += 1;
                    is_distrusted = true;
                }
                known.count(worth);
                let rival = known.sampler.rival();
                let is_doubtful = rival.is_some_and(|(session, at)| {
                    let is_recent = taken.at - at <= around.longest_interval();
                    is_recent && around.are_rivals(agent, taken.session, session)
                });
                if is_doubtful {
                    around.health.flow_samples_doubted += 1;
                    return Some(Accepted {
                        worth: Worth::Doubtful,
                        elapsed,
                        continues,
                    });
                }
                known.sampler.end_rival();
                continues = elapsed > Duration::ZERO && known.sampler.continues();
                worth
            }
            None if has_room && around.charge_sampler(agent) => {
                let (sampler, worth) = Sampler::starting_with(taken);
                let mut known = Counted {
                    sampler,
                    samples: 0,
                    missing: 0,
                    dropped: 0,
                };
                known.count(worth);
                of_agent.samplers.insert(source, known);
                self.count += 1;
                worth
            }
            None => {
                around.health.flow_samples_refused += 1;
                return None;
            }
        };
        match worth {
            Worth::Packets {
                missing, dropped, ..
            } => {
                around.health.flow_samples_lost += u64::from(missing);
                around.health.flow_samples_dropped += u64::from(dropped);
            }
            Worth::Late { .. } => {
                around.health.flow_samples_lost = around.health.flow_samples_lost.saturating_sub(1);
            }
            Worth::Old => around.health.flow_samples_old += 1,
            Worth::Jump | Worth::Doubtful => {}
            Worth::Unknown => around.health.flow_samples_unscaled += 1,
        }
        self.distrusted = is_distrusted.then_some(source);
        Some(Accepted {
            worth,
            elapsed,
            continues,
        })
    }

    pub(super) fn get(&self, agent: u32, source: DataSource) -> Option<&Sampler> {
        let of_agent = self.agents.get(agent as usize)?;
        of_agent.samplers.get(&source).map(|known| &known.sampler)
    }

    /// Makes a source doubtful, if this sequence of datagrams is not that of its samples; returns
    /// whether it is.
    pub(super) fn set_rival(
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

    /// Whether the source of the last sample became doubtful.
    pub(super) fn take_doubted(&mut self) -> bool {
        core::mem::take(&mut self.doubted)
    }

    /// The data source of the last sample, if its numbers are not used any more since then.
    pub(super) fn take_distrusted(&mut self) -> Option<DataSource> {
        self.distrusted.take()
    }

    /// How many drops before this one were not reported; `None` if it was here already, or if
    /// there is no room for its source.
    pub(super) fn take_drop(
        &mut self,
        origin: Origin,
        packet: &DiscardedPacket<'_>,
        around: &mut Around<'_>,
    ) -> Option<u32> {
        let has_room = self.count < around.flow_sources(origin.agent);
        let now = Notifier {
            sequence: packet.sequence_number,
            drops: packet.drops,
            session: origin.session,
            at: origin.at,
        };
        let of_agent = of_agent(&mut self.agents, origin.agent);
        let Some(last) = of_agent.notifiers.get_mut(&packet.source_id) else {
            if !has_room || !around.charge_sampler(origin.agent) {
                around.health.flow_samples_refused += 1;
                return None;
            }
            of_agent.notifiers.insert(packet.source_id, now);
            self.count += 1;
            return Some(0);
        };
        if around.are_rivals(origin.agent, now.session, last.session) {
            around.health.flow_samples_doubted += 1;
            return None;
        }
        let ahead = now.sequence.wrapping_sub(last.sequence);
        let elapsed = now.at - last.at;
        let most = at_most(around.config.ceilings.events_per_second, elapsed);
        let is_ahead = is_forward(ahead) && ahead <= most;
        let is_anew = now.session != last.session || origin.in_order && !is_ahead && ahead != 0;
        if !is_anew && !is_ahead {
            // One that was overtaken was taken for missing; the sum is right without it.
            around.health.flow_samples_old += 1;
            return None;
        }
        let suppressed = match now.drops.wrapping_sub(last.drops) {
            more if !is_anew && more <= most => more,
            _ => 0,
        };
        let missing = if is_anew { 0 } else { ahead - 1 };
        *last = now;
        around.health.drops_unreported += u64::from(suppressed) + u64::from(missing);
        Some(suppressed.saturating_add(missing))
    }

    pub(super) fn statuses<'s>(
        &'s self,
        agents: &'s Slab<Agent>,
    ) -> impl Iterator<Item = SamplerStatus> + 's {
        (0..).zip(&self.agents).flat_map(move |(place, of_agent)| {
            let agent = agents.get(place).map(|agent| agent.status.key);
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

    pub(super) fn forget_agent(&mut self, place: u32) {
        if let Some(agent) = self.agents.get_mut(place as usize) {
            self.count -= agent.samplers.len() + agent.notifiers.len();
            *agent = OfAgent::default();
        }
    }
}

impl Counted {
    fn count(&mut self, worth: Worth) {
        match worth {
            Worth::Packets {
                missing, dropped, ..
            } => {
                self.samples += 1;
                self.missing += u64::from(missing);
                self.dropped += u64::from(dropped);
            }
            Worth::Late { .. } => {
                self.samples += 1;
                self.missing = self.missing.saturating_sub(1);
            }
            Worth::Old | Worth::Jump | Worth::Doubtful | Worth::Unknown => {}
        }
    }
}

fn of_agent(agents: &mut Vec<OfAgent>, place: u32) -> &mut OfAgent {
    let place = place as usize;
    if agents.len() <= place {
        agents.resize_with(place + 1, OfAgent::default);
    }
    &mut agents[place]
}
