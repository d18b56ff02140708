//! One data source of one agent: who it is, how it does, and what it said last.

mod custom;
mod identification;
mod identity;
mod lifecycle;
mod limits;
mod measure;
mod name;
mod numbers;
mod polling;
mod readings;
mod values;

use std::collections::HashSet;

use sflow_v5::counter::HostDescr;
use sflow_v5::enums::{DomainState, IfDirection};
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{CounterRecord, CountersSample, DataSource, RtMetric};

use crate::catalogue::{Metric, Structure};
use crate::config::Config;
use crate::entity::{EntityId, EntityKind};
use crate::health::Health;
use crate::ingest::agent::Agent;
use crate::ingest::ledger::Allowance;
use crate::ingest::sequencing::interval::Moment;
use crate::ingest::sequencing::sample::{Carried, Numbering, Order, Step, continues, order};
use crate::timestamp::Timestamp;
use crate::window::Ring;
pub(crate) use custom::Custom;
use custom::NoRoom;
pub(crate) use identification::{Announced, Identification};
pub(crate) use lifecycle::reports_stop;
use limits::{Limits, Speed};
pub(crate) use measure::Measure;
pub(crate) use name::Name;
pub(crate) use numbers::Numbers;
use polling::PollingInterval;
use readings::{Readings, Taken};

/// What is known of a data source.
///
/// Fields are in the order of their use: what a query asks of everybody fills the first cache
/// line, and the name the second.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Source {
    pub(crate) id: EntityId,
    pub(crate) last_seen: Timestamp,
    /// The agent's place in the registry.
    pub(crate) agent: u32,
    pub(crate) kind: EntityKind,
    pub(crate) identification: Identification,
    pub(crate) announced: Announced,
    has_rates: bool,
    polling: PollingInterval,
    pub(crate) state: Option<DomainState>,
    disputes: u8,
    /// Whether it has ever had rates.
    pub(crate) was_live: bool,
    /// Whether a counter has ever gone up by a plausible amount.
    pub(crate) has_advanced: bool,
    /// Whether a sample came that may belong to a new sequence: its values are unknown until the
    /// next one.
    pub(crate) is_unconfirmed: bool,
    /// Whether several sequences of its agent report it: its values are unknown.
    pub(crate) is_doubtful: bool,

    pub(crate) name: Name,

    readings: Readings,
    /// None of an application that is known by a name alone.
    pub(crate) data_source: Option<DataSource>,

    session: u32,
    sequence: u32,
    uptime: u32,
    /// Samples since it began to count, come or not.
    sent: u32,
    numbering: Numbering,
    /// Datagrams of its agent that were lost until its newest sample, if that is known.
    lost: Option<u64>,
    pub(crate) samples: u64,
    pub(crate) samples_lost: u64,
    /// The place of the source whose sample came behind the last one of this.
    pub(crate) follower: Option<u32>,
    pub(crate) uuid: Uuid,
    pub(crate) parent: Option<DataSource>,
    /// Of the host: its own, or that of the host it runs on.
    pub(crate) processors: Option<f64>,
    speed: Speed,
    /// Another sequence of its agent that reports it, too.
    pub(crate) rival: Option<Rivalry>,
    /// A sample that may be the first of a new sequence.
    jump: Option<Box<Jump>>,
    rings: Vec<Ring>,
    /// Metrics under names of their own.
    customs: Vec<Custom>,

    pub(crate) first_seen: Timestamp,
    pub(crate) if_index: Option<u32>,
    /// Of an interface: bits per second, as it says.
    pub(crate) if_speed: Option<u64>,
    pub(crate) if_direction: Option<IfDirection>,
    pub(crate) if_status: Option<u32>,
}

/// What is known of a source at its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) data_source: Option<DataSource>,
    pub(crate) moment: Moment,
    pub(crate) session: u32,
    /// The number of the sample before the first one.
    pub(crate) sequence: u32,
}

/// A sequence of datagrams that reports a data source that another one reports, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rivalry {
    pub(crate) session: u32,
    /// When it reported the data source last.
    pub(crate) at: Timestamp,
}

/// A sample that does not continue the sequence of its source.
#[derive(Debug)]
struct Jump {
    sequence: u32,
    moment: Moment,
    readings: Readings,
}

/// A sample in its circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a, 's> {
    pub(crate) sample: &'s CountersSample<'a>,
    pub(crate) moment: Moment,
    /// The sequence of datagrams of the agent that it belongs to.
    pub(crate) session: u32,
    /// Datagrams of the agent that were lost so far, if that is known.
    pub(crate) lost: Option<u64>,
    /// Whether no newer datagram came before.
    pub(crate) in_order: bool,
}

