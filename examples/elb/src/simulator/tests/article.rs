//! The article's own rule, on what the datagrams say: the simulated cluster must behave as the
//! real one did.

use std::collections::BTreeMap;

use sflow_v5::counter::{HostDescr, VirtCpu, VirtNetIo};
use sflow_v5::enums::DomainState;

use super::*;

/// One container as the rule knows it: uptime of its agent and bytes counted, and the rate.
#[derive(Default)]
struct Known {
    last: Option<(u32, u64)>,
    rate: Option<f64>,
}

/// Every two seconds, if as many containers are known as are wanted: one more above 100 kB/s
/// on average, one fewer below 50 kB/s. Returns when it set which number.
fn follow_the_rule(seed: u64) -> Vec<(u64, u32)> {
    let scenario = article();
    let mut simulation = Simulation::new(&scenario, seed, START).unwrap();
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let mut set = Vec::new();
    for second in (2..=scenario.duration.as_secs()).step_by(2) {
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
        let service = apache(&mut simulation);
        let Scaling::Replicated { replicas } = service.scaling else {
            panic!()
        };
        if rates.len() != replicas as usize {
            continue;
        }
        let mean = rates.iter().sum::<f64>() / f64::from(replicas);
        let wish = match mean {
            _ if replicas < 10 && mean > 100_000.0 => replicas + 1,
            _ if replicas > 1 && mean < 50_000.0 => replicas - 1,
            _ => continue,
        };
        ready(simulation.scale(&service, wish)).unwrap();
        set.push((second, wish));
    }
    set
}

#[test]
fn the_rule_of_the_article_grows_under_load_and_shrinks_after_it() {
    for seed in 1..=20 {
        let set = follow_the_rule(seed);
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
