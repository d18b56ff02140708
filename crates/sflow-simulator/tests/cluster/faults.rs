//! Faults, and what agents report of containers that start and end.

use std::collections::BTreeSet;
use std::time::Duration;

use sflow_v5::Address;
use sflow_v5::counter::{HostDescr, VirtCpu, VirtMemory, VirtNetIo};
use sflow_v5::enums::DomainState;

use sflow_simulator::{Event, Simulation, TaskState, TaskStatus};
use sflow_v5::Datagram;

use crate::{
    bad_network, constant, count, counters, crash_loop, minute, run, s, simulation, tasks,
};

/// A counters sample of a container.
#[derive(Clone, Debug)]
struct Reading {
    at: Duration,
    name: String,
    sequence: u32,
    state: DomainState,
    cpu_time: u32,
    memory: u64,
    rx_bytes: u64,
}

fn readings(simulation: &mut Simulation, until: Duration) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (at, bytes) in run(simulation, until) {
        for sample in counters(&bytes) {
            let Some(cpu) = sample.find::<VirtCpu>() else {
                continue;
            };
            readings.push(Reading {
                at,
                name: sample.find::<HostDescr<'_>>().unwrap().hostname.to_string(),
                sequence: sample.sequence_number,
                state: cpu.state,
                cpu_time: cpu.cpu_time.0,
                memory: sample.find::<VirtMemory>().unwrap().memory.0,
                rx_bytes: sample.find::<VirtNetIo>().unwrap().rx_bytes.0,
            });
        }
    }
    readings
}

fn in_slot(simulation: &Simulation, slot: u32) -> TaskStatus {
    simulation
        .tasks("web")
        .find(|task| task.slot == slot)
        .unwrap()
}

#[test]
fn stopped_container_sends_a_last_sample_without_cpu_time() {
    let mut simulation = simulation(&constant(2, 1_000.0));
    run(&mut simulation, s(25));
    let before = tasks(&simulation);
    simulation.scale("web", 1).unwrap();
    let left = tasks(&simulation)[0].container.clone();
    let stopped = before.iter().find(|task| task.container != left).unwrap();
    let mut readings = readings(&mut simulation, s(60));
    readings.retain(|reading| reading.name == stopped.container);
    let last = readings.last().unwrap();
    assert!(last.at < s(27));
    assert_eq!((last.state, last.cpu_time), (DomainState::SHUT_OFF, 0));
    assert!(last.sequence >= 3, "the sequence continues");
    assert!(last.memory > 0 && last.rx_bytes > 0);
}

#[test]
fn crashed_container_sends_a_last_sample_of_zeros_and_is_replaced() {
    let crash = Event::Crash {
        service: "web".to_owned(),
        slot: 2,
    };
    let mut simulation = simulation(&constant(3, 900.0).with_event(s(25), crash));
    run(&mut simulation, s(24));
    let before = simulation.service("web");
    let crashed = in_slot(&simulation, 2);
    let mut last = readings(&mut simulation, s(26));
    last.retain(|reading| reading.name == crashed.container);
    let last = last.last().unwrap();
    assert_eq!((last.sequence, last.state), (1, DomainState::SHUTDOWN));
    assert_eq!((last.cpu_time, last.memory, last.rx_bytes), (0, 0, 0));

    assert_eq!(
        simulation.service("web"),
        before,
        "a crash changes no specification"
    );
    let replacement = in_slot(&simulation, 2);
    assert_ne!(replacement.container, crashed.container);
    assert_eq!(replacement.state, TaskState::Pending);
    assert_eq!(
        replacement.error.as_deref(),
        Some("task: non-zero exit (1)")
    );
    let truth = simulation.truth("web").unwrap();
    assert_eq!(truth.bytes_per_task, Some(450_000.0));

    let readings = readings(&mut simulation, s(34));
    let first = readings.iter().find(|it| it.name == replacement.container);
    let first = first.unwrap();
    assert_eq!((first.sequence, first.state), (1, DomainState::RUNNING));
    assert!(first.at > s(30) && first.at < s(33), "{:?}", first.at);
    assert_eq!(count(&simulation, TaskState::Running), 3);
}

#[test]
fn crash_loop_replaces_the_task_each_time() {
    let mut simulation = simulation(&crash_loop(3));
    let readings = readings(&mut simulation, s(120));
    let names: BTreeSet<_> = readings.iter().map(|reading| &reading.name).collect();
    let in_loop = names
        .iter()
        .filter(|name| name.starts_with("web.3."))
        .count();
    assert!((10..=13).contains(&in_loop), "{in_loop}");
    assert_eq!(names.len() - in_loop, 2);
}

#[test]
fn tasks_crash_after_their_mean_lifetime() {
    let mut cluster = constant(10, 0.0);
    cluster.services[0].mean_lifetime = Some(s(60));
    let mut simulation = simulation(&cluster);
    let readings = readings(&mut simulation, s(600));
    let crashes = readings.iter();
    let crashes = { crashes }.filter(|reading| reading.state == DomainState::SHUTDOWN);
    let crashes = crashes.count();
    assert!((60..120).contains(&crashes), "{crashes}");
}

