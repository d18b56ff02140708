use std::time::Duration;

use sflow_simulator::{
    Availability, ClusterSpec, Delay, Error, Event, Reservation, ServiceSpec, Simulation,
    TaskState, Workload,
};

use crate::{constant, count, minute, run, s, simulation, tasks};

#[test]
fn workload_is_shared_equally_by_running_tasks() {
    let mut simulation = simulation(&constant(4, 400.0));
    run(&mut simulation, s(5));
    let truth = simulation.truth("web").unwrap();
    assert_eq!((truth.replicas, truth.running), (4, 4));
    assert_eq!((truth.offered, truth.offered_bytes), (400.0, 400_000.0));
    assert_eq!(truth.bytes_per_task, Some(100_000.0));
    assert!((truth.cores_per_task.unwrap() - (100.0 * 80e-6 + 0.0002)).abs() < 1e-12);
    assert_eq!(
        (truth.overload_seconds, truth.unserved_requests),
        (0.0, 0.0)
    );

    simulation.scale("web", 8).unwrap();
    let truth = simulation.truth("web").unwrap();
    assert_eq!(
        (truth.replicas, truth.running),
        (8, 4),
        "starting needs time"
    );
    run(&mut simulation, s(10));
    let truth = simulation.truth("web").unwrap();
    assert_eq!(truth.bytes_per_task, Some(50_000.0));

    simulation.scale("web", 0).unwrap();
    run(&mut simulation, s(20));
    let truth = simulation.truth("web").unwrap();
    assert_eq!((truth.running, truth.bytes_per_task), (0, None));
    let unserved = truth.unserved_requests;
    assert!((unserved - 4_000.0).abs() < 1e-6, "{unserved}");
    assert_eq!(simulation.truth("other"), None);
}

#[test]
fn task_at_its_cpu_limit_serves_a_part_of_its_requests() {
    let mut cluster = constant(2, 1_000.0);
    cluster.services[0].cpu_limit = Some(0.02);
    let mut simulation = simulation(&cluster);
    run(&mut simulation, s(10));
    let truth = simulation.truth("web").unwrap();
    // Each of two tasks would need 500 × 80 µs = 4 % of a core.
    assert_eq!(truth.cores_per_task, Some(0.02));
    let overload = truth.overload_seconds;
    assert!((overload - 20.0).abs() < 1e-6, "{overload}");
    assert!((495.0..500.0).contains(&truth.served), "{}", truth.served);
    assert!((truth.unserved_requests - 10.0 * (1_000.0 - truth.served)).abs() < 1e-3);
}

#[test]
fn host_does_not_use_more_than_its_cores() {
    let mut cluster = constant(4, 100_000.0);
    cluster.hosts.truncate(1);
    let mut simulation = simulation(&cluster);
    let before = simulation.hosts().next().unwrap();
    run(&mut simulation, s(10));
    let host = simulation.hosts().next().unwrap();
    assert!((host.cores_used - 2.0).abs() < 1e-9);
    assert!((host.cpu_seconds - before.cpu_seconds - 20.0).abs() < 1e-6);
    let truth = simulation.truth("web").unwrap();
    assert!((truth.overload_seconds - 40.0).abs() < 1e-6);
    let served = truth.served;
    assert!((served - 1.99 / 80e-6).abs() < 20.0, "{served}");
}

