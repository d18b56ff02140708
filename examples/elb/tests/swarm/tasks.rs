//! Tasks that do not start, rolling updates, services that cannot be scaled, and kills at any time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::Lab;
use crate::load::Load;
use crate::wait::{seconds, throughout, until};

#[test]
fn d7_unstartable_or_failing_tasks_stop_only_growth() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    // At most one task per node, and only one node is allowed.
    let mut full = lab.web("full", 2);
    full["TaskTemplate"]["Placement"] =
        json!({ "Constraints": ["node.hostname==node1"], "MaxReplicas": 1 });
    let full = lab.create(&full);
    // The task of slot 2 always fails.
    let mut failing = lab.web("failing", 2);
    let container = &mut failing["TaskTemplate"]["ContainerSpec"];
    container["Env"] = json!(["SLOT={{.Task.Slot}}"]);
    let start = "[ $SLOT = 1 ] && exec httpd -f -p 80 -h /www; exit 3";
    container["Command"] = json!(["sh", "-c", start]);
    let failing = lab.create(&failing);
    let web = lab.create(&lab.web("web", 1));
    let service = |name: &str, min: u32| {
        format!("[[service]]\nname = \"{name}\"\n[service.policy]\nmin = {min}\n")
    };
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[defaults.down]\nstabilise = \"4s\"\n{}{}{}",
        service(&full.name, 2),
        service(&failing.name, 2),
        service(&web.name, 1)
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    let pending = |name: &str| {
        let last = &balancer.service(name)["last"];
        let mut steps = last["steps"].as_array()?.iter();
        let step = steps.find(|step| step["reason"] == "tasks_pending")?;
        Some(step["error"].as_str().unwrap_or_default().to_owned())
    };
    // Tasks may take this long to start.
    until("only one task of each runs", seconds(60), || {
        let states = [&full.name, &failing.name].map(|name| {
            let service = balancer.service(name);
            service["running"].as_u64()
        });
        (states == [Some(1), Some(1)]).then_some(())
    });
    sleep(Duration::from_secs(16));
    Load::during(&lab, &full, 33, |_| {
        Load::during(&lab, &failing, 33, |_| {
            Load::during(&lab, &web, 33, |_| {
                let why = until("the error of the full service", seconds(30), || {
                    pending(&full.name)
                });
                assert!(why.contains("no suitable node"), "{why}");
                let why = until("the error of the failing service", seconds(30), || {
                    pending(&failing.name)
                });
                assert!(why.contains("non-zero exit (3)"), "{why}");
                until("the third service grows", seconds(30), || {
                    (web.replicas() == 4 && web.running() == 4).then_some(())
                });
                throughout(seconds(4), || {
                    assert_eq!((full.replicas(), failing.replicas()), (2, 2));
                });
            });
            assert_eq!(balancer.changes(&full.name), []);
            assert_eq!(balancer.changes(&failing.name), []);
            // Growth continues when the placement allows it.
            full.update(|spec| spec["TaskTemplate"]["Placement"] = json!({}));
            until("the full service grows", seconds(40), || {
                (full.replicas() == 4 && full.running() == 4).then_some(())
            });
            assert_eq!(failing.replicas(), 2);
        });
    });
    until("unneeded replicas are removed", seconds(40), || {
        (web.replicas() == 1 && full.replicas() == 2).then_some(())
    });
}

#[test]
fn d6_rolling_update_pauses_scaling_until_it_ends() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let mut spec = lab.web("web", 3);
    spec["UpdateConfig"] =
        json!({ "Parallelism": 1, "Delay": 3_000_000_000_u64, "Monitor": 500_000_000 });
    let web = lab.create(&spec);
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[defaults.down]\nstabilise = \"3s\"\n\
         [[service]]\nname = \"{}\"\n",
        web.name
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(3);
    Load::during(&lab, &web, 22, |load| {
        balancer.wait_reporting(&web.name, 3);
        web.update(|spec| {
            spec["TaskTemplate"]["ContainerSpec"]["Env"] = json!(["VERSION=2"]);
        });
        let state = || web.inspect()["UpdateStatus"]["State"].clone();
        until("the update has begun", seconds(10), || {
            (state() == "updating").then_some(())
        });
        load.set(55);
        until("the update is the obstacle", seconds(5), || {
            let last = &balancer.service(&web.name)["last"];
            (last["steps"][0]["obstacle"] == "rollout_running").then_some(())
        });
        let begun = Instant::now();
        let seen = until("the update is over", seconds(60), || {
            let replicas = web.replicas();
            if state() == "updating" {
                assert_eq!(replicas, 3, "during the update");
                return None;
            }
            Some(state())
        });
        println!("update took {:?}", begun.elapsed());
        assert!(begun.elapsed() > seconds(4));
        // Scaling afterwards starts no update.
        assert!(seen == "completed" || seen.is_null(), "{seen}");
        until("the service grows after the update", seconds(30), || {
            (web.replicas() >= 5 && web.running() >= 5).then_some(())
        });
    });
    let changes = balancer.changes(&web.name);
    assert!(changes[0].0 == 3 && changes[0].1 > 3, "{changes:?}");
}