/// What an application reports, in its circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CustomArrival<'k> {
    pub(crate) moment: Moment,
    pub(crate) session: u32,
    /// The names that are kept, unless all are.
    pub(crate) kept: Option<&'k HashSet<Box<str>>>,
}

impl CustomArrival<'_> {
    fn keeps(&self, name: Text<'_>) -> bool {
        self.kept
            .is_none_or(|kept| name.to_str().is_ok_and(|name| kept.contains(name)))
    }
}

/// A metric of which a window is kept.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) metric: Metric,
    pub(crate) slots: u64,
}

impl Source {
    pub(crate) fn new(
        id: EntityId,
        agent: u32,
        begin: Begin,
        descr: Option<HostDescr<'_>>,
    ) -> Self {
        Self {
            id,
            agent,
            data_source: begin.data_source,
            kind: EntityKind::Other,
            name: Name::default(),
            uuid: descr.map(|descr| descr.uuid).unwrap_or_default(),
            parent: None,
            state: None,
            if_index: None,
            if_speed: None,
            if_direction: None,
            if_status: None,
            processors: None,
            first_seen: begin.moment.received_at,
            last_seen: begin.moment.received_at,
            samples: 0,
            samples_lost: 0,
            identification: Identification::Pending,
            announced: Announced::Nothing,
            was_live: false,
            has_advanced: false,
            is_unconfirmed: false,
            is_doubtful: false,
            rival: None,
            jump: None,
            follower: None,
            sent: 0,
            numbering: Numbering::default(),
            lost: None,
            speed: Speed::default(),
            session: begin.session,
            sequence: begin.sequence,
            uptime: begin.moment.uptime,
            polling: PollingInterval::default(),
            has_rates: false,
            disputes: 0,
            readings: Readings::default(),
            customs: Vec::new(),
            rings: Vec::new(),
        }
    }

    /// Where the sample stands among those of this source.
    pub(crate) fn order(&self, arrival: &Arrival<'_, '_>) -> Order {
        if arrival.session != self.session {
            return Order::Restarted;
        }
        if self.numbering.is_distrusted() {
            let is_new = arrival.in_order
                && (arrival.moment.received_at != self.last_seen
                    || arrival.moment.uptime != self.uptime);
            return if is_new {
                Order::Next { missing: 0 }
            } else {
                Order::Old
            };
        }
        let carried = Carried {
            sequence: arrival.sample.sequence_number,
            uptime: arrival.moment.uptime,
            in_order: arrival.in_order,
        };
        let received_at = arrival.moment.received_at;
        let order = order(
            self.sequence,
            self.uptime,
            received_at - self.last_seen,
            carried,
        );
        let continues_jump = self.jump.as_ref().and_then(|jump| {
            let elapsed = received_at - jump.moment.received_at;
            let ahead = carried.sequence.wrapping_sub(jump.sequence);
            let is_next = jump.moment != arrival.moment && continues(ahead, elapsed);
            (is_next && arrival.in_order).then(|| ahead - 1)
        });
        match (order, continues_jump) {
            // The last sample of a container that was killed may be numbered anew.
            (Order::Jump, _) if reports_stop(arrival.sample) => Order::Restarted,
            // It continues both sequences: one of them is wrong.
            (Order::Next { .. }, Some(_)) => Order::Restarted,
            (Order::Jump | Order::Unnumbered, Some(missing)) => Order::Confirmed { missing },
            (Order::Unnumbered, None) if self.numbering.is_last_odd() => Order::Next { missing: 0 },
            (Order::Jump, None) if self.numbering.is_last_jump() => Order::Confirmed { missing: 0 },
            _ => order,
        }
    }

    /// Keeps the counters of a sample that may be the first of a new sequence.
    #[cold]
    pub(crate) fn keep_jump(
        &mut self,
        arrival: &Arrival<'_, '_>,
        allowance: &mut Allowance<'_>,
        numbers: &mut Numbers,
        health: &mut Health,
    ) {
        self.numbering.count_odd();
        self.reject_jump(allowance, health);
        let config = allowance.config;
        let mut readings = Readings::default();
        let mut measure = Measure::new(arrival.moment, &config.ceilings);
        measure.begin(0, self.limits());
        for record in arrival.sample.records() {
            let structure = Structure::index_of(record.format());
            let is_readable = !matches!(record, CounterRecord::Malformed(..));
            // Samples are counted from one.
            let place = structure
                .filter(|_| is_readable)
                .and_then(|it| readings.place(it, 0, &mut |bytes| allowance.charge(bytes, health)));
            if let Some(place) = place {
                readings.take(place, 0, &record, numbers, &mut measure, health);
            }
        }
        self.is_unconfirmed = true;
        self.jump = Some(Box::new(Jump {
            sequence: arrival.sample.sequence_number,
            moment: arrival.moment,
            readings,
        }));
    }