#[test]
fn scaling_starts_and_stops_tasks_after_their_delays() {
    let mut simulation = simulation(&minute());
    assert_eq!(simulation.service("other"), None);
    assert_eq!(simulation.tasks("other").count(), 0);

    let before = simulation.service("web").unwrap();
    assert_eq!(
        (before.replicas, count(&simulation, TaskState::Running)),
        (1, 1)
    );
    assert!(tasks(&simulation)[0].age >= s(300));

    simulation.scale("web", 4).unwrap();
    let ordered = simulation.service("web").unwrap();
    assert!(ordered.version > before.version);
    assert_eq!((ordered.replicas, ordered.id), (4, before.id));
    assert_eq!(count(&simulation, TaskState::Running), 1);
    assert_eq!(count(&simulation, TaskState::Pending), 3);

    run(&mut simulation, s(2));
    assert_eq!(count(&simulation, TaskState::Running), 4);
    assert_eq!(simulation.service("web").unwrap().version, ordered.version);
    let mut hosts: Vec<_> = simulation
        .tasks("web")
        .filter_map(|task| task.host)
        .collect();
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts, ["node1", "node2", "node3"], "tasks are spread");
    for task in simulation.tasks("web") {
        let parts: Vec<_> = task.container.split('.').collect();
        let slot = task.slot.to_string();
        assert!(matches!(parts[..], ["web", number, id] if number == slot && id.len() == 25));
    }

    simulation.scale("web", 2).unwrap();
    let left = tasks(&simulation);
    assert_eq!(left.len(), 2, "tasks that are being stopped are not listed");
    assert_ne!(
        left[0].host, left[1].host,
        "the host with two tasks loses one first"
    );
    assert_eq!(
        simulation
            .hosts()
            .map(|host| host.tasks.len())
            .sum::<usize>(),
        3
    );
    run(&mut simulation, s(4));
    assert_eq!(
        simulation
            .hosts()
            .map(|host| host.tasks.len())
            .sum::<usize>(),
        2
    );
}

#[test]
fn pending_task_is_stopped_before_running_ones() {
    let mut simulation = simulation(&constant(2, 0.0));
    simulation.scale("web", 6).unwrap();
    simulation.scale("web", 3).unwrap();
    assert_eq!(count(&simulation, TaskState::Running), 2);
    assert_eq!(count(&simulation, TaskState::Pending), 1);
}

#[test]
fn invalid_changes_are_errors_and_change_nothing() {
    let mut simulation = simulation(&minute());
    let before = (simulation.service("web"), simulation.hosts().count());
    let error = simulation.scale("web2", 1).unwrap_err();
    assert_eq!(error.to_string(), "unknown service \"web2\"; known: web");
    let error = simulation.scale("web", 1_001).unwrap_err();
    assert_eq!(
        error.to_string(),
        "replicas is 1001; expected at most 1,000"
    );
    let drain = simulation.set_availability("node9", Availability::Drain);
    let error = drain.unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown host \"node9\"; known: node1, node2, node3"
    );
    assert!(simulation.remove_host("node9", Delay::NONE).is_err());
    let leave = Event::Leave {
        host: "node9".to_owned(),
    };
    assert!(simulation.schedule(s(5), leave).is_err());
    assert_eq!(
        (simulation.service("web"), simulation.hosts().count()),
        before
    );
}

/// Each task reserves one of two cores.
fn reserving(replicas: u32) -> ClusterSpec {
    let mut cluster = constant(replicas, 100.0);
    cluster.services[0].reservation = Reservation {
        cores: 1.0,
        memory: 0,
    };
    cluster
}

#[test]
fn task_without_resources_waits_for_a_host() {
    let mut simulation = simulation(&reserving(7));
    run(&mut simulation, s(5));
    assert_eq!(count(&simulation, TaskState::Running), 6);
    let waiting = simulation.tasks("web").find(|task| task.host.is_none());
    let waiting = waiting.unwrap();
    assert_eq!(waiting.state, TaskState::Pending);
    assert!(waiting.error.unwrap().contains("no suitable node"));

    let like = reserving(7).hosts[0].clone();
    let name = simulation.order_host(&like, Delay::millis(10_000, 20_000));
    assert_eq!(name.as_deref(), Ok("node4"));
    assert_eq!(
        simulation.order_host(&like, Delay::NONE).as_deref(),
        Ok("node5")
    );
    run(&mut simulation, s(30));
    assert_eq!(count(&simulation, TaskState::Running), 7);
    let addresses = simulation.hosts().map(|host| host.address.octets()[3]);
    assert_eq!(addresses.collect::<Vec<_>>(), [1, 2, 3, 5, 4]);
}

