//! What goes wrong by the script, and what agents say of containers that come and go.

use std::collections::BTreeSet;

use sflow_v5::Address;
use sflow_v5::counter::{HostDescr, VirtCpu, VirtMemory, VirtNetIo};
use sflow_v5::enums::DomainState;

use super::*;

/// A container sample: when, name, sequence, state, CPU time, memory, bytes in.
type Seen = (Duration, String, u32, DomainState, u32, u64, u64);

fn containers(simulation: &mut Simulation, until: Duration) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (at, bytes) in run(simulation, until) {
        for sample in counters(&bytes) {
            let Some(cpu) = sample.find::<VirtCpu>() else {
                continue;
            };
            seen.push((
                at - START,
                sample.find::<HostDescr<'_>>().unwrap().hostname.to_string(),
                sample.sequence_number,
                cpu.state,
                cpu.cpu_time.0,
                sample.find::<VirtMemory>().unwrap().memory.0,
                sample.find::<VirtNetIo>().unwrap().rx_bytes.0,
            ));
        }
    }
    seen
}

#[test]
fn a_container_that_is_stopped_says_so() {
    let mut simulation = simulation(&steady(2, 1_000.0));
    run(&mut simulation, s(25));
    let before = apache(&mut simulation);
    ready(simulation.scale(&before, 1)).unwrap();
    let left = apache(&mut simulation).tasks[0].container.clone();
    let stopped = before
        .tasks
        .iter()
        .find(|task| task.container != left)
        .unwrap();
    let mut seen = containers(&mut simulation, s(60));
    seen.retain(|(_, name, ..)| *name == stopped.container);
    let (at, _, sequence, state, cpu, memory, rx) = seen.last().unwrap().clone();
    assert!(at < s(27));
    assert_eq!((state, cpu), (DomainState::SHUT_OFF, 0));
    assert!(sequence >= 3, "the sequence goes on");
    assert!(
        memory > 0 && rx > 0,
        "what else was counted is told once more"
    );
}

#[test]
fn a_container_that_crashes_says_so_and_is_replaced() {
    let crash = Event::Crash {
        service: "apache".to_owned(),
        slot: 2,
    };
    let mut simulation = simulation(&steady(3, 900.0).with(s(25), crash));
    run(&mut simulation, s(24));
    let before = apache(&mut simulation);
    let victim = before
        .tasks
        .iter()
        .find(|task| task.container.starts_with("apache.2."))
        .unwrap();
    let mut last = containers(&mut simulation, s(26));
    last.retain(|(_, name, ..)| *name == victim.container);
    let (_, _, sequence, state, cpu, memory, rx) = last.last().unwrap().clone();
    assert_eq!((sequence, state), (1, DomainState::SHUTDOWN));
    assert_eq!((cpu, memory, rx), (0, 0, 0));

    let down = apache(&mut simulation);
    assert_eq!(down.scaling, Scaling::Replicated { replicas: 3 });
    assert_eq!(
        down.version, before.version,
        "a crash changes no specification"
    );
    let replacement = down
        .tasks
        .iter()
        .find(|task| task.container.starts_with("apache.2."))
        .unwrap();
    assert_ne!(replacement.container, victim.container);
    assert_eq!(replacement.state, TaskState::Pending);
    assert_eq!(
        replacement.error.as_deref(),
        Some("task: non-zero exit (1)")
    );
    assert_eq!(
        simulation.truth("apache").unwrap().bytes_per_task,
        Some(450_000.0)
    );

    let seen = containers(&mut simulation, s(34));
    let first = seen
        .iter()
        .find(|(_, name, ..)| *name == replacement.container)
        .unwrap();
    assert_eq!((first.2, first.3), (1, DomainState::RUNNING));
    assert!(first.0 > s(30) && first.0 < s(33), "{:?}", first.0);
    assert_eq!(apache(&mut simulation).running(), 3);
}

#[test]
fn a_crash_loop_goes_on_with_a_new_task_each_time() {
    let scenario = Scenario::named("crash-loop").unwrap();
    let mut simulation = simulation(&scenario);
    let service = apache(&mut simulation);
    ready(simulation.scale(&service, 3)).unwrap();
    let seen = containers(&mut simulation, s(120));
    let looping: BTreeSet<_> = seen
        .iter()
        .map(|seen| &seen.1)
        .filter(|name| name.starts_with("apache.3."))
        .collect();
    assert!((10..=13).contains(&looping.len()), "{}", looping.len());
    let others: BTreeSet<_> = seen.iter().map(|seen| &seen.1).collect();
    assert_eq!(others.len() - looping.len(), 2);
}