    /// Makes its values known again if one of the sequences that reported it has ended, or has not
    /// reported it for several polling intervals.
    #[cold]
    pub(crate) fn reconsider_rival(&mut self, agent: &Agent, now: Timestamp, config: &Config) {
        let longest = config.assumed_interval.saturating_mul(config.stale_after);
        self.rival = self.rival.filter(|rival| {
            let is_recent = now
                .checked_since(rival.at)
                .is_none_or(|elapsed| elapsed <= longest.max(self.stale_after(config)));
            is_recent && agent.are_rivals(self.session, rival.session)
        });
        self.is_doubtful = self.rival.is_some();
    }

    /// Whether a sample is the last one of several whose numbers make no sense, and not a restart.
    pub(crate) fn is_last_jump(&self, order: Order, session: u32) -> bool {
        matches!(order, Order::Confirmed { .. }) && self.numbering.is_last_jump()
            || self.numbering.is_suspicious() && self.is_refuted(order, session)
    }

    /// Whether a sample shows that its source did not restart at the jump before it: the numbers
    /// before the jump go on, or no counter went back.
    fn is_refuted(&self, order: Order, session: u32) -> bool {
        let jump = self.jump.as_ref().filter(|_| session == self.session);
        jump.is_some_and(|jump| match order {
            Order::Next { .. } => true,
            Order::Confirmed { .. } | Order::Restarted => jump.readings.follow(&self.readings),
            _ => false,
        })
    }

