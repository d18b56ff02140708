use std::collections::HashMap;

use sflow_metrics::{Registry, Timestamp, entity::Entity, query::Query};

use super::trust::Trust;
use crate::policy::HostLoad;

/// The speed in bits per second that tun and tap devices report, whatever they carry. No interface of
/// a host that runs containers is as slow, so it is not the line rate.
const NOMINAL_SPEED: u64 = 10_000_000;

/// The load of the nodes, by the readings of their agents.
#[derive(Debug, Default)]
pub struct HostLoads<'t> {
    loads: Vec<HostLoad>,
    by_node: HashMap<usize, usize>,
    trust: Option<&'t Trust>,
}

/// The queries for the metrics of hosts and of their interfaces.
#[derive(Debug)]
pub(super) struct HostQueries {
    hosts: Option<Query>,
    interfaces: Option<Query>,
}

impl Default for HostQueries {
    fn default() -> Self {
        // The catalogue has these metrics.
        Self {
            hosts: "avg:cpu_utilization,avg:cpu_steal,avg:mem_utilization"
                .parse()
                .ok(),
            interfaces: "max:ifinutilization,max:ifoututilization".parse().ok(),
        }
    }
}

impl<'t> HostLoads<'t> {
    pub(super) fn new(
        queries: &HostQueries,
        registry: &Registry,
        trust: &'t Trust,
        now: Timestamp,
    ) -> Self {
        let mut busiest: HashMap<usize, f64> = HashMap::new();
        let interfaces = queries.interfaces.iter();
        for interface in interfaces.flat_map(|query| registry.per_entity(now, query)) {
            let values = [0, 1].map(|index| interface.value(index));
            let values = values.iter().flatten().map(|(value, _)| *value);
            if let Some(value) = values.reduce(f64::max)
                && !has_nominal_speed(&interface.entity())
                && let Some(node) = trust.node_of(&interface.entity())
            {
                let most = busiest.entry(node).or_default();
                *most = most.max(value);
            }
        }
        let mut loads = Self {
            trust: Some(trust),
            ..Self::default()
        };
        let hosts = queries.hosts.iter();
        for host in hosts.flat_map(|query| registry.per_entity(now, query)) {
            let Some(place) = trust.node_of(&host.entity()) else {
                continue;
            };
            let Some(node) = trust.nodes().get(place) else {
                continue;
            };
            let value = |index: usize| host.value(index).map(|(value, _)| value);
            let load = HostLoad {
                name: node.name.clone(),
                cpu: value(0),
                steal: value(1),
                memory: value(2),
                network: busiest.get(&place).copied(),
            };
            loads.add(place, load);
        }
        loads
    }

    /// Adds the load of a node. With two readings of a node its load is unknown.
    fn add(&mut self, place: usize, load: HostLoad) {
        if let Some(known) = self.by_node.get(&place) {
            self.loads[*known] = HostLoad {
                name: load.name,
                ..HostLoad::default()
            };
            return;
        }
        self.by_node.insert(place, self.loads.len());
        self.loads.push(load);
    }

    /// The loads of all nodes with an agent.
    pub fn loads(&self) -> &[HostLoad] {
        &self.loads
    }

    /// The load of the node of this name, with or without its domain.
    pub fn load(&self, node: &str) -> Option<HostLoad> {
        let places = self.trust?.named(node);
        let mut places = places.iter().filter_map(|place| self.by_node.get(place));
        self.loads.get(*places.next()?).cloned()
    }
}

/// Whether the speed that an interface reports is nominal and not its line rate.
pub(super) fn has_nominal_speed(interface: &Entity<'_>) -> bool {
    interface
        .speed()
        .is_some_and(|speed| speed <= NOMINAL_SPEED)
}