#[test]
fn tasks_with_a_mean_life_die_of_old_age() {
    let mut scenario = steady(10, 0.0);
    scenario.services[0].mean_life = Some(s(60));
    let mut simulation = simulation(&scenario);
    let seen = containers(&mut simulation, s(600));
    let died = seen
        .iter()
        .filter(|seen| seen.3 == DomainState::SHUTDOWN)
        .count();
    assert!((60..120).contains(&died), "{died}");
}

#[test]
fn somebody_else_scales_and_the_version_tells() {
    let by_hand = Event::Scale {
        service: "apache".to_owned(),
        replicas: 4,
    };
    let mut simulation = simulation(&article().with(s(5), by_hand));
    let before = apache(&mut simulation);
    run(&mut simulation, s(6));
    assert_eq!(
        ready(simulation.scale(&before, 2)),
        Err(OrchestratorError::Conflict)
    );
    assert_eq!(
        apache(&mut simulation).scaling,
        Scaling::Replicated { replicas: 4 }
    );
}

#[test]
fn a_silent_agent_leaves_a_gap_and_a_restarted_one_begins_again() {
    let scenario = Scenario::named("silent-agent").unwrap();
    let mut simulation = simulation(&scenario);
    let mut of = [Vec::new(), Vec::new(), Vec::new()];
    for (at, bytes) in run(&mut simulation, scenario.duration) {
        let header = Datagram::parse(&bytes).unwrap().header;
        let Address::V4([.., number]) = header.agent_address else {
            panic!()
        };
        of[usize::from(number) - 1].push((at - START, header.sequence_number, header.uptime));
    }
    let [steady, silent, restarted] = of;
    assert!(steady.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));

    assert!(silent.iter().all(|(at, ..)| *at < s(60) || *at >= s(120)));
    let lost: u32 = silent
        .windows(2)
        .map(|pair| pair[1].1 - pair[0].1 - 1)
        .sum();
    assert!(lost > 10, "{lost}");
    assert_eq!(u64::from(lost), simulation.sent().lost);
    assert!(
        silent.windows(2).all(|pair| pair[1].2 > pair[0].2),
        "it ran all the time"
    );

    let again = restarted.iter().position(|(at, ..)| *at > s(180)).unwrap();
    let (at, sequence, uptime) = restarted[again];
    assert_eq!(sequence, 1);
    assert!(at >= s(183) && uptime < 1_000, "{at:?} {uptime}");
    assert!(restarted[again - 1].1 > 10);
}

#[test]
fn the_network_loses_doubles_and_reorders() {
    let scenario = Scenario::named("bad-network").unwrap();
    let mut simulation = simulation(&scenario);
    let (mut agents, mut strangers, mut real) = (0, 0, 0);
    let (mut last, mut late) = ([0; 4], 0);
    simulation.advance(START + scenario.duration, |delivery| {
        if delivery.source.to_string() == "192.0.2.66" {
            strangers += 1;
            return;
        }
        agents += 1;
        let header = Datagram::parse(delivery.bytes).unwrap().header;
        let Address::V4([.., number]) = header.agent_address else {
            panic!()
        };
        let last = &mut last[usize::from(number)];
        late += u64::from(header.sequence_number < *last);
        *last = header.sequence_number.max(*last);
        real += 1;
    });
    let sent = simulation.sent();
    assert_eq!(agents, sent.datagrams - sent.lost + sent.duplicated);
    assert_eq!(strangers, 250);
    assert_eq!((strangers, real), (sent.strangers, agents));
    let share = |count: u64| count as f64 / sent.datagrams as f64;
    assert!((0.02..0.09).contains(&share(sent.lost)), "{sent:?}");
    assert!((0.02..0.09).contains(&share(sent.duplicated)), "{sent:?}");
    assert!((0.06..0.15).contains(&share(sent.delayed)), "{sent:?}");
    assert!(late > sent.delayed / 2, "{late}");
}

#[test]
fn what_a_script_names_must_exist() {
    let typo = article().with(
        s(1),
        Event::Crash {
            service: "apache2".to_owned(),
            slot: 1,
        },
    );
    let error = Simulation::new(&typo, 1, START).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no service \"apache2\"; known: apache"
    );
}
