//! A rule with two thresholds, on the counters of the datagrams.

use std::collections::BTreeMap;

use sflow_v5::counter::{HostDescr, VirtCpu, VirtNetIo};
use sflow_v5::enums::DomainState;

use sflow_simulator::Simulation;
use sflow_v5::Datagram;

use crate::{counters, minute, run, s};

/// The last reading of a container, as uptime of its agent and bytes, and the rate before it.
#[derive(Default)]
struct Container {
    last: Option<(u32, u64)>,
    rate: Option<f64>,
}

/// Every two seconds, if as many containers are known as desired: one more above 100 kB/s on
/// average, one fewer below 50 kB/s. Returns times and numbers.
fn scale_by_two_thresholds(seed: u64) -> Vec<(u64, u32)> {
    let mut simulation = Simulation::new(&minute(), seed).unwrap();
    let mut known: BTreeMap<String, Container> = BTreeMap::new();
    let mut set = Vec::new();
    for second in (2..=130).step_by(2) {
        for (_, bytes) in run(&mut simulation, s(second)) {
            let uptime = Datagram::parse(&bytes).unwrap().header.uptime;
            for sample in counters(&bytes) {
                let Some(cpu) = sample.find::<VirtCpu>() else {
                    continue;
                };
                let name = sample.find::<HostDescr<'_>>().unwrap().hostname.to_string();
                if cpu.state != DomainState::RUNNING {
                    known.remove(&name);
                    continue;
                }
                let net = sample.find::<VirtNetIo>().unwrap();
                let bytes = net.rx_bytes.0 + net.tx_bytes.0;
                let container = known.entry(name).or_default();
                if let Some((then, before)) = container.last.replace((uptime, bytes)) {
                    let seconds = f64::from(uptime - then) / 1e3;
                    container.rate = Some((bytes - before) as f64 / seconds);
                }
            }
        }
        let rates: Vec<f64> = known
            .values()
            .filter_map(|container| container.rate)
            .collect();
        let replicas = simulation.service("web").unwrap().replicas;
        if rates.len() != replicas as usize {
            continue;
        }
        let mean = rates.iter().sum::<f64>() / f64::from(replicas);
        let desired = match mean {
            _ if replicas < 10 && mean > 100_000.0 => replicas + 1,
            _ if replicas > 1 && mean < 50_000.0 => replicas - 1,
            _ => continue,
        };
        simulation.scale("web", desired).unwrap();
        set.push((second, desired));
    }
    set
}

#[test]
fn two_thresholds_grow_under_load_and_shrink_after_it() {
    for seed in 1..=20 {
        let set = scale_by_two_thresholds(seed);
        let most = set.iter().map(|(_, replicas)| *replicas).max().unwrap();
        assert!((7..=10).contains(&most), "seed {seed}: {set:?}");
        assert!(
            set.first().is_some_and(|(at, _)| (10..=24).contains(at)),
            "seed {seed}: {set:?}"
        );
        assert_eq!(
            set.last().map(|(_, replicas)| *replicas),
            Some(1),
            "seed {seed}: {set:?}"
        );
    }
}
