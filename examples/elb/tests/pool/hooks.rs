//! Hooks that hang, fail or answer falsely, and their effect on the pool and on services.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use elb::hooks::{Call, HookSettings};
use elb::policy::{Reason, Subject};
use sflow_autoscale::node_pools::Action;
use sflow_autoscale::node_pools::MachineState;
use sflow_simulator::experiment::Scenario;
use sflow_simulator::{Event, Workload};

use crate::support::{HookServer, MAX_WAIT, wait_until};
use crate::world::{Fate, Scripted, World};

/// Too few machines for a long time.
pub(crate) fn needy() -> Scenario {
    let mut scenario = Scenario::named("machines").unwrap();
    scenario.cluster.services[0].workload = Workload::Constant(1_400.0);
    scenario
}

/// More machines than the small load needs.
fn idle() -> Scenario {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.cluster.events.clear();
    scenario.cluster.services[0].workload = Workload::Constant(150.0);
    scenario.cluster.services[0].replicas = 6;
    let machines = scenario.machines.as_mut().unwrap();
    (machines.min, machines.max) = (2, 6);
    scenario
}

fn program(folder: &Path, text: &str) -> HookSettings {
    let path = folder.join("hook.sh");
    std::fs::write(&path, text).unwrap();
    HookSettings {
        call: Call::Program {
            program: PathBuf::from("/bin/sh"),
            arguments: vec![path.display().to_string(), folder.display().to_string()],
        },
        timeout: Duration::from_secs(600),
        tries: 1,
        pause: Duration::ZERO,
    }
}

#[tokio::test]
async fn hanging_hook_delays_no_service() {
    let folder = tempfile::tempdir().unwrap();
    let hook = program(folder.path(), "echo $$ >>\"$1/asked\"\nexec sleep 600\n");
    let mut world = World::new(&needy(), |pool| pool.hook = Some(hook));
    world.call_hook();
    let ordered = world
        .until(200, |world| !world.status().orders.is_empty())
        .await;
    assert!(ordered, "{:?}", world.events());
    let asked = folder.path().join("asked");
    wait_until("the hook is not called", || asked.exists()).await;
    // While the hook hangs, services are still balanced. A round that waited for the hook would
    // take ten minutes.
    let rounds = async {
        let mut changes = 0;
        for _ in 0..100 {
            let round = world.round().await;
            let services = round.decisions.iter();
            changes += services
                .filter(|decided| decided.decision.subject.name == "shop")
                .count();
        }
        changes
    };
    let changes = tokio::time::timeout(MAX_WAIT, rounds).await;
    let changes = changes.expect("no round waits for the hook");
    assert_eq!(changes, 100, "a decision for the service in every round");
    assert!(world.status().orders.iter().all(|order| !order.is_promised));
    // A pending order is not repeated.
    let pids = std::fs::read_to_string(&asked).unwrap();
    assert!(pids.lines().count() <= 4, "{pids}");
}

/// An order of the pool is never reported as a foreign change.
#[tokio::test]
async fn joining_machine_and_ended_order_are_counted_once() {
    for fate in [Fate::Kept, Fate::Promised, Fate::Refused] {
        let is_kept = matches!(fate, Fate::Kept);
        let mut world = World::new(&needy(), |pool| {
            if !is_kept {
                pool.machines.join = Duration::from_secs(60);
            }
        });
        let each = fate.clone();
        let (hook, orders) = Scripted::new(&world, move |_| each.clone());
        world.provide(hook);
        world.until(400, |_| false).await;
        assert!(!orders.lock().is_empty());
        let status = world.balancer.status().lock();
        for entry in status.history().about(&Subject::pool(&world.pool.name)) {
            let mut reasons = entry.decision.steps.iter().map(|step| &step.reason);
            assert!(
                !reasons.any(|reason| matches!(reason, Reason::ChangedByOthers { .. })),
                "{fate:?}: {}",
                entry.words
            );
        }
    }
}

#[tokio::test]
async fn expired_order_is_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let hook = program(folder.path(), "echo $$ >>\"$1/asked\"\nexit 75\n");
    let mut world = World::new(&needy(), |pool| {
        // Longer than the order is valid.
        let (tries, pause) = (100, Duration::from_millis(300));
        pool.hook = Some(HookSettings {
            tries,
            pause,
            ..hook
        });
        pool.machines.join = Duration::from_secs(3);
    });
    world.call_hook();
    assert!(
        world
            .until(200, |world| !world.status().orders.is_empty())
            .await
    );
    let pools = world.balancer.pools_mut().unwrap();
    assert!(pools.provider_mut().finish(MAX_WAIT).await);
    world.until(40, |_| false).await;
    assert!(
        world.has_happened("within 3s in all tries"),
        "{:?}",
        world.events()
    );
}

