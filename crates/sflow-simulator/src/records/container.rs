use std::sync::Arc;

use sflow_v5::counter::{
    Adapter, HostAdapters, HostParent, VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo,
};
use sflow_v5::enums::DomainState;
use sflow_v5::sample::RecordEncoder;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64, List, Uuid};
use sflow_v5::{CounterRecord, EncodeError, Mac};

use super::{HOST, counter32, counter64, identity};
use crate::host::Host;
use crate::packet;
use crate::spec::ServiceSpec;
use crate::task::{BYTES_PER_WRITE, Ending, Task};

/// Counters of a container.
#[derive(Clone, Debug)]
pub(crate) struct ContainerReading {
    name: Arc<str>,
    uuid: Uuid,
    mac: Mac,
    disk: VirtDiskIo,
    memory: VirtMemory,
    cpu: VirtCpu,
    net: VirtNetIo,
}

impl ContainerReading {
    pub(crate) fn new(task: &Task, spec: &ServiceSpec, host: &Host) -> Self {
        let usage = &task.usage;
        Self {
            name: Arc::clone(&task.name),
            uuid: Uuid(task.uuid),
            mac: Mac(packet::mac(task.address)),
            disk: VirtDiskIo {
                capacity: Gauge64(0),
                allocation: Gauge64(0),
                available: Gauge64(0),
                rd_req: Counter32(0),
                rd_bytes: Counter64(0),
                wr_req: counter32(usage.disk_bytes / BYTES_PER_WRITE),
                wr_bytes: counter64(usage.disk_bytes),
                errs: Counter32(0),
            },
            memory: VirtMemory {
                memory: Gauge64(usage.memory as u64),
                max_memory: Gauge64(spec.memory_limit.unwrap_or(host.spec.memory)),
            },
            cpu: VirtCpu {
                state: DomainState::RUNNING,
                cpu_time: counter32(usage.cpu_seconds * 1e3),
                nr_virt_cpu: Gauge32(spec.cpu_limit.map_or(0, |cores| cores.round() as u32)),
            },
            net: VirtNetIo {
                rx_bytes: counter64(usage.rx_bytes),
                rx_packets: counter32(usage.rx_packets),
                rx_errs: Counter32(0),
                rx_drop: Counter32(0),
                tx_bytes: counter64(usage.tx_bytes),
                tx_packets: counter32(usage.tx_packets),
                tx_errs: Counter32(0),
                tx_drop: Counter32(0),
            },
        }
    }

    /// The last sample of a container in Host sFlow: CPU time is 0; after a crash all counters are.
    pub(crate) fn ended(mut self, ending: Ending) -> Self {
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

    pub(crate) fn encode(
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