#[test]
fn drained_host_loses_its_tasks_and_can_be_removed() {
    let mut simulation = simulation(&reserving(3));
    let version = |simulation: &Simulation| simulation.hosts().next().unwrap().version;
    let before = version(&simulation);
    simulation
        .set_availability("node1", Availability::Drain)
        .unwrap();
    assert!(version(&simulation) > before);
    run(&mut simulation, s(5));
    let drained = simulation.hosts().next().unwrap();
    assert_eq!(drained.availability, Availability::Drain);
    assert!(drained.tasks.is_empty());
    assert_eq!(count(&simulation, TaskState::Running), 3);

    simulation
        .remove_host("node1", Delay::millis(5_000, 5_000))
        .unwrap();
    run(&mut simulation, s(9));
    assert_eq!(simulation.hosts().count(), 3);
    run(&mut simulation, s(11));
    assert_eq!(simulation.hosts().count(), 2);
    assert_eq!(count(&simulation, TaskState::Running), 3);
    let datagrams = run(&mut simulation, s(60));
    assert!(datagrams.iter().all(|(_, bytes)| {
        let agent = sflow_v5::Datagram::parse(bytes)
            .unwrap()
            .header
            .agent_address;
        agent != sflow_v5::Address::V4([10, 0, 0, 1])
    }));
}

#[test]
fn paused_host_keeps_its_tasks_and_gets_no_new_ones() {
    let mut simulation = simulation(&reserving(3));
    simulation
        .set_availability("node1", Availability::Pause)
        .unwrap();
    simulation.scale("web", 6).unwrap();
    run(&mut simulation, s(5));
    let tasks = |host: usize| simulation.hosts().nth(host).unwrap().tasks["web"];
    assert_eq!((tasks(0), tasks(1), tasks(2)), (1, 2, 2));
    assert_eq!(count(&simulation, TaskState::Pending), 1);
}

#[test]
fn tasks_of_a_lost_host_are_replaced_and_the_host_can_return() {
    let leave = Event::Leave {
        host: "node2".to_owned(),
    };
    let cluster = constant(3, 300.0).with_event(s(10), leave);
    let returning = cluster.hosts[1].clone();
    let cluster = cluster.with_event(s(30), Event::Join(returning));
    let mut simulation = simulation(&cluster);
    run(&mut simulation, s(20));
    let names: Vec<_> = simulation.hosts().map(|host| host.name).collect();
    assert_eq!(names, ["node1", "node3"]);
    assert_eq!(count(&simulation, TaskState::Running), 3);
    run(&mut simulation, s(40));
    let names: Vec<_> = simulation.hosts().map(|host| host.name).collect();
    assert_eq!(names, ["node1", "node3", "node2"]);
    // Events for a name concern the host that is in the cluster.
    let slow = Event::CpuSteal {
        host: "node2".to_owned(),
        fraction: 0.5,
    };
    simulation.schedule(s(41), slow).unwrap();
    run(&mut simulation, s(42));
}

