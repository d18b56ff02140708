use std::sync::Arc;

use sflow_v5::counter::{
    Adapter, HostAdapters, HostParent, VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::DomainState;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64, List, Uuid};
use sflow_v5::{CounterRecord, EncodeError, Mac};

use super::{HOST, identity, long, short};
use crate::simulator::host::Host;
use crate::simulator::packets;
use crate::simulator::scenario::ServiceSpec;
use crate::simulator::task::{BYTES_PER_WRITE, Ending, Task};

/// What the agent reads of a container.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct ContainerReading {
    name: Arc<str>,
    uuid: Uuid,
    mac: Mac,
    disk: VirtDiskIo,
    memory: VirtMemory,
    cpu: VirtCpu,
    net: VirtNetIo,
}

impl ContainerReading {
    pub(in crate::simulator) fn new(task: &Task, spec: &ServiceSpec, host: &Host) -> Self {
        let used = &task.used;
        Self {
            name: Arc::clone(&task.name),
            uuid: Uuid(task.uuid),
            mac: Mac(packets::mac(task.address)),
            disk: VirtDiskIo {
                capacity: Gauge64(0),
                allocation: Gauge64(0),
                available: Gauge64(0),
                rd_req: Counter32(0),
                rd_bytes: Counter64(0),
                wr_req: short(used.disk_bytes / BYTES_PER_WRITE),
                wr_bytes: long(used.disk_bytes),
                errs: Counter32(0),
            },
            memory: VirtMemory {
                memory: Gauge64(used.memory as u64),
                max_memory: Gauge64(spec.memory_limit.unwrap_or(host.spec.memory)),
            },
            cpu: VirtCpu {
                state: DomainState::RUNNING,
                cpu_time: short(used.cpu_seconds * 1e3),
                nr_virt_cpu: Gauge32(spec.cpu_limit.map_or(0, |cores| cores.round() as u32)),
            },
            net: VirtNetIo {
                rx_bytes: long(used.rx_bytes),
                rx_packets: short(used.rx_packets),
                rx_errs: Counter32(0),
                rx_drop: Counter32(0),
                tx_bytes: long(used.tx_bytes),
                tx_packets: short(used.tx_packets),
                tx_errs: Counter32(0),
                tx_drop: Counter32(0),
            },
        }
    }

    /// The last sample of a container in Host sFlow: without CPU time if it was stopped, with
    /// nothing but its limits if it was killed.
    pub(in crate::simulator) fn ended(mut self, ending: Ending) -> Self {
        self.cpu.cpu_time = Counter32(0);
        match ending {
            Ending::Stopped => {
                self.cpu.state = DomainState::SHUT_OFF;
                self.cpu.nr_virt_cpu = Gauge32(0);
            }
            Ending::Killed => {
                self.cpu.state = DomainState::SHUTDOWN;
                self.memory.memory = Gauge64(0);
                self.disk.wr_req = Counter32(0);
                self.disk.wr_bytes = Counter64(0);
                let (none, nothing) = (Counter32(0), Counter64(0));
                self.net = VirtNetIo {
                    rx_bytes: nothing,
                    rx_packets: none,
                    tx_bytes: nothing,
                    tx_packets: none,
                    ..self.net
                };
            }
        }
        self
    }

    pub(in crate::simulator) fn encode(
        &self,
        records: &mut RecordEncoder<'_, '_, CounterRecord<'_>>,
    ) -> Result<(), EncodeError> {
        // The index of an adapter inside its container is not reported.
        let adapter = [Adapter {
            if_index: 0,
            mac_address: List::from(std::slice::from_ref(&self.mac)),
        }];
        records.push(&HostAdapters {
            adapters: List::from(&adapter[..]),
        })?;
        records.push(&self.disk)?;
        records.push(&self.memory)?;
        records.push(&self.cpu)?;
        records.push(&self.net)?;
        records.push(&HostParent {
            container_type: HOST.kind,
            container_index: HOST.index,
        })?;
        records.push(&identity(&self.name, self.uuid))
    }
}
