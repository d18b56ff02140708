use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use sflow_simulator::{ClusterSpec, Event, Simulation, Workload};

use crate::{bad_network, cluster, crash_loop, run, s, simulation};

const END: Duration = s(130);

/// A cluster with everything that can happen.
fn eventful() -> ClusterSpec {
    let workload = Workload::Noise {
        workload: Box::new(Workload::Sine {
            mean: 500.0,
            amplitude: 300.0,
            period: s(60),
        }),
        fraction: 0.2,
        interval: s(5),
        seed: 1,
    };
    let mut cluster = cluster(4, workload);
    cluster.services[0].mean_lifetime = Some(s(60));
    let mut joining = cluster.hosts[0].clone();
    (joining.name, joining.address) = ("node4".to_owned(), [10, 0, 0, 4].into());
    let host = |host: &str| host.to_owned();
    cluster
        .with_event(s(10), Event::Join(joining))
        .with_event(
            s(20),
            Event::AgentRestart {
                host: host("node1"),
                downtime: s(2),
            },
        )
        .with_event(
            s(30),
            Event::Scale {
                service: "web".to_owned(),
                replicas: 7,
            },
        )
        .with_event(
            s(40),
            Event::CpuSteal {
                host: host("node2"),
                fraction: 0.5,
            },
        )
        .with_event(
            s(50),
            Event::Leave {
                host: host("node3"),
            },
        )
}

fn fingerprint(cluster: &ClusterSpec, seed: u64, step: Duration) -> u64 {
    let mut simulation = Simulation::new(cluster, seed).unwrap();
    let mut hasher = DefaultHasher::new();
    while simulation.now() < END {
        let to = (simulation.now() + step).min(END);
        simulation.advance(to, |delivery| {
            (delivery.at, delivery.source, delivery.bytes).hash(&mut hasher);
        });
    }
    simulation.stats().datagrams.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn same_seed_gives_same_datagrams_however_time_is_divided() {
    for (name, cluster) in [
        ("bad network", bad_network()),
        ("crash loop", crash_loop(3)),
        ("eventful", eventful()),
    ] {
        let once = fingerprint(&cluster, 7, END);
        assert_eq!(once, fingerprint(&cluster, 7, END), "{name}");
        let steps = fingerprint(&cluster, 7, Duration::from_millis(137));
        assert_eq!(once, steps, "{name}");
        assert_ne!(once, fingerprint(&cluster, 8, END), "{name}");
    }
}

#[test]
fn clone_continues_independently() {
    let mut original = simulation(&bad_network());
    run(&mut original, s(60));
    let mut clone = original.clone();
    let rest = run(&mut original, END);
    clone.scale("web", 0).unwrap();
    assert_ne!(run(&mut clone.clone(), END), rest);
    assert_eq!(clone.now(), s(60));
}

#[test]
fn nothing_happens_before_next_due() {
    let mut simulation = simulation(&bad_network());
    let mut last = Duration::ZERO;
    let mut steps = 0;
    while simulation.now() < END {
        let due = simulation.next_due();
        assert!(steps == 0 || due > last, "no progress at {due:?}");
        let before = due.saturating_sub(Duration::from_nanos(1));
        if before < due {
            simulation.advance(before, |_| panic!("before it is due"));
        }
        simulation.advance(due, |delivery| assert_eq!(delivery.at, due));
        assert_eq!(simulation.now(), due);
        (last, steps) = (due, steps + 1);
    }
    // More than the ticks, and not many more.
    assert!((1_300..20_000).contains(&steps), "{steps}");
}

#[test]
fn advancing_to_an_earlier_time_does_nothing() {
    let mut simulation = simulation(&bad_network());
    run(&mut simulation, s(60));
    simulation.advance(s(30), |_| panic!("nothing is due"));
    assert_eq!(simulation.now(), s(60));
}
