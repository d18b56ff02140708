//! Containers and their counters as the engine describes them.

use serde_json::Value;
use sflow_agent::linux::{Container, ContainerCounters, ContainerUsage, Host, container_uuid};
use sflow_v5::counter::VirtNetIo;
use sflow_v5::types::{Counter32, Counter64};

/// A container and its limits from the engine's description; `None` if its id is not hexadecimal.
pub(super) fn described(inspected: &Value) -> Option<(Container, ContainerUsage)> {
    let id = inspected["Id"].as_str()?;
    container_uuid(id)?;
    let name = inspected["Name"].as_str().unwrap_or_default();
    let mut container = Container::new(id, name.trim_start_matches('/'));
    container.adapters = members(&inspected["NetworkSettings"]["Networks"])
        .filter_map(|network| network["MacAddress"].as_str()?.parse().ok())
        .collect();
    let process = u32::try_from(number(&inspected["State"]["Pid"])).ok();
    container.process = process.filter(|process| *process != 0);
    let configured = &inspected["HostConfig"];
    container.host_network = configured["NetworkMode"] == "host";
    let mut limits = ContainerUsage::default();
    let cores = number(&configured["NanoCpus"]) as f64 / 1e9;
    limits.cpus = cores.round() as u32;
    limits.memory_limit = Some(number(&configured["Memory"])).filter(|limit| *limit != 0);
    Some((container, limits))
}

/// The counters of a container; `None` if it has ended: the engine then returns zeros.
pub(super) fn counters(
    stats: &Value,
    container: &Container,
    limits: ContainerUsage,
    host: &Host,
) -> Option<ContainerCounters> {
    const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;
    let cpu_nanoseconds = number(&stats["cpu_stats"]["cpu_usage"]["total_usage"]);
    let mut usage = limits;
    usage.memory = number(&stats["memory_stats"]["usage"]);
    if cpu_nanoseconds == 0 && usage.memory == 0 {
        return None;
    }
    usage.cpu_milliseconds = cpu_nanoseconds / NANOSECONDS_PER_MILLISECOND;
    let bytes = &stats["blkio_stats"]["io_service_bytes_recursive"];
    let operations = &stats["blkio_stats"]["io_serviced_recursive"];
    (usage.reads, usage.bytes_read) = (blocks(operations, "read"), blocks(bytes, "read"));
    (usage.writes, usage.bytes_written) = (blocks(operations, "write"), blocks(bytes, "write"));
    let mut counters = ContainerCounters::from_usage(container, &usage, host.memory());
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
