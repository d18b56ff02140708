//! What agents send, against what is really the case.

use std::collections::BTreeMap;

use sflow_v5::counter::{
    HostCpu, HostDescr, HostNetIo, IfCounters, VirtCpu, VirtMemory, VirtNetIo, VirtNode,
};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::{Address, DataSource};

use super::*;

/// Agents that send at once, so that what arrives is what is the case at that moment.
fn prompt(mut scenario: Scenario) -> Scenario {
    scenario.agents.flush = Duration::ZERO;
    scenario
}

#[test]
fn every_datagram_is_real_sflow() {
    for (name, _) in Scenario::NAMES
        .iter()
        .filter(|(name, _)| *name != "bad-network")
    {
        let scenario = Scenario::named(name).unwrap();
        let mut simulation = simulation(&scenario);
        let arrived = run(&mut simulation, scenario.duration);
        assert!(arrived.len() > 100, "{name}");
        for (_, bytes) in &arrived {
            assert!(bytes.len() <= 1_400);
            let datagram = Datagram::parse(bytes).unwrap();
            datagram.validate().unwrap();
            assert_eq!(datagram.header.sub_agent_id, 100_000);
            assert!(matches!(
                datagram.header.agent_address,
                Address::V4([10, 0, 0, 1..=6])
            ));
            for sample in datagram.samples() {
                match sample {
                    Sample::Counters(sample) => {
                        let known = |record: &CounterRecord<'_>| record.name().is_some();
                        assert!(sample.records().all(|record| known(&record)));
                        assert_eq!(sample.encoding, Encoding::Expanded);
                    }
                    Sample::Flow(sample) => {
                        assert!(sample.records().all(|record| record.name().is_some()));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[test]
fn records_stand_in_the_order_of_host_sflow() {
    let arrived = run(&mut simulation(&article()), s(30));
    let mut seen = BTreeMap::new();
    for (_, bytes) in &arrived {
        for sample in counters(bytes) {
            let formats = sample.records().map(|record| record.format().format());
            seen.insert(sample.source_id.kind, formats.collect::<Vec<_>>());
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [
            (DataSourceKind::INTERFACE, vec![1005, 1]),
            (
                DataSourceKind::PHYSICAL,
                vec![
                    2100, 2001, 2010, 2009, 2008, 2007, 2005, 2004, 2003, 2006, 2000
                ]
            ),
            (
                DataSourceKind::LOGICAL,
                vec![2001, 2103, 2102, 2101, 2104, 2002, 2000]
            ),
        ]
    );
}

#[test]
fn sequences_have_no_gap_and_datagrams_do_not_wait() {
    let scenario = Scenario::named("crash-loop").unwrap();
    let mut simulation = simulation(&scenario);
    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 4)).unwrap();
    let mut datagrams: BTreeMap<Address, u32> = BTreeMap::new();
    let mut sources: BTreeMap<(Address, DataSource), u32> = BTreeMap::new();
    let mut flows: BTreeMap<Address, (u32, u32)> = BTreeMap::new();
    for (at, bytes) in run(&mut simulation, scenario.duration) {
        let datagram = Datagram::parse(&bytes).unwrap();
        let agent = datagram.header.agent_address;
        let sequence = datagrams.entry(agent).or_default();
        *sequence += 1;
        assert_eq!(datagram.header.sequence_number, *sequence);
        assert_eq!(u128::from(datagram.header.uptime), (at - START).as_millis());
        for sample in datagram.samples() {
            match sample {
                Sample::Counters(sample) => {
                    let sequence = sources.entry((agent, sample.source_id)).or_default();
                    let state = sample.find::<VirtCpu>().map(|cpu| cpu.state);
                    *sequence = if state == Some(DomainState::SHUTDOWN) {
                        1
                    } else {
                        *sequence + 1
                    };
                    assert_eq!(sample.sequence_number, *sequence, "{}", sample.source_id);
                    if matches!(state, Some(DomainState::SHUTDOWN | DomainState::SHUT_OFF)) {
                        sources.remove(&(agent, sample.source_id));
                    }
                }
                Sample::Flow(sample) => {
                    let (sequence, pool) = flows.entry(agent).or_default();
                    *sequence += 1;
                    assert_eq!(sample.sequence_number, *sequence);
                    assert!(sample.sample_pool > *pool && sample.sample_pool - *pool < 800);
                    *pool = sample.sample_pool;
                    assert_eq!(sample.drops, 0);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((datagrams.len(), flows.len()), (3, 3));
}

#[test]
fn counters_are_what_containers_have_used() {
    let mut simulation = simulation(&prompt(article()));
    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 5)).unwrap();
    let mut last: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    let mut checked = 0;
    while simulation.now() < START + s(120) {
        let due = simulation.next_due();
        let mut arrived = Vec::new();
        simulation.advance(due, |delivery| arrived.push(delivery.bytes.to_vec()));
        for bytes in arrived {
            for sample in counters(&bytes) {
                let Some(cpu) = sample.find::<VirtCpu>() else {
                    continue;
                };
                let net = sample.find::<VirtNetIo>().unwrap();
                let identity = sample.find::<HostDescr<'_>>().unwrap();
                let name = identity.hostname.to_str().unwrap();
                let tasks = (0..3).flat_map(|host| simulation.cluster.containers(host));
                let task = { tasks }.find(|task| *task.name == *name).unwrap();
                assert_eq!(identity.uuid.0, task.uuid);
                assert_eq!(cpu.cpu_time.0, (task.used.cpu_seconds * 1e3) as u32);
                assert_eq!(cpu.state, DomainState::RUNNING);
                assert_eq!(net.rx_bytes.0, task.used.rx_bytes as u64);
                assert_eq!(net.tx_bytes.0, task.used.tx_bytes as u64);
                assert_eq!(net.rx_packets.0, task.used.rx_packets as u32);
                assert_eq!(net.tx_packets.0, task.used.tx_packets as u32);
                let memory = sample.find::<VirtMemory>().unwrap();
                assert_eq!(memory.memory.0, task.used.memory as u64);
                assert_eq!(memory.max_memory.0, 4 << 30);
                let (cpu_before, rx_before) = last.entry(name.to_owned()).or_default();
                assert!(cpu.cpu_time.0 >= *cpu_before && net.rx_bytes.0 >= *rx_before);
                (*cpu_before, *rx_before) = (cpu.cpu_time.0, net.rx_bytes.0);
                checked += 1;
            }
        }
    }
    assert_eq!(last.len(), 5);
    assert!(checked > 5 * 10, "{checked}");
    let total: u64 = last.values().map(|(_, rx)| rx).sum();
    assert!(
        total > 45 * 720 * 380,
        "the load went through the containers: {total}"
    );
}

#[test]
fn counters_of_a_host_are_those_of_its_containers_and_its_own() {
    let mut simulation = simulation(&prompt(steady(5, 20_000.0)));
    let booted: Vec<_> = simulation.cluster.hosts.clone();
    let mut checked = 0;
    while simulation.now() < START + s(60) {
        let due = simulation.next_due();
        let mut arrived = Vec::new();
        simulation.advance(due, |delivery| arrived.push(delivery.bytes.to_vec()));
        for bytes in arrived {
            let Address::V4([.., last]) = Datagram::parse(&bytes).unwrap().header.agent_address
            else {
                panic!()
            };
            let place = usize::from(last) - 1;
            let containers = simulation.cluster.containers(place);
            let used = |of: fn(&task::Usage) -> f64| -> f64 {
                containers.clone().map(|task| of(&task.used)).sum()
            };
            for sample in counters(&bytes) {
                if let Some(port) = sample
                    .find::<IfCounters>()
                    .filter(|port| port.if_index == 3)
                {
                    assert_eq!(port.if_in_octets.0, used(|used| used.tx_bytes) as u64);
                    assert_eq!(port.if_out_octets.0, used(|used| used.rx_bytes) as u64);
                    assert_eq!(port.if_in_ucast_pkts.0, used(|used| used.tx_packets) as u32);
                    checked += 1;
                }
                let Some(cpu) = sample.find::<HostCpu>() else {
                    continue;
                };
                let now = &simulation.cluster.hosts[place];
                let elapsed = now.uptime - booted[place].uptime;
                let busy = now.busy - booted[place].busy;
                assert!((busy - used(|used| used.cpu_seconds) - 0.01 * elapsed).abs() < 1e-6);
                let parts = [cpu.cpu_user, cpu.cpu_system, cpu.cpu_sintr, cpu.cpu_idle];
                let sum: f64 = parts.iter().map(|part| f64::from(part.0)).sum();
                assert!((sum - 2e3 * now.uptime).abs() <= 40.0, "{sum}");
                assert_eq!(cpu.uptime.0, now.uptime as u32);
                let node = sample.find::<VirtNode>().unwrap();
                assert_eq!(node.num_domains.0 as usize, containers.clone().count());
                let net = sample.find::<HostNetIo>().unwrap();
                assert_eq!(
                    net.bytes_in.0,
                    (now.uplink.in_bytes + now.bridge.in_bytes) as u64
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn each_source_is_read_once_per_polling_interval() {
    let scenario = steady(6, 100.0);
    let mut simulation = simulation(&scenario);
    let mut times: BTreeMap<(Address, DataSource), Vec<Timestamp>> = BTreeMap::new();
    for (at, bytes) in run(&mut simulation, s(300)) {
        let agent = Datagram::parse(&bytes).unwrap().header.agent_address;
        for sample in counters(&bytes) {
            times.entry((agent, sample.source_id)).or_default().push(at);
        }
    }
    assert_eq!(times.len(), 3 * 3 + 6);
    let mut phases = Vec::new();
    for ((_, source), times) in &times {
        // A container is read at once when it is found; then each has its own phase.
        let is_container = source.kind == DataSourceKind::LOGICAL;
        assert!(
            (29..=31).contains(&times.len()),
            "{source}: {}",
            times.len()
        );
        assert!(!is_container || times[0] - START < Duration::from_millis(300));
        let planned = if is_container {
            &times[1..]
        } else {
            &times[..]
        };
        for pair in planned.windows(2) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!((9.75..10.25).contains(&gap), "{source}: {gap}");
        }
        phases.push((planned[0] - START).as_millis());
    }
    phases.sort_unstable();
    phases.dedup();
    assert!(phases.len() > 8, "{phases:?}");
}

#[test]
fn packet_samples_add_up_to_what_counters_say() {
    let mut scenario = steady(3, 3_000.0);
    scenario.agents.sampling = 50;
    scenario.agents.most_samples = 1_000_000;
    let mut simulation = simulation(&scenario);
    let (mut estimate, mut inbound, mut samples) = ([0.0; 2], 0, 0);
    for (_, bytes) in run(&mut simulation, s(60)) {
        for sample in Datagram::parse(&bytes).unwrap().samples() {
            let Sample::Flow(sample) = sample else {
                continue;
            };
            assert_eq!(
                sample.source_id,
                DataSource::new(DataSourceKind::INTERFACE, 3)
            );
            let header = sample.find::<SampledHeader<'_>>().unwrap();
            let is_inbound = sample.input.if_index() == Some(3);
            assert_eq!(is_inbound, header.header[26..30] == [10, 0, 0, 254]);
            estimate[usize::from(is_inbound)] +=
                f64::from(sample.sampling_rate) * f64::from(header.frame_length - header.stripped);
            inbound += u32::from(is_inbound);
            samples += 1;
        }
    }
    assert!((32_000..40_000).contains(&samples), "{samples}");
    assert!((0.48..0.52).contains(&(f64::from(inbound) / f64::from(samples))));
    for (estimate, truth) in estimate.into_iter().zip([620.0, 380.0]) {
        let truth = truth * 3_000.0 * 60.0;
        assert!(
            (estimate / truth - 1.0).abs() < 0.03,
            "{estimate} for {truth}"
        );
    }
}

#[test]
fn packet_samples_are_bounded_and_what_is_over_is_counted() {
    let mut scenario = steady(3, 12_000.0);
    scenario.agents.most_samples = 20;
    let mut simulation = simulation(&scenario);
    let (mut samples, mut drops) = (0_u32, BTreeMap::new());
    for (_, bytes) in run(&mut simulation, s(30)) {
        let datagram = Datagram::parse(&bytes).unwrap();
        for sample in datagram.samples() {
            if let Sample::Flow(sample) = sample {
                samples += 1;
                drops.insert(datagram.header.agent_address, sample.drops);
            }
        }
    }
    // 40,000 packets/s on each of three hosts are a hundred samples per second.
    assert!((1_700..=3 * 20 * 31).contains(&samples), "{samples}");
    assert!(
        drops.values().all(|drops| (2_000..2_500).contains(drops)),
        "{drops:?}"
    );
}
