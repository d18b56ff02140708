//! The state of one data source of one agent: identity, lifecycle and last readings.

mod custom;
mod identification;
mod identity;
mod lifecycle;
mod limits;
mod measure;
mod name;
mod numbers;
mod order;
mod polling;
mod readings;
mod update;
mod values;

use std::collections::HashSet;

use sflow_v5::counter::HostDescr;
use sflow_v5::enums::{DomainState, IfDirection};
use sflow_v5::types::{Text, Uuid};
use sflow_v5::{CountersSample, DataSource};

use crate::catalogue::Metric;
use crate::entity::{EntityId, EntityKind};
use crate::ingest::sequencing::interval::Moment;
use crate::ingest::sequencing::sample::Numbering;
use crate::timestamp::Timestamp;
use crate::window::Ring;
pub(crate) use custom::Custom;
pub(crate) use identification::{Announced, Identification};
pub(crate) use lifecycle::reports_stop;
use limits::{Limits, Speed};
pub(crate) use measure::Measure;
pub(crate) use name::Name;
pub(crate) use numbers::has_counter;
use polling::PollingInterval;
use readings::Readings;

/// The state of a data source.
///
/// Fields are sorted by use: those that queries read of every source are in the first cache line,
/// the name in the second.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Source {
    pub(crate) id: EntityId,
    pub(crate) last_seen: Timestamp,
    /// Index of the agent.
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
    /// Whether the last sample may belong to a new sequence: values are unknown until the next one.
    pub(crate) is_unconfirmed: bool,
    /// Whether several sequences of its agent report it: values are unknown.
    pub(crate) is_doubtful: bool,

    pub(crate) name: Name,

    readings: Readings,
    /// `None` for an application that is identified by its name.
    pub(crate) data_source: Option<DataSource>,

    session: u32,
    sequence: u32,
    uptime: u32,
    /// Number of samples since its restart, received or not.
    sent: u32,
    numbering: Numbering,
    /// Number of lost datagrams of its agent at its newest sample, if known.
    lost: Option<u64>,
    pub(crate) samples: u64,
    pub(crate) samples_lost: u64,
    /// Index of the source whose sample followed the last one of this source.
    pub(crate) follower: Option<u32>,
    pub(crate) uuid: Uuid,
    pub(crate) parent: Option<DataSource>,
    /// Processors of the host, or of the host of a container.
    pub(crate) processors: Option<f64>,
    speed: Speed,
    /// Another sequence of its agent that reports it as well.
    pub(crate) rival: Option<Rivalry>,
    /// A sample that may be the first of a new sequence.
    jump: Option<Box<Jump>>,
    rings: Vec<Ring>,
    /// Custom metrics.
    customs: Vec<Custom>,

    pub(crate) first_seen: Timestamp,
    pub(crate) if_index: Option<u32>,
    pub(crate) if_direction: Option<IfDirection>,
    pub(crate) if_status: Option<u32>,
}

/// Data for a new source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) data_source: Option<DataSource>,
    pub(crate) moment: Moment,
    pub(crate) session: u32,
    /// The number of the sample before the first one.
    pub(crate) sequence: u32,
}

/// Another sequence of datagrams that reports the same data source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rivalry {
    pub(crate) session: u32,
    /// Time of its last report.
    pub(crate) at: Timestamp,
}

/// A sample that does not continue the sequence of its source.
#[derive(Debug)]
struct Jump {
    sequence: u32,
    moment: Moment,
    readings: Readings,
}

/// A counters sample with data of its datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a, 's> {
    pub(crate) sample: &'s CountersSample<'a>,
    pub(crate) moment: Moment,
    /// The sequence of datagrams.
    pub(crate) session: u32,
    /// Number of lost datagrams of the agent so far, if known.
    pub(crate) lost: Option<u64>,
    /// Whether the datagram is the newest one.
    pub(crate) in_order: bool,
}

/// Data of the datagram with custom metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CustomArrival<'k> {
    pub(crate) moment: Moment,
    pub(crate) session: u32,
    /// The names to keep; `None` keeps all.
    pub(crate) kept: Option<&'k HashSet<Box<str>>>,
}

impl CustomArrival<'_> {
    fn keeps(&self, name: Text<'_>) -> bool {
        self.kept
            .is_none_or(|kept| name.to_str().is_ok_and(|name| kept.contains(name)))
    }
}

/// A metric with a window.
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
        descr: Option<&HostDescr<'_>>,
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

    /// Whether the numbers of samples are ignored, since they are implausible.
    pub(crate) const fn is_distrusted(&self) -> bool {
        self.numbering.is_distrusted()
    }

    #[cfg(feature = "flows")]
    /// Bytes per second of the line: at least those of 1 Gbit/s, or unknown.
    pub(crate) fn line_rate(&self) -> Option<f64> {
        self.speed.line_rate()
    }

    /// Reported speed of an interface in bits per second.
    pub(crate) fn if_speed(&self) -> Option<u64> {
        self.speed.reported()
    }

    fn limits(&self) -> Limits {
        Limits {
            processors: self.processors,
            line_rate: self.speed.line_rate(),
        }
    }
}