#[tokio::test]
async fn shutdown_waits_for_hooks_up_to_limit() {
    for (seconds, is_done) in [("0.5", true), ("600", false)] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("echo $$ >>\"$1/asked\"\nexec sleep {seconds}\n");
        let hook = program(folder.path(), &text);
        let mut world = World::new(&needy(), |pool| pool.hook = Some(hook));
        world.call_hook();
        let pools = world.balancer.pools_mut().unwrap();
        assert!(
            pools.provider_mut().finish(Duration::from_secs(1)).await,
            "an unfinished call before the first order"
        );
        assert!(
            world
                .until(200, |world| !world.status().orders.is_empty())
                .await
        );
        let asked = folder.path().join("asked");
        wait_until("the hook is not called", || asked.exists()).await;
        let pools = world.balancer.pools_mut().unwrap();
        let limit = if is_done {
            MAX_WAIT
        } else {
            Duration::from_secs(1)
        };
        let finished = tokio::time::timeout(2 * MAX_WAIT, pools.provider_mut().finish(limit));
        let finished = finished.await.expect("finish returns within its limit");
        assert_eq!(finished, is_done);
    }
}

#[tokio::test]
async fn program_receives_key_of_this_run_and_its_promise_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let hook = program(
        folder.path(),
        "echo \"$ELB_ORDER $ELB_ACTION $ELB_POOL\" >>\"$1/asked\"\n\
         echo \"{\\\"machine\\\": \\\"machine-of-$ELB_ORDER\\\"}\"\n",
    );
    let mut world = World::new(&needy(), |pool| pool.hook = Some(hook));
    world.call_hook();
    assert!(
        world
            .until(200, |world| !world.status().orders.is_empty())
            .await
    );
    // The programs of several orders run concurrently; all of them end before simulated time
    // advances.
    let pools = world.balancer.pools_mut().unwrap();
    assert!(
        pools.provider_mut().finish(MAX_WAIT).await,
        "a hook does not end"
    );
    let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
    let asked: BTreeSet<String> = asked.lines().map(str::to_owned).collect();
    let orders = world.status().orders.len();
    let keys = || (1..=orders).map(|number| format!("first-{number}-add"));
    let expected: BTreeSet<String> = keys().map(|key| format!("{key} add machines")).collect();
    assert_eq!(asked, expected);
    let are_promised = |world: &World| {
        let status = world.status();
        status.orders.iter().all(|order| order.is_promised)
    };
    assert!(world.until(20, are_promised).await, "{:?}", world.events());
    let status = world.status();
    let promised = status.orders.iter().map(|order| order.machine.clone());
    let promised: BTreeSet<Option<String>> = promised.collect();
    let expected = keys().map(|key| Some(format!("machine-of-{key}")));
    assert_eq!(promised, expected.collect());
}

#[tokio::test]
async fn unkept_promise_is_reported_and_ordered_again() {
    let mut world = World::new(&needy(), |_| {});
    let (hook, orders) = Scripted::new(&world, |_| Fate::Promised);
    world.provide(hook);
    let is_reported = |world: &World| world.has_happened("was promised and has not joined");
    assert!(world.until(700, is_reported).await, "{:?}", world.events());
    // Each failure doubles the pause before the next order.
    world.until(3_600, |_| false).await;
    let keys: Vec<String> = orders
        .lock()
        .iter()
        .map(|order| order.order.clone())
        .collect();
    assert!((3..=40).contains(&keys.len()), "{keys:?}");
    let mut different = keys.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), keys.len(), "a key was repeated");
    let decision = world.status().last.unwrap();
    assert_eq!(
        decision.replicas,
        world.status().serving + world.status().orders.len() as u32
    );
}

#[tokio::test]
async fn refusing_hook_is_retried_with_backoff() {
    let mut world = World::new(&needy(), |_| {});
    let (hook, orders) = Scripted::new(&world, |_| Fate::Refused);
    world.provide(hook);
    world.until(1_800, |_| false).await;
    let count = orders.lock().len();
    assert!((3..=40).contains(&count), "{count}");
    assert!(world.has_happened("no quota"));
    let status = world.status();
    assert_eq!((status.serving, status.orders.len()), (2, 0));
    let decision = status.last.unwrap();
    assert!(
        decision.to_string().contains("is called again in"),
        "{decision}"
    );
    // The service has all replicas that the machines have capacity for.
    let status = world.balancer.status().lock();
    let shop = status.service("shop").unwrap();
    assert_eq!(
        shop.running,
        Some(12),
        "{:?}",
        shop.last.as_ref().map(ToString::to_string)
    );
}