#[test]
fn invalid_specifications_are_errors() {
    type Change = fn(&mut ClusterSpec);
    let cases: [(&str, Change); 14] = [
        ("a cluster needs at least one host", |it| it.hosts.clear()),
        (
            "host \"node9\": another host has the same name or address",
            |it| {
                let mut host = it.hosts[0].clone();
                host.name = "node9".to_owned();
                it.hosts.push(host);
            },
        ),
        (
            "service \"web\": another service has the same name or address",
            |it| it.services.push(it.services[0].clone()),
        ),
        (
            "host.name is 129 bytes long; expected 1 to 128 bytes",
            |it| {
                it.hosts[0].name = "x".repeat(129);
            },
        ),
        ("host.cores is 0; expected at least 1", |it| {
            it.hosts[0].cores = 0;
        }),
        (
            "service.name is 0 bytes long; expected 1 to 128 bytes",
            |it| {
                it.services[0].name.clear();
            },
        ),
        ("service.replicas is 1001; expected at most 1,000", |it| {
            it.services[0].replicas = 1_001;
        }),
        (
            "service.request.rx_packets is NaN; expected a number, at least 0",
            |it| it.services[0].request.rx_packets = f64::NAN,
        ),
        ("agents.polling is 0 s; expected a time above 0", |it| {
            it.agents.polling = Duration::ZERO;
        }),
        (
            "agents.max_datagram is 100; expected at least 1,024 bytes, which the sample of a \
             host needs",
            |it| it.agents.max_datagram = 100,
        ),
        (
            "network.loss is 1.5; expected a probability, 0 to 1",
            |it| it.network.loss = 1.5,
        ),
        (
            "ForeignTraffic.interval is 0 s; expected a time above 0",
            |it| {
                let event = Event::ForeignTraffic {
                    interval: Duration::ZERO,
                    duration: s(1),
                };
                *it = it.clone().with_event(s(1), event);
            },
        ),
        (
            "CpuSteal.fraction is 1; expected 0 or more, and less than 1",
            |it| {
                let event = Event::CpuSteal {
                    host: "node1".to_owned(),
                    fraction: 1.0,
                };
                *it = it.clone().with_event(s(1), event);
            },
        ),
        ("unknown host \"node4\"; known: node1, node2, node3", |it| {
            let event = Event::Leave {
                host: "node4".to_owned(),
            };
            *it = it.clone().with_event(s(1), event);
        }),
    ];
    for (message, change) in cases {
        let mut cluster = minute();
        change(&mut cluster);
        let error = Simulation::new(&cluster, 1).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn longest_names_and_smallest_datagrams_lose_no_sample() {
    let mut cluster = ClusterSpec::with_hosts(2);
    for (number, host) in cluster.hosts.iter_mut().enumerate() {
        host.name = format!("{number}{}", "x".repeat(127));
    }
    cluster.agents.max_datagram = 1_024;
    let name = "s".repeat(128);
    cluster
        .services
        .push(ServiceSpec::new(name.clone(), Workload::Constant(100.0)));
    let mut simulation = Simulation::new(&cluster, 1).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (_, bytes) in run(&mut simulation, s(30)) {
        for sample in crate::counters(&bytes) {
            let description = sample.find::<sflow_v5::counter::HostDescr<'_>>();
            names.extend(description.map(|it| it.hostname.to_string()));
        }
    }
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn events_with_extreme_times_do_not_overflow() {
    let mut cluster = constant(2, 100.0);
    let service = &mut cluster.services[0];
    service.start = Delay {
        min: Duration::MAX,
        max: Duration::MAX,
    };
    service.restart = service.start;
    service.mean_lifetime = Some(Duration::MAX);
    cluster.network.delay = Duration::MAX;
    cluster.network.reordering = 0.5;
    let cluster = cluster
        .with_event(
            s(1),
            Event::CrashLoop {
                service: "web".to_owned(),
                slot: 1,
                after: s(1),
                duration: Duration::MAX,
            },
        )
        .with_event(
            s(1),
            Event::Disconnect {
                host: "node1".to_owned(),
                duration: Duration::MAX,
            },
        )
        .with_event(
            s(1),
            Event::AgentRestart {
                host: "node2".to_owned(),
                downtime: Duration::MAX,
            },
        );
    let mut simulation = simulation(&cluster);
    simulation.scale("web", 3).unwrap();
    run(&mut simulation, s(60));
    assert_eq!(count(&simulation, TaskState::Running), 1);
    let error = simulation.schedule(
        s(90),
        Event::Crash {
            service: "other".to_owned(),
            slot: 1,
        },
    );
    assert!(matches!(error, Err(Error::Unknown { .. })));
}
