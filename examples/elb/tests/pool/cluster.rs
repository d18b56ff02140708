//! What changes in the cluster meanwhile, and who else changes it.

use std::time::Duration;

use elb::orchestrator::{Availability, DRAINED_FOR, Orchestrator, Resources};
use elb::policy::Mode;
use elb::pool::keeper::MachineState;
use elb::simulator::{Event, Load, Scenario};

use crate::world::{START, World};

fn idle() -> Scenario {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.script.clear();
    scenario.services[0].load = Load::Constant(150.0);
    scenario.services[0].replicas = 6;
    scenario.machines.as_mut().unwrap().bounds = (1, 6);
    scenario
}

#[tokio::test]
async fn what_was_being_drained_when_elb_died_is_known_to_the_next_and_given_back() {
    let mut scenario = idle();
    // So that it dies before the machine is empty.
    scenario.services[0].bounds = (6, 24);
    scenario.services[0].stop = elb::simulator::Delay::millis(30_000, 30_000);
    let mut world = World::new(&scenario, |_| {});
    let is_drained = |world: &World| world.has_happened("is drained");
    assert!(world.until(900, is_drained).await);
    world.restart();
    let census = world.simulation.lock().census().await.unwrap();
    let marked: Vec<_> = census
        .nodes
        .iter()
        .filter(|node| node.labels.contains_key(DRAINED_FOR))
        .collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].availability, Availability::Drain);
    assert!(marked[0].crowd() > 0);
    let is_gone = |world: &World| world.has_happened("is gone");
    assert!(world.until(300, is_gone).await, "{:?}", world.events());
    assert!(world.has_happened("was being drained for this pool before elb was started"));
    assert!(
        world.has_happened("is given back, second-1-remove"),
        "{:?}",
        world.events()
    );
}

#[tokio::test]
async fn what_an_operator_takes_out_of_use_is_left_to_the_operator() {
    let mut world = World::new(&idle(), |pool| pool.settings.mode = Mode::Act);
    world.round().await;
    let census = world.simulation.lock().census().await.unwrap();
    let node = census
        .nodes
        .iter()
        .find(|node| node.name == "node4")
        .unwrap();
    let mut simulation = world.simulation.clone();
    let set = simulation.set_availability(node, Availability::Drain, None);
    set.await.unwrap();
    world.until(2_400, |_| false).await;
    let standing = world.standing();
    let theirs = standing
        .machines
        .iter()
        .find(|it| it.name == "node4")
        .unwrap();
    assert_eq!(theirs.state, MachineState::OutOfUse);
    assert!(
        !world.has_happened("machine node4 is"),
        "{:?}",
        world.events()
    );
}

#[tokio::test]
async fn never_fewer_machines_than_the_services_need() {
    let mut scenario = idle();
    // Four tasks at least, of which each node has room for one, the manager included.
    let shop = &mut scenario.services[0];
    (shop.bounds, shop.replicas) = ((4, 8), 4);
    shop.reserved = Resources {
        cores: 1.2,
        memory: 0,
    };
    let mut world = World::new(&scenario, |_| {});
    world.until(3_600, |_| false).await;
    let standing = world.standing();
    assert_eq!(standing.floor.machines, 3);
    assert_eq!(standing.floor.service.as_deref(), Some("shop"));
    assert_eq!(standing.serving, 3, "{:?}", world.events());
    let decision = standing.last.unwrap().to_string();
    let reason =
        "the least that services should have needs 3 machines: with fewer, shop has no room";
    assert!(decision.contains(reason), "{decision}");
    let board = world.balancer.board().lock();
    assert_eq!(board.standing("shop").unwrap().running, 4);
}

#[tokio::test]
async fn no_machine_goes_whose_tasks_have_no_room_elsewhere() {
    let mut scenario = idle();
    // Two would do for the least, but what it has needs all of them.
    let shop = &mut scenario.services[0];
    (shop.bounds, shop.replicas) = ((2, 12), 12);
    shop.load = Load::Constant(1_080.0);
    shop.work.cpu = Duration::from_micros(100);
    shop.reserved = Resources {
        cores: 0.9,
        memory: 0,
    };
    let mut world = World::new(&scenario, |_| {});
    world.until(2_000, |_| false).await;
    let standing = world.standing();
    assert_eq!(standing.serving, 5, "{:?}", world.events());
    let decision = standing.last.unwrap().to_string();
    let reason = "has to stay: the others have no room for what shop has on it";
    assert!(decision.contains(reason), "{decision}");
}

#[tokio::test]
async fn a_machine_that_is_lost_is_no_reason_to_lose_another() {
    let scenario = idle().with(
        Duration::from_secs(100),
        Event::Leave {
            host: "node3".to_owned(),
        },
    );
    let mut world = World::new(&scenario, |pool| pool.settings.min = 5);
    // Four are left, and five are to be there.
    let is_ordered = |world: &World| world.has_happened("one more machine is ordered");
    assert!(world.until(300, is_ordered).await, "{:?}", world.events());
    let has_joined = |world: &World| world.has_happened("has joined");
    assert!(world.until(200, has_joined).await);
    world.until(60, |_| false).await;
    assert_eq!(world.standing().serving, 5);
    assert!(world.now > START);
}
