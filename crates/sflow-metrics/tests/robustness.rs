//! No input causes a panic: the fuzz inputs of the decoder, and a recorded swarm with flipped bits.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use sflow_metrics::{Config, Registry, Timestamp, event::Threshold, query::Query};
use sflow_v5::Datagram;

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");

/// A registry with queries, a threshold and flow definitions.
struct Busy {
    registry: Registry,
    queries: Vec<Query>,
    now: Timestamp,
}

impl Busy {
    fn new() -> Self {
        let mut registry = Registry::new(Config::default().with(|config| {
            config.max_sources = 2_000;
            config.max_agents = 500;
            config.max_events = 500;
        }));
        let queries = [
            "p95:vir_cpu_utilization,max:vir_bytes_in+vir_bytes_out by container=(*).*.*[60s:p90]",
            "sdev:ifinoctets,any:opt_rx_power_lowest,sum:queue_length0{ifname!=x}[30s tumbling]",
            "median:custom.m1,sum:app_requests by agent",
        ]
        .map(|query| query.parse::<Query>().unwrap());
        for query in &queries {
            registry.watch(query);
        }
        let load: Query = "avg:cpu_utilization".parse().unwrap();
        let threshold = Threshold::above("busy", load, 10.0).for_each_entity();
        registry.watch_threshold(threshold).unwrap();
        for flows in [
            "keys=end.src,end.dst,ip.protocol,port.src,port.dst;value=bytes",
            "keys=vlan,inner.ip.src,inner.ip.dst;value=distinct(port.dst)",
            "keys=drop.reason;value=drops;smooth=off",
        ] {
            registry.watch_flows(flows.parse().unwrap()).unwrap();
        }
        Self {
            registry,
            queries: queries.into(),
            now: Timestamp::from_secs(1_700_000_000),
        }
    }

    fn ingest(&mut self, bytes: &[u8]) {
        self.now = self.now + Duration::from_millis(300);
        let last = bytes.len() as u8 % 7;
        if let Ok(datagram) = Datagram::parse(bytes) {
            self.registry
                .ingest(self.now, IpAddr::from([10, 0, 0, last]), &datagram);
        }
    }

    fn ask(&mut self) {
        self.registry.expire(self.now);
        for query in &self.queries {
            for group in self.registry.query_groups(self.now, query).groups {
                for summary in group.summaries {
                    assert!(
                        summary.value.is_none_or(f64::is_finite),
                        "{query}: {summary:?}"
                    );
                    assert!(
                        summary.contributing <= summary.matched,
                        "{query}: {summary:?}"
                    );
                }
            }
            let mut partial = self.registry.partial(self.now, query);
            partial
                .merge(self.registry.partial(self.now, query))
                .unwrap();
        }
        let ids: Vec<_> = self.registry.flow_definitions().map(|(id, _)| id).collect();
        for id in ids {
            let answer = self.registry.flows(self.now, id).unwrap();
            let rows: f64 = answer.rows.iter().map(|row| row.value).sum();
            assert!(rows.is_finite() && answer.total.is_finite(), "{answer:?}");
        }
        let config = self.registry.config();
        assert!(self.registry.entities(self.now).count() <= config.max_sources);
        assert!(self.registry.agents().count() <= config.max_agents);
    }
}

#[test]
fn fuzz_inputs_of_decoder_do_not_panic() {
    let mut busy = Busy::new();
    let mut inputs = 0;
    for _ in 0..2 {
        for entry in fs::read_dir(Path::new(TESTDATA).join("corpus/datagram")).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            // Complete, and truncated.
            busy.ingest(&bytes);
            busy.ingest(&bytes[..bytes.len() - bytes.len() / 5]);
            inputs += 1;
            if inputs % 100 == 0 {
                busy.ask();
            }
        }
    }
    busy.ask();
    assert!(inputs > 400, "{inputs}");
}

#[test]
fn flipped_bits_do_not_panic() {
    let mut busy = Busy::new();
    for capture in ["hsflowd-swarm.pcap", "openvswitch.pcap"] {
        let file = File::open(Path::new(TESTDATA).join("captures").join(capture)).unwrap();
        let mut reader = PcapReader::new(file).unwrap();
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        while let Some(packet) = reader.next_packet() {
            // Skips the headers of Ethernet, IPv4 without options, and UDP.
            let mut bytes = packet.unwrap().data[42..].to_vec();
            for _ in 0..3 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let place = (random >> 8) as usize % bytes.len();
                bytes[place] ^= 1 << (random % 8);
                busy.ingest(&bytes);
            }
        }
        busy.ask();
    }
    let health = busy.registry.health();
    assert!(
        health.malformed_samples + health.malformed_records > 0,
        "{health:?}"
    );
}
