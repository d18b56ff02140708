//! Feeds four registries in four threads, and merges their answers.
//!
//! `cargo run -p sflow-metrics --example merge -- testdata/captures/hsflowd-swarm.pcap`
use std::{fs::File, hash::BuildHasher, hash::RandomState, thread};

use sflow_metrics::{Config, HashKey, Registry, Timestamp, flow, query};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let query: query::Query = "avg:cpu_utilization".parse()?;
    let flows: flow::Definition = "keys=;value=distinct(ip.src);smooth=1m".parse()?;
    // With the same key in all registries, a value that several of them observe is counted once.
    let config = Config::default().with(|config| config.hash_key = Some(HashKey::random()));
    let (mut parts, mut now) = ([const { Vec::new() }; 4], Timestamp::ZERO);
    let file = File::open(std::env::args().nth(1).ok_or("expected a capture file")?)?;
    let (mut capture, hasher) = (pcap_file::pcap::PcapReader::new(file)?, RandomState::new());
    while let Some(packet) = capture.next_packet().transpose()? {
        let bytes = packet.data[42..].to_vec(); // After Ethernet, IPv4 and UDP.
        // All datagrams of an agent belong to one registry.
        let agent = sflow_v5::Datagram::parse(&bytes)?.header.agent_address;
        now = packet.timestamp.into();
        parts[hasher.hash_one(agent) as usize % 4].push((now, bytes));
    }
    let mut registries = [(); 4].map(|()| Registry::new(config.clone()));
    let watch = |registry: &mut Registry| registry.watch_flows(flows.clone());
    let ids = registries.each_mut().map(watch);
    thread::scope(|scope| {
        for (registry, part) in registries.iter_mut().zip(parts) {
            scope.spawn(move || {
                for (at, bytes) in part {
                    let _ = registry.ingest_bytes(at, ([127, 0, 0, 1], 0).into(), &bytes);
                }
            });
        }
    });
    let (mut load, mut senders) = (query::Partial::empty(&query), flow::Partial::empty(&flows));
    for (registry, id) in registries.iter().zip(ids) {
        load.merge(registry.partial(now, &query))?;
        senders.merge(registry.flow_partial(now, id?).ok_or("unknown id")?)?;
    }
    let (load, senders) = (load.summaries(now)[0].0.value, senders.answer(now).total);
    println!("{load:.1?} % of the processors used on average, {senders:.0} senders");
    Ok(())
}
