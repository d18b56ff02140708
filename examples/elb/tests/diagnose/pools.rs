use std::collections::BTreeMap;
use std::path::PathBuf;

use elb::diagnose::Level::{Note, Wrong};
use elb::diagnose::{Facts, Findings, Program};
use elb::orchestrator::{Availability, Census, Demand, Node, Resources, Scaling, ServiceId};

use super::{CONFIG, Case, agent_of, config, healthy, members, node as node_facts, received};

const POOL: &str = r#"
[[pool]]
name = "workers"
labels = { zone = "a" }
policy = { min = 2, max = 6, metric = [{ name = "cpu_utilization", target = 60.0 }] }
hook = { program = "/etc/elb/machines" }
poor = { population = 3 }
"#;

/// Four nodes: a manager, and a pool of the others.
fn pooled(facts: &mut Facts, pool: &str) {
    facts.configuration = Ok(config(&format!("{CONFIG}{pool}")));
    let node = |number: u8| Node {
        id: format!("n{number}"),
        name: format!("node{number}"),
        version: 1,
        labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
        availability: Availability::Active,
        drained_for: None,
        is_ready: true,
        is_manager: number == 1,
        resources: Resources {
            cores: 2.0,
            memory: 4 << 30,
        },
        tasks: BTreeMap::new(),
    };
    facts.engines.census = Some(Ok(Census {
        nodes: (1..=4).map(node).collect(),
        demands: vec![Demand {
            id: ServiceId("s1".to_owned()),
            name: "apache".to_owned(),
            scaling: Scaling::Replicated { replicas: 3 },
            reserved: Resources::default(),
            per_node: None,
            constraints: Vec::new(),
        }],
    }));
    let program = PathBuf::from("/etc/elb/machines");
    facts.engines.programs = BTreeMap::from([(program, Program::Fine)]);
    // One node more than in the correct installation.
    received(facts).agents.push(agent_of(4));
    received(facts).nodes.push(node_facts(4));
    let mut member = members(facts)[2].clone();
    member.name = "node4".to_owned();
    members(facts).push(member);
}

fn census(facts: &mut Facts) -> &mut Census {
    facts.engines.census.as_mut().unwrap().as_mut().unwrap()
}

pub(crate) const CASES: &[Case] = &[
    (
        |facts| {
            pooled(facts, POOL);
            let program = PathBuf::from("/etc/elb/machines");
            facts.engines.programs.insert(program, Program::Missing);
        },
        Wrong,
        "hook-missing",
        &["pool workers", "/etc/elb/machines", "mount the program"],
    ),
    (
        |facts| {
            pooled(facts, POOL);
            let program = PathBuf::from("/etc/elb/machines");
            facts
                .engines
                .programs
                .insert(program, Program::NotExecutable);
        },
        Wrong,
        "hook-forbidden",
        &["/etc/elb/machines", "chmod +x"],
    ),
    (
        |facts| {
            pooled(
                facts,
                &POOL.replace("hook = { program = \"/etc/elb/machines\" }", ""),
            );
        },
        Note,
        "pool-hookless",
        &["can only advise", "[pool.hook]"],
    ),
    (
        |facts| pooled(facts, &POOL.replace("zone = \"a\"", "zone = \"b\"")),
        Wrong,
        "pool-empty",
        &["zone=b", "docker node update --label-add zone=b"],
    ),
    (
        |facts| {
            pooled(facts, POOL);
            census(facts).nodes.truncate(1);
        },
        Wrong,
        "pool-managers",
        &["node1", "workers"],
    ),
    (
        |facts| {
            pooled(facts, &POOL.replace("min = 2", "min = 5"));
        },
        Note,
        "pool-size",
        &["3 machines are active, outside the limits 5 to 6", "order"],
    ),
    (
        |facts| pooled(facts, &POOL.replace("population = 3", "population = 4")),
        Note,
        "pool-small",
        &["3 machines are too few", "4"],
    ),
    (
        |facts| {
            pooled(facts, POOL);
            census(facts).demands[0].reserved.cores = 3.0;
        },
        Note,
        "pool-short",
        &["maximum of 6 machines", "apache", "pool.policy.max"],
    ),
    (
        |facts| {
            pooled(facts, POOL);
            received(facts).nodes.pop();
            received(facts).agents.pop();
            members(facts).pop();
        },
        Note,
        "pool-unheard",
        &["node4", "run an agent"],
    ),
    (
        |facts| {
            pooled(facts, POOL);
            facts.engines.census = Some(Err("the engine refused".to_owned()));
        },
        Wrong,
        "cluster-unreadable",
        &["the engine refused"],
    ),
];

#[test]
fn healthy_pool_is_ok_in_its_line() {
    let mut facts = healthy();
    pooled(&mut facts, POOL);
    let findings = Findings::of(&facts);
    let line = "ok     pool workers: 3 machines, 3 of them active, limits 2 to 6, mode advise\n";
    let text = findings.to_string();
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("note") && !text.contains("wrong"), "{text}");
}