#[test]
fn d8_d13_d14_existing_and_new_services_are_found() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let mut global = lab.web("global", 1);
    global["Mode"] = json!({ "Global": {} });
    let global = lab.create(&global);
    let mut job = lab.web("job", 1);
    job["Mode"] = json!({ "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": 1 } });
    job["TaskTemplate"]["ContainerSpec"]["Command"] = json!(["sleep", "60"]);
    job["TaskTemplate"]["RestartPolicy"] = json!({ "Condition": "none" });
    let job = lab.create(&job);
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[[service]]\nname = \"{}\"\n\
         [[service]]\nname = \"{}\"\n",
        global.name, job.name
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    for (service, what) in [(&global, "global"), (&job, "job")] {
        let listed = until("the service is listed", seconds(10), || {
            let listed = balancer.service(&service.name);
            (!listed["last"].is_null()).then_some(listed)
        });
        assert_eq!(listed["replicas"], Value::Null);
        let step = &listed["last"]["steps"][0];
        assert_eq!(
            (&step["obstacle"], &step["what"]),
            (&json!("not_scalable"), &json!(what))
        );
    }

    // The log contains the versions of engine and API.
    let version = lab.engine().get("/version");
    let (engine, api) = (
        version["Version"].as_str().unwrap(),
        version["ApiVersion"].as_str().unwrap(),
    );
    let versions = format!("Docker {engine}, API {api}");
    assert!(balancer.log().contains(&versions), "{versions}");

    // The first list has been read; the next is read a minute later.
    sleep(Duration::from_secs(3));
    let mut spec = lab.web("labelled", 2);
    spec["Labels"] = json!({ "elb.enabled": "true", "elb.max": "4" });
    let created = Instant::now();
    let labelled = lab.create(&spec);
    let path = format!("/api/v1/services/{}", labelled.name);
    until("the service is found", seconds(20), || {
        (balancer.get_text(&path).0 == 200).then_some(())
    });
    println!("found after {:?}", created.elapsed());
    assert_eq!(balancer.service(&labelled.name)["max"], 4);
    let changed = Instant::now();
    labelled.update(|spec| spec["Labels"]["elb.max"] = "7".into());
    until("its new bound is known", seconds(20), || {
        (balancer.service(&labelled.name)["max"] == 7).then_some(())
    });
    println!("changed label after {:?}", changed.elapsed());
    let removed = Instant::now();
    labelled.update(|spec| spec["Labels"] = json!({}));
    until("the service is released", seconds(20), || {
        (balancer.get_text(&path).0 == 404).then_some(())
    });
    println!("released after {:?}", removed.elapsed());

    // Global service and job are unchanged.
    assert_eq!(balancer.changes(&global.name), []);
    assert!(global.running() as usize >= lab.nodes().len());
}

#[test]
fn d16_killed_balancer_continues_from_current_state() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 1));
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}up = {{ tasks = 1, period = \"1s\" }}\n\
         [defaults.down]\nstabilise = \"8s\"\n[[service]]\nname = \"{}\"\n",
        web.name
    );
    let mut balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(1);
    balancer.wait_reporting(&web.name, 1);
    Load::during(&lab, &web, 42, |_| {
        // Killed repeatedly during growth, at different times in a round.
        let mut replicas = web.replicas();
        for turn in 0..4 {
            sleep(Duration::from_millis(1_900 + turn * 170));
            balancer.kill_and_start_again();
            let now = web.replicas();
            assert!((replicas..=6).contains(&now), "{replicas} became {now}");
            replicas = now;
        }
        until("there are five replicas", seconds(40), || {
            (web.replicas() == 5 && web.running() == 5).then_some(())
        });
    });
    // Without elb nothing changes, and its successor removes nothing before it has observed.
    balancer.kill();
    throughout(seconds(3), || assert_eq!(web.replicas(), 5));
    let started = Instant::now();
    balancer.kill_and_start_again();
    until("the service shrinks", seconds(60), || {
        (web.replicas() < 5).then_some(())
    });
    let after = started.elapsed();
    println!("shrinks {after:?} after the restart");
    assert!(after > seconds(8), "{after:?}");
    until("one replica is left", seconds(40), || {
        (web.replicas() == 1).then_some(())
    });
}
