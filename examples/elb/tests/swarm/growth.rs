//! A service grows with its load and shrinks after it, and reported rates match the kernel's
//! counters.

use std::time::Instant;

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS, reasons, reversals};
use crate::lab::Lab;
use crate::load::Load;
use crate::service::Service;
use crate::wait::{seconds, throughout, until};

#[test]
fn services_grow_under_load_and_shrink_after_it() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 1));
    let stepwise = lab.create(&lab.web("stepwise", 1));
    let idle = lab.create(&lab.web("idle", 2));
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[defaults.down]\nstabilise = \"4s\"\n\
         [[service]]\nname = \"{}\"\n[[service]]\nname = \"{}\"\n[[service]]\nname = \"{}\"\n\
         [service.policy]\n\
         metric = [{{ name = \"vir_bytes_out\", lower = 30_000, upper = 70_000 }}]\n\
         up = {{ cooldown = \"3s\" }}\n",
        web.name, idle.name, stepwise.name
    );
    let balancer = Balancer::start(&[1], &config);
    let agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(1);
    balancer.wait_reporting(&web.name, 1);

    let (grown, changes) = Load::during(&lab, &web, 42, |_| {
        Load::during(&lab, &stepwise, 18, |_| {
            // 42 responses of 11 kB per second need five replicas at 100 kB/s.
            until(
                "five replicas of the first service run",
                seconds(30),
                || (web.replicas() == 5 && web.running() == 5).then_some(()),
            );
            until(
                "three replicas of the second service run",
                seconds(30),
                || (stepwise.replicas() == 3 && stepwise.running() == 3).then_some(()),
            );
            assert_as_counted(&balancer, &lab, &web);
            let changes = balancer.changes(&web.name);
            (balancer.decisions(&web.name), changes)
        })
    });
    // Growth, with at most one reversal after a high first reading of new containers.
    assert!(
        reversals(&changes) <= 1 && changes[0].1 > changes[0].0,
        "{changes:?}"
    );
    let first = grown.iter().find(|it| it["outcome"] == "done").unwrap();
    assert!(reasons(first).contains(&"above".to_owned()), "{first}");
    let input = &first["inputs"][0];
    assert_eq!(input["metric"], "vir_bytes_out");
    assert_eq!(
        (&input["contributing"], &input["matched"]),
        (&json!(1), &json!(1))
    );
    assert!(input["newest"].as_f64() < Some(3.0), "{first}");
    // Shrinking is by one replica at a time.
    let steps = balancer.changes(&stepwise.name);
    assert!(
        steps.iter().all(|(from, to)| to.abs_diff(*from) == 1),
        "{steps:?}"
    );

    for service in [&web, &stepwise, &idle] {
        until("one replica is left", seconds(40), || {
            (service.replicas() == 1 && service.running() == 1).then_some(())
        });
    }
    let decisions = balancer.decisions(&web.name);
    let last = decisions.iter().rfind(|it| it["outcome"] == "done");
    assert!(
        reasons(last.unwrap()).contains(&"below".to_owned()),
        "{last:?}"
    );
    assert_eq!(balancer.changes(&idle.name), [(2, 1)]);
    for agent in &agents {
        let address = Lab::address(agent.node);
        let status = balancer.agent(&address).unwrap();
        assert_eq!(
            (&status["lost"], &status["silent"]),
            (&json!(0), &json!(false))
        );
    }
    names_are_those_of_the_swarm(&balancer, &lab);
}

/// Compares reported and counted rates of all containers of a service over 8 s of steady load.
fn assert_as_counted(balancer: &Balancer, lab: &Lab, service: &Service<'_>) {
    let sums = "sum:vir_bytes_out,sum:vir_bytes_in,sum:vir_cpu_cores";
    let question = format!("{sums}{{vir_host_name={}.*}}", service.name);
    let tasks = service.tasks();
    let before: Vec<Counted> = tasks.iter().map(|task| Counted::now(lab, task)).collect();
    let mut reported: Vec<Vec<f64>> = Vec::new();
    throughout(seconds(8), || {
        let values = balancer.query(&question).into_iter();
        reported.push(values.map(|value| value.unwrap_or(0.0)).collect());
    });
    let mut counted = [0.0; 3];
    for (task, before) in tasks.iter().zip(before) {
        for (sum, rate) in counted
            .iter_mut()
            .zip(Counted::now(lab, task).since(&before))
        {
            *sum += rate;
        }
    }
    let mean =
        |place: usize| reported.iter().map(|it| it[place]).sum::<f64>() / reported.len() as f64;
    let names = ["bytes out", "bytes in", "cores"];
    for (place, (name, tolerance)) in names.iter().zip([0.15, 0.15, 0.4]).enumerate() {
        let (reported, counted) = (mean(place), counted[place]);
        let comparison = format!("{name}: reported {reported:.3}, counted {counted:.3}");
        println!("{comparison}");
        let is_same = (reported - counted).abs() < tolerance * counted;
        assert!(counted > 0.0 && is_same, "{comparison}");
    }
}

/// Bytes sent and received by a container (kernel), its CPU seconds (engine), and when each was
/// read.
struct Counted([(f64, Instant); 3]);

impl Counted {
    fn now(lab: &Lab, task: &Value) -> Self {
        let container = &task["Status"]["ContainerStatus"];
        let (id, process) = (
            container["ContainerID"].as_str().unwrap(),
            &container["PID"],
        );
        let text = std::fs::read_to_string(format!("/proc/{process}/net/dev")).unwrap();
        let read = Instant::now();
        let mut bytes = (0.0, 0.0);
        for line in text.lines().filter(|line| line.trim().starts_with("eth")) {
            let numbers: Vec<f64> = line
                .split_ascii_whitespace()
                .skip(1)
                .map(|number| number.parse().unwrap())
                .collect();
            bytes = (bytes.0 + numbers[0], bytes.1 + numbers[8]);
        }
        let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
        let stats = lab.engine_of(lab.node_of(task)).get(&path);
        let cpu = stats["cpu_stats"]["cpu_usage"]["total_usage"].as_f64();
        Self([
            (bytes.1, read),
            (bytes.0, read),
            (cpu.unwrap() / 1e9, Instant::now()),
        ])
    }

    fn since(&self, before: &Self) -> [f64; 3] {
        let pairs = [0, 1, 2].map(|place| (self.0[place], before.0[place]));
        pairs.map(|((now, at), (then, since))| (now - then) / (at - since).as_secs_f64())
    }
}

/// The kernel's host name differs for these agents; they must report the engine's name.
fn names_are_those_of_the_swarm(balancer: &Balancer, lab: &Lab) {
    let entities = balancer.get("/api/v1/entities?limit=1000");
    let entities = entities["entities"].as_array().unwrap().iter();
    let hosts = entities.filter(|entity| entity["kind"] == "host");
    let mut hosts: Vec<String> = hosts
        .map(|host| host["name"].as_str().unwrap().to_owned())
        .collect();
    hosts.sort();
    let mut nodes = lab.node_names();
    nodes.sort();
    assert_eq!(hosts, nodes);
}