    /// Whether the numbers of its samples are not used, since they make no sense.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.numbering.is_distrusted()
    }

    /// Whether a sample is kept that may be the first of a new sequence.
    pub(crate) fn has_jump(&self) -> bool {
        self.jump.is_some()
    }

    /// Drops the counters that were kept for a new sequence.
    fn reject_jump(&mut self, allowance: &mut Allowance<'_>, health: &mut Health) {
        if let Some(jump) = self.jump.take() {
            health.counter_samples_rejected += 1;
            allowance.release(jump.readings.bytes());
        }
    }

    /// Takes a sample over that is not old.
    pub(crate) fn update(
        &mut self,
        arrival: &Arrival<'_, '_>,
        order: Order,
        descr: Option<HostDescr<'_>>,
        allowance: &mut Allowance<'_>,
        (measure, numbers): (&mut Measure<'_>, &mut Numbers),
        health: &mut Health,
    ) {
        let now = arrival.moment;
        let is_refuted = self.is_refuted(order, arrival.session);
        let mut missing = match order {
            Order::Next { missing } => missing,
            Order::Old | Order::Jump => return,
            Order::Confirmed { missing } => {
                if let Some(jump) = self.jump.take() {
                    allowance.release(self.readings.bytes());
                    self.readings = jump.readings;
                    self.last_seen = self.last_seen.max(jump.moment.received_at);
                }
                self.has_rates = false;
                self.samples += 1;
                self.sent = 1;
                missing
            }
            Order::Restarted => {
                self.readings.restart();
                self.has_rates = false;
                self.sent = 0;
                0
            }
            Order::Unnumbered => {
                self.readings.restart();
                self.has_rates = false;
                0
            }
        };
        let was_distrusted = self.numbering.is_distrusted();
        let found;
        (missing, found) = self.numbering.take(Step {
            order,
            missing,
            ahead: arrival.sample.sequence_number.wrapping_sub(self.sequence),
            is_without_loss: arrival.lost.is_some() && arrival.lost == self.lost,
            is_refuted,
        });
        self.lost = arrival.lost;
        if self.numbering.is_distrusted() && !was_distrusted {
            health.numberings_distrusted += 1;
            self.samples_lost = self.samples_lost.saturating_sub(found);
            health.counter_samples_lost = health.counter_samples_lost.saturating_sub(found);
        }
        self.is_unconfirmed = false;
        if self.jump.is_some() {
            self.reject_jump(allowance, health);
        }
        self.samples += 1;
        self.sent = self.sent.saturating_add(missing).saturating_add(1);
        self.samples_lost += u64::from(missing);
        health.counter_samples_lost += u64::from(missing);
        if let Some(elapsed) = now.received_at.checked_since(self.last_seen)
            && !elapsed.is_zero()
        {
            self.polling.note(elapsed, missing);
        }
        self.session = arrival.session;
        self.sequence = arrival.sample.sequence_number;
        self.uptime = now.uptime;
        self.last_seen = now.received_at;
        if let Some(descr) = descr {
            if self.uuid.known().is_none() && descr.uuid.known().is_some() {
                self.uuid = descr.uuid;
                self.reconsider();
            }
            self.rename(descr.hostname, allowance, health);
        }

        measure.begin(self.disputes, self.limits());
        let mut has_begun = false;
        let mut hint = 0;
        let mut records = arrival.sample.records();
        // Read where the iterator put it: moving it costs more than what is done with it.
        while let Some(record) = &records.next() {
            self.identify(record, allowance, health);
            let mut room = |bytes| allowance.charge(bytes, &mut *health);
            let Some(place) = self.place(record, hint, &mut room) else {
                continue;
            };
            hint = place + 1;
            let (readings, sample) = (&mut self.readings, self.samples);
            match readings.take(place, sample, record, numbers, measure, health) {
                Taken::Began => has_begun = true,
                Taken::Measured { advanced } => {
                    self.has_rates = true;
                    self.was_live = true;
                    self.has_advanced |= advanced;
                    if matches!(record, CounterRecord::IfCounters(_)) {
                        let (bytes, seconds) = self.readings.most_bytes(place);
                        self.speed.compare(bytes, seconds, measure.exceeded_line());
                    }
                }
                Taken::Again => {}
            }
        }
        if measure.is_disputed {
            health.disputed_intervals += 1;
            self.disputes = self.disputes.saturating_add(1);
        } else if !has_begun {
            self.disputes = 0;
        }
    }

    /// Takes over what an application says under names of its own.
    pub(crate) fn update_custom(
        &mut self,
        said: &RtMetric<'_>,
        heard: CustomArrival<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        let (now, session, config) = (heard.moment, heard.session, allowance.config);
        self.recognise(EntityKind::Application);
        self.is_unconfirmed = false;
        self.rename(said.datasource, allowance, health);
        if session != self.session {
            self.customs.iter_mut().for_each(Custom::restart);
            self.has_rates = false;
        }
        self.samples += 1;
        let has_begun = self.samples == 1 || session != self.session;
        if let Some(elapsed) = now.received_at.checked_since(self.last_seen)
            && !elapsed.is_zero()
        {
            self.polling.note(elapsed, 0);
        }
        self.session = session;
        self.uptime = now.uptime;
        self.last_seen = now.received_at;
        let mut measure = Measure::new(now, &config.ceilings);
        measure.begin(self.disputes, self.limits());
        for named in said.metrics {
            if !heard.keeps(named.name) {
                health.custom_metrics_unused += 1;
                continue;
            }
            let mut room = |bytes| allowance.charge(bytes, &mut *health);
            let customs = &mut self.customs;
            match custom::place(customs, &named, &measure, config, &mut room) {
                Ok(None) => {}
                Ok(Some(place)) => {
                    custom::take(&mut customs[place], &named, &mut measure, health);
                }
                Err(NoRoom) => health.custom_metrics_refused += 1,
            }
        }
        if measure.is_disputed {
            health.disputed_intervals += 1;
            self.disputes = self.disputes.saturating_add(1);
        } else if !has_begun {
            self.disputes = 0;
            self.has_rates = true;
            self.was_live = true;
        }
    }

    /// Where the readings of a record are, if it has any. `hint` is where they are likely to be:
    /// agents send the same records in the same order.
    #[inline]
    fn place(
        &mut self,
        record: &CounterRecord<'_>,
        hint: usize,
        room: &mut dyn FnMut(usize) -> bool,
    ) -> Option<usize> {
        if matches!(record, CounterRecord::Malformed(..)) {
            return None;
        }
        let format = record.format();
        if self.readings.awaits(hint, format, self.samples) {
            return Some(hint);
        }
        let structure = Structure::index_of(format)?;
        self.recognise(Structure::all()[structure].entity);
        self.readings.place(structure, self.samples, room)
    }

    /// Whether this sample, which is old, was counted as missing. Only a datagram that was
    /// overtaken can bring one: others have been here.
    pub(crate) fn has_missed(&self, arrival: &Arrival<'_, '_>) -> bool {
        let behind = self.sequence.wrapping_sub(arrival.sample.sequence_number);
        !arrival.in_order && arrival.session == self.session && (1..self.sent).contains(&behind)
    }

    /// Bytes per second that its line can carry: at least that of 1 Gbit/s, or unknown.
    pub(crate) fn line_rate(&self) -> Option<f64> {
        self.speed.line_rate()
    }

    fn limits(&self) -> Limits {
        Limits {
            processors: self.processors,
            line_rate: self.speed.line_rate(),
        }
    }
}
