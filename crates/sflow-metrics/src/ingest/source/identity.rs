//! The identity of a source.

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
    /// Kind and UUID, which identify a host or container at any agent.
    pub(crate) fn global_identity(&self) -> Option<(EntityKind, Uuid)> {
        let has_one = matches!(self.kind, EntityKind::Host | EntityKind::Container);
        self.known_uuid()
            .filter(|_| has_one)
            .map(|uuid| (self.kind, uuid))
    }

    /// The UUID, if it was reported.
    pub(crate) fn known_uuid(&self) -> Option<Uuid> {
        self.uuid.known().map(Uuid)
    }

    /// The session of its last sample.
    pub(crate) fn session(&self) -> u32 {
        self.session
    }

    /// Whether a sample belongs to another entity that has replaced this one at its data source.
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

    /// Takes over the identity of an entity that was reported by another source.
    pub(crate) fn adopt_identity(&mut self, former: &Self) {
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

    /// Updates the identity of the source by a structure.
    #[inline(always)]
    pub(super) fn identify(
        &mut self,
        frame: Frame<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        // Every sample of a container has this one.
        if frame.format == VirtCpu::FORMAT {
            let cpu = VirtCpu::from_bytes(frame.bytes);
            self.state = cpu.map(|cpu| cpu.state).or(self.state);
        } else {
            self.identify_by_other(frame, allowance, health);
        }
    }

    fn identify_by_other(
        &mut self,
        Frame { format, bytes }: Frame<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        match format {
            HostCpu::FORMAT => {
                let processors = HostCpu::from_bytes(bytes).and_then(|cpu| cpu.cpu_num.nonzero());
                self.processors = processors.map(f64::from).or(self.processors);
            }
            VirtNode::FORMAT => {
                let processors = VirtNode::from_bytes(bytes).and_then(|node| node.cpus.nonzero());
                self.processors = self.processors.or(processors.map(f64::from));
            }
            IfCounters::FORMAT => {
                let Some(counters) = IfCounters::from_bytes(bytes) else {
                    return;
                };
                self.if_index = Some(counters.if_index);
                self.speed
                    .report(counters.if_speed.nonzero(), counters.if_type);
                self.if_direction = Some(counters.if_direction);
                self.if_status = Some(counters.if_status.0);
            }
            PortName::FORMAT => {
                if let Some(port) = PortName::from_bytes(bytes) {
                    self.rename(port.name, allowance, health);
                }
            }
            AppOperations::FORMAT => {
                self.recognise(EntityKind::Application);
                if let Some(operations) = AppOperations::from_bytes(bytes) {
                    self.rename(operations.application, allowance, health);
                }
            }
            HttpCounters::FORMAT | MemcacheCounters::FORMAT | AppWorkers::FORMAT => {
                self.recognise(EntityKind::Application);
            }
            _ => {}
        }
    }

    /// Sets the parent of the source; returns whether it could be decoded.
    #[inline]
    pub(super) fn set_parent(&mut self, parent: Option<HostParent>) -> bool {
        if let Some(parent) = parent {
            let source = DataSource::new(parent.container_type, parent.container_index);
            self.parent = Some(source);
        }
        parent.is_some()
    }

    /// Sets the kind, because the source reported a record that only this kind has.
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
            self.set_name(text, allowance, health);
        }
    }

    #[cold]
    fn set_name(
        &mut self,
        text: sflow_v5::types::Text<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        let config = allowance.config;
        let before = self.name.heap_bytes();
        let was_truncated = self.name.set(text, config.max_name_bytes);
        allowance.release(before);
        if allowance.charge(self.name.heap_bytes(), health) {
            health.names_cut += u64::from(was_truncated);
        } else {
            // A short name needs no memory, unless it is not UTF-8.
            self.name.set(text, 0);
            health.names_cut += 1;
        }
    }

    /// Requires a new comparison of the identity.
    pub(super) fn reconsider(&mut self) {
        if self.identification == Identification::Confirmed {
            self.identification = Identification::Pending;
        }
    }
}
