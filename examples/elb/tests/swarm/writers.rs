//! Foreign changes of a service: by another balancer, by hand, and by a program that never stops.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS, changes_of, reversals};
use crate::lab::Lab;
use crate::load::Load;
use crate::wait::{seconds, throughout, until, until_steady};

fn config(owner: &str, service: &str) -> String {
    format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\nowner = \"{owner}\"\n\
         {DEFAULTS}[defaults.down]\nstabilise = \"4s\"\n[[service]]\nname = \"{service}\"\n"
    )
}

#[test]
fn d15_two_balancers_agree_on_one_size_and_keep_it() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 1));
    let both = [(); 2].map(|()| Balancer::start(&[1], &config("elb", &web.name)));
    let _agents = both.each_ref().map(|one| Agent::everywhere(&lab, one.port));
    web.wait_running(1);
    for one in &both {
        one.wait_reporting(&web.name, 1);
    }
    Load::during(&lab, &web, 42, |_| {
        until_steady("there are five replicas", seconds(8), seconds(60), || {
            web.replicas() == 5 && web.running() == 5
        });
        for one in &both {
            assert_eq!(one.service(&web.name)["replicas"], 5);
        }
    });
    until("one replica is left", seconds(30), || {
        (web.replicas() == 1).then_some(())
    });
    throughout(seconds(6), || assert_eq!(web.replicas(), 1));
    let all = changes_of(&both, &web.name);
    println!("changes of both: {all:?}");
    // Neither reverts changes of the other: one reversal from growth to shrinking, and another only
    // after a high first reading of new containers.
    assert!(reversals(&all) <= 2 && all.len() <= 10, "{all:?}");
}

#[test]
fn d15_only_the_owner_named_by_the_service_acts() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let mut spec = lab.web("web", 1);
    spec["Labels"] = serde_json::json!({ "elb.owner": "left" });
    let web = lab.create(&spec);
    let [left, right] =
        ["left", "right"].map(|owner| Balancer::start(&[1], &config(owner, &web.name)));
    let _agents = [&left, &right].map(|one| Agent::everywhere(&lab, one.port));
    web.wait_running(1);
    left.wait_reporting(&web.name, 1);
    right.wait_reporting(&web.name, 1);
    Load::during(&lab, &web, 42, |_| {
        until("there are five replicas", seconds(30), || {
            (web.replicas() == 5).then_some(())
        });
    });
    until("one replica is left", seconds(30), || {
        (web.replicas() == 1).then_some(())
    });
    assert!(left.changes(&web.name).len() >= 2);
    assert_eq!(right.changes(&web.name), []);
    let last = &right.service(&web.name)["last"];
    // The other balancer may have noticed the change only now.
    let step = last["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(step["reason"], "obstacle", "{last}");
    assert_eq!(step["owner"], "left", "{last}");
}

#[test]
fn d1_constant_foreign_changes_are_kept_and_do_not_stop_scaling() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 1));
    let balancer = Balancer::start(&[1], &config("elb", &web.name));
    let _agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(1);
    balancer.wait_reporting(&web.name, 1);
    let (ended, written, lost) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    scope(|scope| {
        scope.spawn(|| {
            let engine = lab.engine();
            let path = format!("/services/{}", web.id);
            for turn in 1.. {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let service = engine.get(&path);
                let mut spec = service["Spec"].clone();
                spec["Labels"]["touched"] = turn.to_string().into();
                let update = format!("{path}/update?version={}", service["Version"]["Index"]);
                match engine.request("POST", &update, Some(&spec)) {
                    Ok((200, _)) => written.store(turn, Ordering::Relaxed),
                    _ => _ = lost.fetch_add(1, Ordering::Relaxed),
                }
                sleep(Duration::from_millis(2));
            }
        });
        let _end = End(&ended);
        Load::during(&lab, &web, 42, |_| {
            until("there are five replicas all the same", seconds(60), || {
                (web.replicas() == 5).then_some(())
            });
        });
        until("one replica is left all the same", seconds(60), || {
            (web.replicas() == 1).then_some(())
        });
    });
    let written = written.into_inner();
    let conflicts = balancer.metric("elb_conflicts_total").unwrap();
    println!(
        "{written} foreign changes, {lost:?} of them rejected; {conflicts} of ours in conflict"
    );
    assert!(written > 100, "{written}");
    assert_eq!(
        web.inspect()["Spec"]["Labels"]["touched"],
        written.to_string()
    );
}

/// Ends the concurrent thread when dropped, also if the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn d9_manual_change_is_detected_and_kept_for_the_cooldown() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 2));
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}\
         [defaults.down]\nstabilise = \"1s\"\ncooldown = \"10s\"\n\
         [[service]]\nname = \"{}\"\n[service.policy]\nmin = 2\n",
        web.name
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(2);
    balancer.wait_reporting(&web.name, 2);
    web.scale(4);
    let scaled = Instant::now();
    until("the change is detected", seconds(5), || {
        let decisions = balancer.decisions(&web.name);
        let is_it = |step: &serde_json::Value| {
            step["reason"] == "changed_by_others" && step["before"] == 2 && step["after"] == 4
        };
        let mut steps = decisions
            .iter()
            .filter_map(|it| it["steps"].as_array())
            .flatten();
        steps.any(is_it).then_some(())
    });
    balancer.wait_reporting(&web.name, 4);
    until("the cooldown is given as the reason", seconds(8), || {
        balancer
            .reasons(&web.name)
            .contains(&"cooldown".to_owned())
            .then_some(())
    });
    until(
        "the size is corrected after the cooldown",
        seconds(30),
        || (web.replicas() == 2).then_some(()),
    );
    let after = scaled.elapsed();
    println!("corrected after {after:?}");
    assert!(after > Duration::from_secs_f64(9.5), "{after:?}");
    assert_eq!(balancer.changes(&web.name), [(4, 2)]);
}

#[test]
fn d10_recreated_service_needs_its_own_observation_period() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let config = format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[defaults.down]\nstabilise = \"8s\"\n\
         [[service]]\nname = \"{}\"\n",
        lab.name("web")
    );
    let balancer = Balancer::start(&[1], &config);
    let _agents = Agent::everywhere(&lab, balancer.port);
    let web = lab.create(&lab.web("web", 2));
    until("the first service shrinks", seconds(40), || {
        (web.replicas() == 1).then_some(())
    });
    let first = balancer.service(&web.name)["id"].clone();
    assert_eq!(first, web.id);
    drop(web);
    until("its removal is noticed", seconds(10), || {
        let (_, text) = balancer.get_text(&format!("/api/v1/services/{}", lab.name("web")));
        text.contains("\"id\":null").then_some(())
    });
    sleep(Duration::from_secs(1));
    let made = Instant::now();
    let web = lab.create(&lab.web("web", 3));
    until("the second service is known", seconds(10), || {
        (balancer.service(&web.name)["id"] == web.id).then_some(())
    });
    until(
        "the decision states that it observes first",
        seconds(15),
        || {
            balancer
                .reasons(&web.name)
                .contains(&"watching_first".to_owned())
                .then_some(())
        },
    );
    until("the second service shrinks", seconds(40), || {
        (web.replicas() == 1).then_some(())
    });
    let after = made.elapsed();
    println!("shrinks after {after:?}");
    assert!(after > seconds(8), "{after:?}");
}
