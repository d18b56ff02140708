//! Managers that stop answering, one of three and two of three.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::Lab;
use crate::load::Load;
use crate::wait::{seconds, throughout, until};

/// Three managers; two of them are demoted when dropped.
pub(crate) struct Managers<'a>(&'a Lab);

impl<'a> Managers<'a> {
    pub(crate) fn promoted(lab: &'a Lab) -> Self {
        assert!(lab.nodes().len() >= 3, "three nodes are needed");
        let managers = Self(lab);
        for node in [2, 3] {
            until("a node is made a manager", seconds(30), || {
                set_role(lab, node, "manager")
            });
            // A former manager needs more time.
            until("it is reached", seconds(120), || {
                let (_, nodes) = lab.engine().request("GET", "/nodes", None).ok()?;
                let is_it = |it: &&Value| it["Description"]["Hostname"] == format!("node{node}");
                let node = nodes.as_array()?.iter().find(is_it)?;
                (node["ManagerStatus"]["Reachability"] == "reachable").then_some(())
            });
        }
        // Each manager answers requests a little later than it is reachable.
        for node in 1..=3 {
            until("a manager answers", seconds(40), || {
                let (status, _) = lab.engine_of(node).request("GET", "/services", None).ok()?;
                (status == 200).then_some(())
            });
        }
        managers
    }
}

impl Drop for Managers<'_> {
    /// Demotes nodes 3 and 2 and waits until one manager is left; retries during an election.
    fn drop(&mut self) {
        self.0.ask(1);
        for node in [3, 2] {
            for _ in 0..60 {
                if set_role(self.0, node, "worker").is_some() {
                    break;
                }
                sleep(Duration::from_millis(500));
            }
        }
        for _ in 0..60 {
            let nodes = self.0.engine().request("GET", "/nodes", None);
            if let Ok((200, nodes)) = nodes
                && nodes.as_array().is_some_and(|nodes| {
                    let is_manager = |node: &&Value| !node["ManagerStatus"].is_null();
                    nodes.iter().filter(is_manager).count() == 1
                })
            {
                return;
            }
            sleep(Duration::from_millis(500));
        }
    }
}

fn set_role(lab: &Lab, node: u32, role: &str) -> Option<()> {
    let (_, nodes) = lab.engine().request("GET", "/nodes", None).ok()?;
    let mut nodes = nodes.as_array()?.iter();
    let name = format!("node{node}");
    let node = nodes.find(|node| node["Description"]["Hostname"] == *name)?;
    let mut spec = node["Spec"].clone();
    if spec["Role"] == role {
        return Some(());
    }
    spec["Role"] = role.into();
    let (id, version) = (node["ID"].as_str()?, &node["Version"]["Index"]);
    let path = format!("/nodes/{id}/update?version={version}");
    let (status, _) = lab.engine().request("POST", &path, Some(&spec)).ok()?;
    (status == 200).then_some(())
}

fn config(service: &str) -> String {
    format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[defaults.down]\nstabilise = \"3s\"\n\
         [[service]]\nname = \"{service}\"\n"
    )
}

/// Longest round: two requests of 3 s to each of three managers, and a margin of 3 s.
const BOUND: f64 = 21.0;

#[test]
fn d2_d3_stopped_managers_are_bypassed_and_lost_quorum_stops_changes() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let _managers = Managers::promoted(&lab);
    the_leader_stops(&lab);
    two_of_three_stop(&lab);
}

