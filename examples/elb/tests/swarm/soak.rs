//! Continuous disturbances: no memory or descriptor leaks, rounds continue, and the sizes are right
//! in the end.
//!
//! `ELB_SWARM_SOAK=600` runs for ten minutes; without it, the test runs for one.

use std::fs;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::{Lab, Undone};
use crate::load::Load;
use crate::service::Service;
use crate::wait::{seconds, until};

/// Bounds of each service.
const BOUNDS: (u64, u64) = (1, 7);

#[test]
fn churn_leaks_nothing_and_ends_with_right_sizes() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let lasting = std::env::var("ELB_SWARM_SOAK").map_or(60, |text| text.parse().expect("seconds"));
    let services = ["first", "second"].map(|name| lab.create(&lab.web(name, 1)));
    let mut config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}min = {}\nmax = {}\n\
         [defaults.down]\nstabilise = \"6s\"\n",
        BOUNDS.0, BOUNDS.1
    );
    for service in &services {
        config += &format!("[[service]]\nname = \"{}\"\n", service.name);
    }
    let balancer = Balancer::start(&[1], &config);
    let mut churn = Churn {
        lab: &lab,
        services: &services,
        balancer: &balancer,
        agents: Agent::everywhere(&lab, balancer.port),
        cut: None,
        turn: 0,
        longest: Duration::ZERO,
    };
    let [first, second] = &services;
    let found = Load::during(&lab, first, 20, |to_first| {
        Load::during(&lab, second, 20, |to_second| {
            let begun = Instant::now();
            let mut settled = None;
            while begun.elapsed() < seconds(lasting) {
                let wave = |place: u64, turn: u64| 4 + (turn * 7 + place * 13) % 45;
                to_first.set(wave(0, churn.turn));
                to_second.set(wave(1, churn.turn / 2));
                churn.next();
                // Bounded tables may fill during the first quarter of the run.
                if settled.is_none() && begun.elapsed() > seconds(lasting) / 4 {
                    settled = Some(churn.processes());
                }
            }
            churn.end();
            to_first.set(42);
            to_second.set(13);
            for (service, size) in services.iter().zip([5, 2]) {
                until(
                    &format!("{} is right in the end", service.name),
                    seconds(60),
                    || (service.replicas() == size && service.running() == size).then_some(()),
                );
            }
            let answered = [to_first, to_second].map(|load| load.answered.load(Ordering::Relaxed));
            let failed = [to_first, to_second].map(|load| load.failed.load(Ordering::Relaxed));
            println!("requests answered {answered:?}, failed {failed:?}");
            (settled.unwrap(), churn.processes())
        })
    });
    let (settled, end) = found;
    let rounds = balancer.metric("elb_rounds_total").unwrap();
    let without = balancer
        .metric("elb_rounds_without_orchestrator_total")
        .unwrap();
    let conflicts = balancer.metric("elb_conflicts_total").unwrap();
    println!(
        "{} disturbances, {rounds} rounds, {without} of them without an answer, {conflicts} \
         conflicts; the longest answer of the API took {:?}",
        churn.turn, churn.longest
    );
    assert!(rounds > lasting as f64, "{rounds} rounds in {lasting} s");
    assert!(churn.longest < seconds(3), "{:?}", churn.longest);
    let mut changes = 0;
    for service in &services {
        for decision in balancer.decisions(&service.name) {
            let (from, to) = (&decision["replicas"], decision["result"].as_u64().unwrap());
            assert!((BOUNDS.0..=BOUNDS.1).contains(&to), "{decision}");
            if decision["outcome"] == "done" {
                changes += 1;
                assert_ne!(*from, to);
                // Each change has a reason.
                assert!(
                    decision["steps"]
                        .as_array()
                        .is_some_and(|steps| !steps.is_empty())
                );
            }
        }
    }
    println!("{changes} changes");
    assert!(changes > 5);
    for (name, before, after) in settled
        .iter()
        .zip(&end)
        .map(|(a, b)| (a.0.clone(), a.1, b.1))
    {
        println!("{name}: after a quarter {before:?}, at the end {after:?}");
        assert!(
            after.descriptors <= before.descriptors + 8,
            "{name}: {before:?} {after:?}"
        );
        let allowed = before.memory + before.memory / 4 + (4 << 20);
        assert!(after.memory <= allowed, "{name}: {before:?} {after:?}");
    }
}