#[tokio::test]
async fn machine_that_never_leaves_stays_drained_and_blocks_removals() {
    let mut world = World::new(&idle(), |_| {});
    let (hook, orders) = Scripted::new(&world, |order| match order.action {
        Action::Add => Fate::Kept,
        Action::Remove => Fate::Promised,
    });
    world.provide(hook);
    let is_reported = |world: &World| world.has_happened("was given back and has not left");
    assert!(
        world.until(1_500, is_reported).await,
        "{:?}",
        world.events()
    );
    world.until(1_200, |_| false).await;
    assert_eq!(orders.lock().len(), 1, "{:?}", orders.lock());
    let status = world.status();
    assert_eq!(status.serving, 4);
    let given: Vec<_> = status
        .machines
        .iter()
        .filter(|it| it.state == MachineState::GivenBack)
        .collect();
    assert_eq!((given.len(), given[0].tasks), (1, 0));
    let decision = status.last.unwrap();
    assert!(
        decision
            .to_string()
            .contains("machines leave one at a time"),
        "{decision}"
    );
}

#[tokio::test]
async fn machine_refused_by_hook_accepts_tasks_again() {
    let mut world = World::new(&idle(), |_| {});
    let (hook, orders) = Scripted::new(&world, |_| Fate::Refused);
    world.provide(hook);
    let is_back = |world: &World| world.has_happened("takes tasks again");
    assert!(world.until(1_500, is_back).await, "{:?}", world.events());
    world.until(20, |_| false).await;
    assert_eq!(
        world.status().serving,
        5,
        "{:?} {:?}",
        world.events(),
        world.status().machines
    );
    world.until(1_800, |_| false).await;
    let count = orders.lock().len();
    assert!((2..=6).contains(&count), "{count} attempts in half an hour");
    assert!(world.status().serving >= 4);
}

#[tokio::test]
async fn unanswered_order_is_not_a_promise() {
    let mut world = World::new(&needy(), |_| {});
    let (hook, _) = Scripted::new(&world, |_| Fate::Unanswered);
    world.provide(hook);
    assert!(
        world
            .until(300, |world| !world.status().orders.is_empty())
            .await
    );
    assert!(world.status().orders.iter().all(|order| !order.is_promised));
    let is_reported = |world: &World| world.has_happened("has not joined");
    assert!(world.until(600, is_reported).await);
}

#[tokio::test]
async fn failing_server_is_retried_until_its_machine_joins() {
    let server = HookServer::start(vec![
        "",
        "HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 19\r\n\r\n{\"machine\":\"node9\"}",
    ]);
    let url = format!("http://{}/machines", server.address);
    let mut scenario = needy();
    let mut joins = scenario.cluster.hosts[1].clone();
    (joins.name, joins.address) = ("node9".to_owned(), [10, 0, 0, 9].into());
    let mut other = joins.clone();
    (other.name, other.address) = ("foreign".to_owned(), [10, 0, 0, 8].into());
    // A foreign machine joins first and is not taken for the ordered one.
    scenario = scenario
        .with_event(Duration::from_secs(300), Event::Join(other))
        .with_event(Duration::from_secs(320), Event::Join(joins));
    let mut world = World::new(&scenario, |pool| {
        pool.settings.max = 3;
        let token = Some("secret".to_owned());
        pool.hook = Some(HookSettings {
            call: Call::Http {
                url,
                token,
                ca: None,
            },
            // On a busy machine, more tries than the first may time out.
            timeout: Duration::from_secs(1),
            tries: 100,
            pause: Duration::from_millis(10),
        });
    });
    world.call_hook();
    let is_ordered = |world: &World| !world.status().orders.is_empty();
    assert!(world.until(280, is_ordered).await);
    let pools = world.balancer.pools_mut().unwrap();
    assert!(
        pools.provider_mut().finish(MAX_WAIT).await,
        "the server is not called"
    );
    world
        .until(400, |world| world.has_happened("machine node9 has joined"))
        .await;
    assert!(
        world.has_happened("machine node9 has joined"),
        "{:?}",
        world.events()
    );
    assert!(
        !world.has_happened("foreign has joined"),
        "{:?}",
        world.events()
    );
    let requests = server.requests();
    assert!(requests.len() >= 3, "{requests:?}");
    for request in requests {
        let request = request.to_lowercase();
        assert!(
            request.contains("idempotency-key: first-1-add"),
            "{request}"
        );
        assert!(
            request.contains("authorization: bearer secret"),
            "{request}"
        );
    }
}
