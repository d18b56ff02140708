//! Datagrams of the agents, compared with the real state of the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use sflow_v5::counter::{
    HostCpu, HostDescr, HostNetIo, IfCounters, VirtCpu, VirtMemory, VirtNetIo, VirtNode,
};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::{Address, DataSource};

use sflow_simulator::{ClusterSpec, Usage};
use sflow_v5::{CounterRecord, Datagram, Sample};

use crate::{constant, counters, crash_loop, minute, run, s, simulation};

/// Agents that send at once, so that samples agree with the state at the time of arrival.
fn without_delay(mut cluster: ClusterSpec) -> ClusterSpec {
    cluster.agents.max_delay = Duration::ZERO;
    cluster
}

#[test]
fn datagrams_are_valid_and_contain_only_known_records() {
    for cluster in [minute(), crash_loop(3), constant(20, 5_000.0)] {
        let arrived = run(&mut simulation(&cluster), s(130));
        assert!(arrived.len() > 100, "{}", arrived.len());
        for (_, bytes) in &arrived {
            assert!(bytes.len() <= 1_400);
            let datagram = Datagram::parse(bytes).unwrap();
            datagram.validate().unwrap();
            assert_eq!(datagram.header.sub_agent_id, 100_000);
            assert!(matches!(
                datagram.header.agent_address,
                Address::V4([10, 0, 0, 1..=3])
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
fn records_are_in_the_order_of_host_sflow() {
    let arrived = run(&mut simulation(&minute()), s(30));
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
fn sequence_numbers_have_no_gaps_and_uptime_is_the_time_of_arrival() {
    let mut simulation = simulation(&crash_loop(4));
    let mut datagrams: BTreeMap<Address, u32> = BTreeMap::new();
    let mut sources: BTreeMap<(Address, DataSource), u32> = BTreeMap::new();
    let mut flows: BTreeMap<Address, (u32, u32)> = BTreeMap::new();
    for (at, bytes) in run(&mut simulation, s(300)) {
        let datagram = Datagram::parse(&bytes).unwrap();
        let agent = datagram.header.agent_address;
        let sequence = datagrams.entry(agent).or_default();
        *sequence += 1;
        assert_eq!(datagram.header.sequence_number, *sequence);
        assert_eq!(u128::from(datagram.header.uptime), at.as_millis());
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
fn counters_of_containers_are_their_usage() {
    let mut simulation = simulation(&without_delay(minute()));
    simulation.scale("web", 5).unwrap();
    let mut last: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    let mut checked = 0;
    while simulation.now() < s(120) {
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
                let mut tasks = simulation.tasks("web");
                let task = tasks.find(|task| task.container == name).unwrap();
                assert_eq!(identity.uuid.0, task.uuid);
                assert_eq!(cpu.cpu_time.0, (task.usage.cpu_seconds * 1e3) as u32);
                assert_eq!(cpu.state, DomainState::RUNNING);
                assert_eq!(net.rx_bytes.0, task.usage.rx_bytes as u64);
                assert_eq!(net.tx_bytes.0, task.usage.tx_bytes as u64);
                assert_eq!(net.rx_packets.0, task.usage.rx_packets as u32);
                assert_eq!(net.tx_packets.0, task.usage.tx_packets as u32);
                let memory = sample.find::<VirtMemory>().unwrap();
                assert_eq!(memory.memory.0, task.usage.memory as u64);
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
        "the containers received the load: {total}"
    );
}

#[test]
fn counters_of_hosts_are_the_usage_of_their_containers_and_their_own() {
    let mut simulation = simulation(&without_delay(constant(5, 20_000.0)));
    let start: Vec<_> = simulation.hosts().collect();
    let mut uptime_at_start = [None; 3];
    let mut checked = 0;
    while simulation.now() < s(60) {
        let due = simulation.next_due();
        let mut arrived = Vec::new();
        simulation.advance(due, |delivery| arrived.push(delivery.bytes.to_vec()));
        for bytes in arrived {
            let Address::V4([.., last]) = Datagram::parse(&bytes).unwrap().header.agent_address
            else {
                panic!("not IPv4");
            };
            let position = usize::from(last) - 1;
            let host = simulation.hosts().nth(position).unwrap();
            let tasks: Vec<_> = simulation
                .tasks("web")
                .filter(|task| task.host.as_ref() == Some(&host.name))
                .collect();
            let used =
                |of: fn(&Usage) -> f64| -> f64 { tasks.iter().map(|task| of(&task.usage)).sum() };
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
                let elapsed = simulation.now().as_secs_f64();
                let own = 0.01 * elapsed;
                let busy = host.cpu_seconds - start[position].cpu_seconds;
                assert!((busy - used(|used| used.cpu_seconds) - own).abs() < 1e-6);
                let busy = [cpu.cpu_user, cpu.cpu_system, cpu.cpu_sintr];
                let busy: f64 = busy.iter().map(|part| f64::from(part.0)).sum();
                let wrapped = (host.cpu_seconds * 1e3) % 2_f64.powi(32);
                assert!((busy - wrapped).abs() <= 30.0, "{busy} {wrapped}");
                // All processor time is counted once, as busy or idle.
                let total = busy + f64::from(cpu.cpu_idle.0);
                let at_start = total - 2e3 * elapsed;
                let first = *uptime_at_start[position].get_or_insert(at_start);
                assert!((at_start - first).abs() <= 80.0, "{at_start} {first}");
                let node = sample.find::<VirtNode>().unwrap();
                assert_eq!(node.num_domains.0 as usize, tasks.len());
                let net = sample.find::<HostNetIo>().unwrap();
                assert!(net.bytes_in.0 as f64 > used(|used| used.rx_bytes + used.tx_bytes));
                checked += 1;
            }
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn each_source_is_read_once_per_polling_interval() {
    let mut simulation = simulation(&constant(6, 100.0));
    let mut times: BTreeMap<(Address, DataSource), Vec<Duration>> = BTreeMap::new();
    for (at, bytes) in run(&mut simulation, s(300)) {
        let agent = Datagram::parse(&bytes).unwrap().header.agent_address;
        for sample in counters(&bytes) {
            times.entry((agent, sample.source_id)).or_default().push(at);
        }
    }
    assert_eq!(times.len(), 3 * 3 + 6);
    let mut phases = Vec::new();
    for ((_, source), times) in &times {
        // The first reading of a container is at once, the others have a phase of their own.
        let is_container = source.kind == DataSourceKind::LOGICAL;
        assert!(
            (29..=31).contains(&times.len()),
            "{source}: {}",
            times.len()
        );
        assert!(!is_container || times[0] < Duration::from_millis(300));
        let planned = if is_container {
            &times[1..]
        } else {
            &times[..]
        };
        for pair in planned.windows(2) {
            let gap = (pair[1] - pair[0]).as_secs_f64();
            assert!((9.75..10.25).contains(&gap), "{source}: {gap}");
        }
        phases.push(planned[0].as_millis());
    }
    phases.sort_unstable();
    phases.dedup();
    assert!(phases.len() > 8, "{phases:?}");
}

#[test]
fn packet_samples_agree_with_counters() {
    let mut cluster = constant(3, 3_000.0);
    cluster.agents.sampling = 50;
    cluster.agents.max_samples = 1_000_000;
    let mut simulation = simulation(&cluster);
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
fn packet_samples_above_the_limit_are_counted_as_drops() {
    let mut cluster = constant(3, 12_000.0);
    cluster.agents.max_samples = 20;
    let mut simulation = simulation(&cluster);
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
    // 40,000 packets/s on each of three hosts: 100 samples/s without the limit.
    assert!((1_700..=3 * 20 * 31).contains(&samples), "{samples}");
    assert!(
        drops.values().all(|drops| (2_000..2_500).contains(drops)),
        "{drops:?}"
    );
}