/// A sequence of disturbances.
struct Churn<'a> {
    lab: &'a Lab,
    services: &'a [Service<'a>; 2],
    balancer: &'a Balancer,
    agents: Vec<Agent>,
    cut: Option<(u64, Undone<'a>)>,
    turn: u64,
    /// Longest response time of the API.
    longest: Duration,
}

impl Churn<'_> {
    fn next(&mut self) {
        let turn = self.turn;
        self.turn += 1;
        let service = &self.services[(turn % 2) as usize];
        match turn % 6 {
            0 => service.scale(1 + (turn % 7) as u32),
            1 => self.kill_a_task(service),
            2 => self.restart_an_agent(turn),
            3 if turn % 12 == 3 => self.cut = Some((turn, self.lab.cut(3))),
            4 => service.update(|spec| spec["Labels"] = json!({ "turn": turn.to_string() })),
            5 if turn % 18 == 11 => service.update(|spec| {
                let container = &mut spec["TaskTemplate"]["ContainerSpec"];
                container["Env"] = json!([format!("TURN={turn}")]);
            }),
            _ => {}
        }
        // Long enough for swarm to report the node as down.
        if self
            .cut
            .as_ref()
            .is_some_and(|(since, _)| turn >= since + 4)
        {
            self.cut = None;
        }
        for _ in 0..5 {
            sleep(Duration::from_secs(1));
            let asked = Instant::now();
            let age = self.balancer.metric("elb_round_age_seconds").unwrap();
            self.longest = self.longest.max(asked.elapsed());
            // A request takes at most 3 s, and a round makes several.
            assert!(age < 20.0, "no round for {age} s");
        }
    }

    fn kill_a_task(&self, service: &Service<'_>) {
        let Some(task) = service.tasks().into_iter().next() else {
            return;
        };
        let node = self.lab.node_of(&task);
        let container = &task["Status"]["ContainerStatus"]["ContainerID"];
        if let (Some(id), true) = (container.as_str(), node != 3) {
            let path = format!("/containers/{id}/kill");
            self.lab.engine_of(node).request("POST", &path, None).ok();
        }
    }

    fn restart_an_agent(&mut self, turn: u64) {
        let place = (turn / 6) as usize % self.agents.len();
        let node = self.agents.remove(place).node;
        self.agents
            .push(Agent::start(self.lab, node, self.balancer.port));
    }

    fn end(&mut self) {
        self.cut = None;
        until("all nodes are ready", seconds(60), || {
            let nodes = self.lab.engine().get("/nodes");
            let is_ready = |node: &Value| node["Status"]["State"] == "ready";
            nodes.as_array()?.iter().all(is_ready).then_some(())
        });
        for node in self.lab.nodes() {
            until("all agents report", seconds(60), || {
                let agent = self.balancer.agent(&Lab::address(node))?;
                (agent["silent"] == false).then_some(())
            });
        }
    }

    /// Resource usage of elb and of the oldest agent.
    fn processes(&self) -> Vec<(String, Process)> {
        let agent = &self.agents[0];
        vec![
            ("elb run".to_owned(), Process::of(self.balancer.process())),
            ("elb agent".to_owned(), Process::of(agent.process())),
        ]
    }
}

#[derive(Clone, Copy, Debug)]
struct Process {
    /// Resident memory in bytes.
    memory: u64,
    descriptors: usize,
}

impl Process {
    /// Connections are opened and closed: the minimum of several readings are the permanent
    /// descriptors.
    fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|line| line.split_ascii_whitespace().next());
        let descriptors = (0..10).map(|_| {
            sleep(Duration::from_millis(50));
            fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
        });
        Self {
            memory: memory.unwrap().parse::<u64>().unwrap() * 1_024,
            descriptors: descriptors.min().unwrap(),
        }
    }
}
