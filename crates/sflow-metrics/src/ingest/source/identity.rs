//! Who a source is.

use sflow_v5::counter::HostDescr;
use sflow_v5::types::Uuid;
use sflow_v5::{CounterRecord, DataSource};

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

    pub(super) fn identify(
        &mut self,
        record: &CounterRecord<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        match record {
            CounterRecord::HostParent(parent) => {
                self.parent = Some(DataSource::new(
                    parent.container_type,
                    parent.container_index,
                ));
            }
            CounterRecord::VirtCpu(cpu) => self.state = Some(cpu.state),
            CounterRecord::HostCpu(cpu) => {
                self.processors = cpu.cpu_num.nonzero().map(f64::from).or(self.processors);
            }
            CounterRecord::VirtNode(node) => {
                self.processors = self.processors.or(node.cpus.nonzero().map(f64::from));
            }
            CounterRecord::IfCounters(counters) => {
                self.if_index = Some(counters.if_index);
                self.speed
                    .report(counters.if_speed.nonzero(), counters.if_type);
                self.if_speed = self.speed.reported();
                self.if_direction = Some(counters.if_direction);
                self.if_status = Some(counters.if_status.0);
            }
            CounterRecord::PortName(port) => self.rename(port.name, allowance, health),
            CounterRecord::AppOperations(operations) => {
                self.recognise(EntityKind::Application);
                self.rename(operations.application, allowance, health);
            }
            CounterRecord::HttpCounters(_)
            | CounterRecord::MemcacheCounters(_)
            | CounterRecord::AppWorkers(_) => self.recognise(EntityKind::Application),
            CounterRecord::Unknown(_) => health.unknown_records += 1,
            CounterRecord::Malformed(..) => health.malformed_records += 1,
            _ => {}
        }
    }

    /// It has something that only this kind has.
    pub(super) fn recognise(&mut self, kind: EntityKind) {
        let is_open = matches!(self.kind, EntityKind::Other | EntityKind::Application);
        if is_open && kind != EntityKind::Other && kind != self.kind {
            self.kind = kind;
            self.reconsider();
        }
    }

    pub(super) fn rename(
        &mut self,
        text: sflow_v5::types::Text<'_>,
        allowance: &mut Allowance<'_>,
        health: &mut Health,
    ) {
        let config = allowance.config;
        if self.name.is(text, config.max_name_bytes) {
            return;
        }
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
