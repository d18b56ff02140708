//! Who a source is.

use sflow_v5::counter::{
    AppOperations, AppWorkers, HostCpu, HostDescr, HostParent, HttpCounters, IfCounters,
    MemcacheCounters, PortName, VirtCpu, VirtNode,
};
use sflow_v5::types::Uuid;
use sflow_v5::{CounterStructure, DataFormat, DataSource, Frame, Structure};

use super::{Identification, Source};
use crate::config::Config;
use crate::entity::EntityKind;
use crate::health::Health;
use crate::ingest::ledger::Allowance;

impl Source {
    /// What it can be known by wherever it is reported.
    pub(crate) fn claim(&self) -> Option<(EntityKind, Uuid)> {
        let has_one = matches!(self.kind, EntityKind::Host | EntityKind::Container);
        self.known_uuid()
            .filter(|_| has_one)
            .map(|uuid| (self.kind, uuid))
    }

    /// Its UUID, if it has said one.
    pub(crate) fn known_uuid(&self) -> Option<Uuid> {
        self.uuid.known().map(Uuid)
    }

    /// The life of its agent in which it was heard last.
    pub(crate) fn session(&self) -> u32 {
        self.session
    }

    /// Whether the sample is of somebody else who took this data source over.
    #[inline]
    pub(crate) fn is_other_than(&self, descr: &HostDescr<'_>, config: &Config) -> bool {
        match (self.uuid.known(), descr.uuid.known()) {
            (Some(ours), Some(theirs)) => ours != theirs,
            (None, None) if !self.name.is_empty() && !descr.hostname.is_empty() => {
                !self.name.is(descr.hostname, config.max_name_bytes)
            }
            _ => false,
        }
    }

    /// It is the entity that another source was, at another place.
    pub(crate) fn continues(&mut self, former: &Self) {
        self.id = former.id;
        self.first_seen = former.first_seen;
        self.samples += former.samples;
        self.samples_lost += former.samples_lost;
        self.announced = former.announced;
        self.identification = Identification::Confirmed;
    }

    /// Whether [`identify`](Self::identify) needs the structure with this number, which has columns.
    #[inline]
    pub(super) fn is_identified_by(format: DataFormat) -> bool {
        matches!(
            format,
            VirtCpu::FORMAT
                | HostCpu::FORMAT
                | VirtNode::FORMAT
                | IfCounters::FORMAT
                | AppOperations::FORMAT
                | HttpCounters::FORMAT
                | MemcacheCounters::FORMAT
                | AppWorkers::FORMAT
        )
    }

    /// Takes over what the structure in a frame, which can be decoded, says of the source.
    pub(super) fn identify(
        &mut self,
        frame: Frame<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        match frame.format {
            VirtCpu::FORMAT => {
                self.state = VirtCpu::read(frame.bytes)
                    .map(|cpu| cpu.state)
                    .or(self.state);
            }
            HostCpu::FORMAT => {
                let processors = HostCpu::read(frame.bytes).and_then(|cpu| cpu.cpu_num.nonzero());
                self.processors = processors.map(f64::from).or(self.processors);
            }
            VirtNode::FORMAT => {
                let processors = VirtNode::read(frame.bytes).and_then(|node| node.cpus.nonzero());
                self.processors = self.processors.or(processors.map(f64::from));
            }
            IfCounters::FORMAT => {
                let Some(counters) = IfCounters::read(frame.bytes) else {
                    return;
                };
                self.if_index = Some(counters.if_index);
                self.speed
                    .report(counters.if_speed.nonzero(), counters.if_type);
                self.if_speed = self.speed.reported();
                self.if_direction = Some(counters.if_direction);
                self.if_status = Some(counters.if_status.0);
            }
            PortName::FORMAT => {
                if let Some(port) = PortName::read(frame.bytes) {
                    self.rename(port.name, allowance, health);
                }
            }
            AppOperations::FORMAT => {
                self.recognise(EntityKind::Application);
                if let Some(operations) = AppOperations::read(frame.bytes) {
                    self.rename(operations.application, allowance, health);
                }
            }
            HttpCounters::FORMAT | MemcacheCounters::FORMAT | AppWorkers::FORMAT => {
                self.recognise(EntityKind::Application);
            }
            _ => {}
        }
    }

    /// Takes over what it is part of; returns whether that can be decoded.
    #[inline]
    pub(super) fn move_below(&mut self, parent: Option<HostParent>) -> bool {
        if let Some(parent) = parent {
            let source = DataSource::new(parent.container_type, parent.container_index);
            self.parent = Some(source);
        }
        parent.is_some()
    }

    /// It has something that only this kind has.
    pub(super) fn recognise(&mut self, kind: EntityKind) {
        let is_open = matches!(self.kind, EntityKind::Other | EntityKind::Application);
        if is_open && kind != EntityKind::Other && kind != self.kind {
            self.kind = kind;
            self.reconsider();
        }
    }

    #[inline]
    pub(super) fn rename(
        &mut self,
        text: sflow_v5::types::Text<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        if !self.name.is(text, allowance.config.max_name_bytes) {
            self.rename_anew(text, allowance, health);
        }
    }

    #[cold]
    fn rename_anew(
        &mut self,
        text: sflow_v5::types::Text<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        let config = allowance.config;
        let before = self.name.heap_bytes();
        let was_cut = self.name.set(text, config.max_name_bytes);
        allowance.release(before);
        if allowance.charge(self.name.heap_bytes(), health) {
            health.names_cut += u64::from(was_cut);
        } else {
            // What fits in place costs nothing, unless it has to be made readable.
            self.name.set(text, 0);
            health.names_cut += 1;
        }
    }

    /// Who it is has to be found out again.
    pub(super) fn reconsider(&mut self) {
        if self.identification == Identification::Confirmed {
            self.identification = Identification::Pending;
        }
    }
}