#[test]
fn another_client_can_scale() {
    let scale = Event::Scale {
        service: "web".to_owned(),
        replicas: 4,
    };
    let mut simulation = simulation(&minute().with_event(s(5), scale));
    let before = simulation.service("web").unwrap();
    run(&mut simulation, s(6));
    let after = simulation.service("web").unwrap();
    assert!(after.version > before.version);
    assert_eq!(after.replicas, 4);
}

#[test]
fn disconnected_agent_leaves_a_gap_and_restarted_agent_begins_again() {
    let cluster = constant(6, 450.0)
        .with_event(
            s(60),
            Event::Disconnect {
                host: "node2".to_owned(),
                duration: s(60),
            },
        )
        .with_event(
            s(180),
            Event::AgentRestart {
                host: "node3".to_owned(),
                downtime: s(3),
            },
        );
    let mut simulation = simulation(&cluster);
    let mut agents = [Vec::new(), Vec::new(), Vec::new()];
    for (at, bytes) in run(&mut simulation, s(240)) {
        let header = Datagram::parse(&bytes).unwrap().header;
        let Address::V4([.., number]) = header.agent_address else {
            panic!("{header:?}");
        };
        agents[usize::from(number) - 1].push((at, header.sequence_number, header.uptime));
    }
    let [steady, disconnected, restarted] = agents;
    assert!(steady.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));

    assert!(
        disconnected
            .iter()
            .all(|(at, ..)| *at < s(60) || *at >= s(120))
    );
    let pairs = disconnected.windows(2);
    let lost: u32 = pairs.map(|pair| pair[1].1 - pair[0].1 - 1).sum();
    assert!(lost > 10, "{lost}");
    assert_eq!(u64::from(lost), simulation.stats().lost);
    let mut pairs = disconnected.windows(2);
    assert!(
        pairs.all(|pair| pair[1].2 > pair[0].2),
        "the agent did not restart"
    );

    let again = restarted.iter().position(|(at, ..)| *at > s(180)).unwrap();
    let (at, sequence, uptime) = restarted[again];
    assert_eq!(sequence, 1);
    assert!(at >= s(183) && uptime < 1_000, "{at:?} {uptime}");
    assert!(restarted[again - 1].1 > 10);
}

#[test]
fn network_loses_duplicates_and_reorders_datagrams() {
    let mut simulation = simulation(&bad_network());
    let (mut sflow, mut foreign) = (0, 0);
    let (mut last, mut late) = ([0; 4], 0);
    simulation.advance(s(130), |delivery| {
        if delivery.source.ip().to_string() == "192.0.2.66" {
            foreign += 1;
            return;
        }
        sflow += 1;
        let header = Datagram::parse(delivery.bytes).unwrap().header;
        let Address::V4([.., number]) = header.agent_address else {
            panic!("{header:?}");
        };
        let last = &mut last[usize::from(number)];
        late += u64::from(header.sequence_number < *last);
        *last = header.sequence_number.max(*last);
    });
    let stats = simulation.stats();
    assert_eq!(sflow, stats.datagrams - stats.lost + stats.duplicated);
    assert_eq!((foreign, stats.foreign), (250, 250));
    let share = |count: u64| count as f64 / stats.datagrams as f64;
    assert!((0.02..0.09).contains(&share(stats.lost)), "{stats:?}");
    assert!((0.02..0.09).contains(&share(stats.duplicated)), "{stats:?}");
    assert!((0.06..0.15).contains(&share(stats.delayed)), "{stats:?}");
    assert!(late > stats.delayed / 2, "{late}");
}

#[test]
fn stolen_cpu_time_is_missing_and_slow_host_needs_more() {
    let cpu = |event: Event| {
        let mut cluster = constant(1, 20_000.0).with_event(s(10), event);
        cluster.hosts.truncate(1);
        let mut simulation = simulation(&cluster);
        run(&mut simulation, s(10));
        run(&mut simulation, s(20));
        simulation.truth("web").unwrap()
    };
    let host = || "node1".to_owned();
    // 20,000 requests need 1.6 of two cores.
    let stolen = cpu(Event::CpuSteal {
        host: host(),
        fraction: 0.5,
    });
    let cores = stolen.cores_per_task.unwrap();
    assert!((cores - 0.99).abs() < 1e-9, "{cores}");
    assert!(stolen.served < 13_000.0 && stolen.overload_seconds > 9.0);
    let slow = cpu(Event::Slowdown {
        host: host(),
        factor: 1.2,
    });
    let cores = slow.cores_per_task.unwrap();
    assert!((cores - 1.92).abs() < 0.001, "{cores}");
    assert_eq!(slow.served, 20_000.0);
}