/// elb uses the next manager and continues.
fn the_leader_stops(lab: &Lab) {
    let web = lab.create(&lab.web("web", 3));
    let balancer = Balancer::start(&[1, 2, 3], &config(&web.name));
    let _agents = Agent::everywhere(lab, balancer.port);
    web.wait_running(3);
    let nodes = lab.engine().get("/nodes");
    let is_leader = |node: &&Value| node["ManagerStatus"]["Leader"] == true;
    let leader = nodes.as_array().unwrap().iter().find(is_leader).unwrap();
    assert_eq!(leader["Description"]["Hostname"], "node1");
    Load::during(lab, &web, 22, |load| {
        balancer.wait_reporting(&web.name, 3);
        lab.ask(2);
        let paused = lab.paused(1);
        let stopped = Instant::now();
        sleep(Duration::from_secs(1));
        let rounds = balancer
            .metric("elb_rounds_without_orchestrator_total")
            .unwrap();
        let mut longest = 0.0_f64;
        until("a round is done with another manager", seconds(60), || {
            longest = longest.max(balancer.metric("elb_round_age_seconds").unwrap());
            let is_up = balancer.metric("elb_orchestrator_up") == Some(1.0);
            (is_up && balancer.log().contains("another manager answers")).then_some(())
        });
        let without = balancer
            .metric("elb_rounds_without_orchestrator_total")
            .unwrap()
            - rounds;
        println!(
            "continues after {:?} with {without} failed rounds; the longest took {longest:.1} s",
            stopped.elapsed()
        );
        assert!(longest < BOUND, "{longest}");
        load.set(45);
        until("the service grows without the leader", seconds(60), || {
            (web.replicas() >= 5 && web.running() >= 5).then_some(())
        });
        let down = balancer
            .changes(&web.name)
            .into_iter()
            .filter(|(from, to)| to < from);
        assert_eq!(down.collect::<Vec<_>>(), []);
        drop(paused);
        until("the former leader is a manager again", seconds(60), || {
            let (status, _) = lab.engine_of(1).request("GET", "/services", None).ok()?;
            (status == 200).then_some(())
        });
    });
    lab.ask(1);
    until("the service shrinks after the load", seconds(60), || {
        (web.replicas() == 1).then_some(())
    });
}

/// elb changes nothing, reports the fault, and continues when there is a quorum again.
fn two_of_three_stop(lab: &Lab) {
    let web = lab.create(&lab.web("web", 3));
    let balancer = Balancer::start(&[1, 2, 3], &config(&web.name));
    let _agents = Agent::everywhere(lab, balancer.port);
    web.wait_running(3);
    Load::during(lab, &web, 22, |load| {
        balancer.wait_reporting(&web.name, 3);
        let paused = (lab.paused(1), lab.paused(2));
        load.set(0);
        // Reported within the time in which another manager could have answered.
        let (text, after) = {
            let begun = Instant::now();
            until("readiness reports the orchestrator", seconds(40), || {
                let (status, text) = balancer.get_text("/readyz");
                (status == 503 && text.contains("orchestrator: NOT READY"))
                    .then(|| (text, begun.elapsed()))
            })
        };
        println!("reported after {after:?}: {text}");
        assert!(after < seconds(20), "{after:?}");
        // When all managers have been tried, the cause is reported. A round that was in progress comes first.
        until("a round fails", seconds(60), || {
            let is_down = balancer.metric("elb_orchestrator_up") == Some(0.0);
            (is_down && balancer.metric("elb_troubles") >= Some(1.0)).then_some(())
        });
        let before = balancer.metric("elb_rounds_total").unwrap();
        let mut longest = 0.0_f64;
        throughout(seconds(15), || {
            let asked = Instant::now();
            longest = longest.max(balancer.metric("elb_round_age_seconds").unwrap());
            assert_eq!(balancer.metric("elb_orchestrator_up"), Some(0.0));
            assert!(balancer.metric("elb_troubles") >= Some(1.0));
            assert!(asked.elapsed() < seconds(5), "the API waits for managers");
        });
        let rounds = balancer.metric("elb_rounds_total").unwrap() - before;
        println!("{rounds} failed rounds, the longest took {longest:.1} s");
        assert!(rounds > 0.0 && longest < BOUND, "{longest}");
        assert_eq!(balancer.changes(&web.name), []);
        let (_, text) = balancer.get_text("/readyz");
        assert!(
            text.contains("no answer") || text.contains("does not have a leader"),
            "{text}"
        );
        load.set(45);
        drop(paused);
        until("managers answer again", seconds(60), || {
            (balancer.metric("elb_orchestrator_up") == Some(1.0)).then_some(())
        });
        until("scaling continues", seconds(60), || {
            let (status, service) = lab
                .engine()
                .request("GET", &format!("/services/{}", web.id), None)
                .ok()?;
            let replicas = &service["Spec"]["Mode"]["Replicated"]["Replicas"];
            (status == 200 && replicas.as_u64() >= Some(5)).then_some(())
        });
    });
    // Replicas that were idle during the fault are not removed afterwards.
    let first = balancer.changes(&web.name)[0];
    assert!(first.1 > first.0, "{first:?}");
}
