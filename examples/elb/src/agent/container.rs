//! Containers and their counters as the engine describes them.

use serde_json::Value;
use sflow_agent::linux::{Container, ContainerCounters, Host, container_uuid};
use sflow_v5::counter::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo};
use sflow_v5::enums::DomainState;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64};

/// State of a running container that its counters do not contain.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// CPU limit, in processors; 0 for no limit.
    cpus: u32,
    /// Memory limit in bytes; without one, the memory of the host.
    memory: u64,
    pub(super) is_paused: bool,
}

/// A container from the engine's description; `None` if its id is not hexadecimal.
pub(super) fn described(inspected: &Value, host_memory: u64) -> Option<(Container, State)> {
    let id = inspected["Id"].as_str()?;
    container_uuid(id)?;
    let name = inspected["Name"].as_str().unwrap_or_default();
    let mut container = Container::new(id, name.trim_start_matches('/'));
    container.adapters = members(&inspected["NetworkSettings"]["Networks"])
        .filter_map(|network| network["MacAddress"].as_str()?.parse().ok())
        .collect();
    let process = u32::try_from(number(&inspected["State"]["Pid"])).ok();
    container.process = process.filter(|process| *process != 0);
    let limits = &inspected["HostConfig"];
    container.host_network = limits["NetworkMode"] == "host";
    let cores = number(&limits["NanoCpus"]) as f64 / 1e9;
    let state = State {
        cpus: cores.round() as u32,
        memory: match number(&limits["Memory"]) {
            0 => host_memory,
            limit => limit,
        },
        is_paused: false,
    };
    Some((container, state))
}

/// The counters of a container; `None` if it has ended: the engine then returns zeros.
pub(super) fn counters(
    stats: &Value,
    container: &Container,
    state: State,
    host: &Host,
) -> Option<ContainerCounters> {
    const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
    let cpu_nanoseconds = number(&stats["cpu_stats"]["cpu_usage"]["total_usage"]);
    let memory = number(&stats["memory_stats"]["usage"]);
    if cpu_nanoseconds == 0 && memory == 0 {
        return None;
    }
    let mut counters = ContainerCounters::new(container);
    counters.cpu = VirtCpu {
        state: if state.is_paused {
            DomainState::PAUSED
        } else {
            DomainState::RUNNING
        },
        cpu_time: Counter32((cpu_nanoseconds / NANOSECONDS_PER_MILLISECOND) as u32),
        nr_virt_cpu: Gauge32(state.cpus),
    };
    counters.memory = VirtMemory {
        memory: Gauge64(memory),
        max_memory: Gauge64(state.memory),
    };
    let bytes = &stats["blkio_stats"]["io_service_bytes_recursive"];
    let operations = &stats["blkio_stats"]["io_serviced_recursive"];
    counters.disk = VirtDiskIo {
        rd_req: Counter32(blocks(operations, "read") as u32),
        rd_bytes: Counter64(blocks(bytes, "read")),
        wr_req: Counter32(blocks(operations, "write") as u32),
        wr_bytes: Counter64(blocks(bytes, "write")),
        ..VirtDiskIo::default()
    };
    if let Some(net) = traffic(&stats["networks"], container, host) {
        counters.net = net;
    }
    Some(counters)
}

/// Traffic of the container's interfaces, from the engine or else from the kernel; `None` if
/// unknown.
fn traffic(networks: &Value, container: &Container, host: &Host) -> Option<VirtNetIo> {
    if members(networks).next().is_none() {
        let process = container.process.filter(|_| !container.host_network)?;
        return host.process_traffic(process);
    }
    let sum = |field| {
        let values = members(networks).map(|network| number(&network[field]));
        values.fold(0, u64::saturating_add)
    };
    Some(VirtNetIo {
        rx_bytes: Counter64(sum("rx_bytes")),
        rx_packets: Counter32(sum("rx_packets") as u32),
        rx_errs: Counter32(sum("rx_errors") as u32),
        rx_drop: Counter32(sum("rx_dropped") as u32),
        tx_bytes: Counter64(sum("tx_bytes")),
        tx_packets: Counter32(sum("tx_packets") as u32),
        tx_errs: Counter32(sum("tx_errors") as u32),
        tx_drop: Counter32(sum("tx_dropped") as u32),
    })
}

/// The sum over all devices.
fn blocks(counts: &Value, operation: &str) -> u64 {
    let is_operation = |count: &&Value| {
        let name = count["op"].as_str().unwrap_or_default();
        name.eq_ignore_ascii_case(operation)
    };
    let counts = counts.as_array().into_iter().flatten();
    let counts = counts.filter(is_operation);
    counts
        .map(|count| number(&count["value"]))
        .fold(0, u64::saturating_add)
}

/// The values of an object; none if it is not an object.
fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value
        .as_object()
        .into_iter()
        .flat_map(|object| object.values())
}

/// A number; 0 if it is missing.
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
