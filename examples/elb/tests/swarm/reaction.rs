//! Reaction time to a step in load, from its first packet to the request to the engine, with
//! counters alone and with packet samples.
//!
//! `ELB_REACTIONS=8` makes eight steps for figures; without it the test makes one.

use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS, reasons};
use crate::lab::Lab;
use crate::load::Load;
use crate::service::Service;
use crate::wait::{seconds, until};

/// Requests per second before the step (80 % of the target of four replicas) and after it.
const BEFORE: u64 = 29;
const AFTER: u64 = 116;

#[test]
fn load_step_is_answered_within_seconds() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let steps = std::env::var("ELB_REACTIONS").map_or(1, |text| text.parse().expect("a number"));
    let services = [("samples", true), ("counters", false)]
        .map(|(name, fast)| (lab.create(&lab.web(name, 4)), fast));
    let [samples, counters] = services.each_ref().map(|(service, _)| service);
    let mut config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}min = 4\nmax = 24\n\
         [defaults.down]\nstabilise = \"5s\"\n"
    );
    for (service, fast) in &services {
        let name = &service.name;
        config += &format!("[[service]]\nname = \"{name}\"\n[service.policy]\nfast = {fast}\n");
    }
    let balancer = Balancer::start(&[1], &config);
    // Polling every 10 s. Few requests make few packets, so that the sampling rate is high: as many
    // samples per second as with 1 of 400 on a busy service.
    let nodes = lab.nodes().into_iter();
    let _agents: Vec<Agent> = nodes
        .map(|node| Agent::with(&lab, node, &[balancer.port], "10s", 4))
        .collect();
    samples.wait_running(4);
    counters.wait_running(4);
    let mut reactions = [Vec::new(), Vec::new()];
    Load::during(&lab, samples, BEFORE, |to_samples| {
        Load::during(&lab, counters, BEFORE, |to_counters| {
            let is_used = || {
                let service = balancer.service(&samples.name);
                let fast = service["last"]["inputs"][0]["fast"]["value"].as_f64()?;
                // Counters and samples agree.
                let slow = service["last"]["inputs"][0]["value"].as_f64()?;
                (0.5..2.0).contains(&(fast / slow)).then_some(())
            };
            until("samples are used", seconds(120), is_used);
            let packets = "sum:vir_pkts_in+vir_pkts_out";
            let packets = format!("{packets}{{vir_host_name={}.*}}", samples.name);
            println!("packets per second: {:?}", balancer.query(&packets)[0]);
            for turn in 0..steps {
                // Steps at different times in the polling interval.
                sleep(Duration::from_millis(1_300 * turn));
                let last = balancer.get("/api/v1/decisions?limit=1")["last"]
                    .as_u64()
                    .unwrap();
                let begun = Timestamp::now();
                to_samples.set(AFTER);
                to_counters.set(AFTER);
                for (reactions, (service, _)) in reactions.iter_mut().zip(&services) {
                    let answered = until("it grows", seconds(60), || changed(service));
                    reactions.push(answered.duration_since(begun).as_secs_f64());
                }
                let [first, other] = [samples, counters].map(|service| {
                    let path = format!("/api/v1/decisions?after={last}&service={}", service.name);
                    let decisions = balancer.get(&path)["decisions"].clone();
                    let mut decisions = decisions.as_array().unwrap().iter();
                    reasons(decisions.find(|it| it["outcome"] == "done").unwrap())
                });
                assert!(first.contains(&"fast_signal".to_owned()), "{first:?}");
                assert!(!other.contains(&"fast_signal".to_owned()), "{other:?}");
                to_samples.set(BEFORE);
                to_counters.set(BEFORE);
                until("the peak is over", seconds(120), || {
                    (samples.replicas() == 4 && counters.replicas() == 4).then_some(())
                });
                if turn + 1 < steps {
                    sleep(seconds(20));
                    until("samples are used again", seconds(120), is_used);
                }
            }
        });
    });
    for (name, reactions) in ["samples", "counters"].iter().zip(&mut reactions) {
        reactions.sort_by(f64::total_cmp);
        let (middle, most) = (
            reactions[reactions.len() / 2],
            reactions[reactions.len() - 1],
        );
        println!("{name}: median {middle:.1} s, at most {most:.1} s of {reactions:.1?}");
    }
    // The target is 2 s; the limit allows for a busy machine.
    let [by_samples, _] = &reactions;
    assert!(by_samples[by_samples.len() / 2] < 4.0, "{reactions:?}");
}

/// When the service was last updated.
fn changed(service: &Service<'_>) -> Option<Timestamp> {
    let found = service.inspect();
    let replicas = found["Spec"]["Mode"]["Replicated"]["Replicas"].as_u64()?;
    let at = found["UpdatedAt"].as_str()?.parse().ok()?;
    (replicas > 4).then_some(at)
}