/// A host's name without its domain, in lower case.
pub fn short_name(host: &str) -> String {
    let name = host.split('.').next().unwrap_or_default();
    name.to_ascii_lowercase()
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use sflow_v5::counter::{HostCpu, HostDescr, IfCounters};
    use sflow_v5::enums::DataSourceKind;
    use sflow_v5::types::Text;
    use sflow_v5::{
        Address, CounterRecord, CountersSample, DataSource, Encoder, Header, Records, Sample,
    };

    use super::*;
    use crate::observe::Telemetry;
    use crate::orchestrator::NodeAddresses;
    use crate::policy::Saturation;

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);
    const NODE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    /// The readings of the node `node1`, whose agent reports one interface of this speed with so many
    /// bytes per second in, and the time of the last one.
    pub(crate) fn readings_of_node(speed: u64, bytes_per_second: u64) -> (Telemetry, Timestamp) {
        let mut telemetry = Telemetry::default();
        let mut now = START;
        for sequence in 1..=6_u32 {
            now = START + Duration::from_secs(20 * u64::from(sequence));
            let cpu = HostCpu {
                cpu_num: 2.into(),
                cpu_idle: (30_000 * sequence).into(),
                cpu_user: (10_000 * sequence).into(),
                cpu_system: 0.into(),
                ..HostCpu::default()
            };
            let descr = HostDescr {
                hostname: Text::from("node1"),
                ..HostDescr::default()
            };
            let interface = IfCounters {
                if_index: 3,
                if_type: 6,
                if_speed: speed.into(),
                if_in_octets: (u64::from(sequence) * 20 * bytes_per_second).into(),
                ..IfCounters::default()
            };
            let host = [CounterRecord::from(descr), cpu.into()];
            let interface = [CounterRecord::from(interface)];
            let samples = [
                (DataSourceKind::PHYSICAL, 1, &host[..]),
                (DataSourceKind::INTERFACE, 3, &interface[..]),
            ];
            let header = Header {
                agent_address: Address::V4(NODE.octets()),
                sequence_number: sequence,
                uptime: 20_000 * sequence,
                ..Header::default()
            };
            let mut buffer = [0; 1400];
            let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
            for (kind, index, records) in samples {
                let sample = CountersSample {
                    sequence_number: sequence,
                    source_id: DataSource::new(kind, index),
                    records: Records::from(records),
                    ..CountersSample::default()
                };
                encoder.push(&Sample::Counters(sample)).unwrap();
            }
            telemetry.receive(now, (NODE, 6343).into(), encoder.finish());
        }
        let node = NodeAddresses {
            name: "node1".to_owned(),
            addresses: vec![IpAddr::V4(NODE)],
        };
        telemetry.set_nodes(now, vec![node]);
        (telemetry, now)
    }

    fn load(speed: u64, bytes_per_second: u64) -> HostLoad {
        let (telemetry, now) = readings_of_node(speed, bytes_per_second);
        telemetry.hosts(now).load("node1").unwrap()
    }

    #[test]
    fn nominal_speed_never_saturates_host() {
        let cut = 20_000_000_000 & 0xffff_ffff;
        let cases = [
            (
                "its own speed",
                1_000_000_000,
                122_500_000,
                Some("use of the busiest interface"),
            ),
            ("tap, 50 Mbit/s", 10_000_000, 6_250_000, None),
            ("tap, 9.8 Mbit/s", 10_000_000, 1_225_000, None),
            ("20 Gbit/s cut to 32 bits", cut, 345_000_000, None),
            ("see ifHighSpeed", u32::MAX.into(), 530_000_000, None),
            ("veth, 15 Gbit/s", 10_000_000_000, 1_875_000_000, None),
        ];
        for (case, speed, bytes_per_second, expected) in cases {
            let load = load(speed, bytes_per_second);
            let shortage = load.saturated(&Saturation::default());
            let what = shortage.as_ref().map(|shortage| shortage.what.as_str());
            assert_eq!(what, expected, "{case}");
            assert_eq!(load.network.is_some(), expected.is_some(), "{case}");
        }
    }
}
