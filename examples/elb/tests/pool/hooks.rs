//! Hooks that hang, fail and lie, and what becomes of the pool and of the services meanwhile.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use elb::keeper::MachineState;
use elb::pool::hook::{Action, Call, HookSettings};
use elb::pool::provider::Background;
use elb::simulator::{Event, Load, Scenario};

use crate::world::{Fate, Scripted, World};

/// Machines that do not suffice, at once and for long.
fn needy() -> Scenario {
    let mut scenario = Scenario::named("machines").unwrap();
    scenario.services[0].load = Load::Constant(1_400.0);
    scenario
}

/// More machines than are needed, with next to nothing to do.
fn idle() -> Scenario {
    let mut scenario = Scenario::named("thief").unwrap();
    scenario.script.clear();
    scenario.services[0].load = Load::Constant(150.0);
    scenario.services[0].replicas = 6;
    scenario.machines.as_mut().unwrap().bounds = (2, 6);
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
        timeout: Duration::from_secs(30),
        tries: 1,
        pause: Duration::ZERO,
    }
}

/// Waits, in real time, for what a program in the background does.
async fn soon(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_hook_that_hangs_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let hook = program(folder.path(), "echo $$ >>\"$1/asked\"\nexec sleep 600\n");
    let mut world = World::new(&needy(), |pool| pool.hook = Some(hook));
    world.provide(Background::default());
    let ordered = world
        .until(200, |world| !world.standing().orders.is_empty())
        .await;
    assert!(ordered, "{:?}", world.events());
    let asked = folder.path().join("asked");
    soon("the hook is never asked", || asked.exists()).await;
    // While it hangs, services are balanced as if nothing were.
    let (mut slowest, mut changes) = (Duration::ZERO, 0);
    for _ in 0..100 {
        let begun = Instant::now();
        let round = world.round().await;
        slowest = slowest.max(begun.elapsed());
        let services = round.decisions.iter();
        changes += services
            .filter(|decided| decided.decision.service == "shop")
            .count();
    }
    assert_eq!(changes, 100, "a decision for the service in every round");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    assert!(
        world
            .standing()
            .orders
            .iter()
            .all(|order| !order.is_promised)
    );
    // What was ordered is not ordered again and again.
    let pids = std::fs::read_to_string(&asked).unwrap();
    assert!(pids.lines().count() <= 4, "{pids}");
}

#[tokio::test]
async fn an_order_that_counts_no_longer_is_not_given_any_longer() {
    let folder = tempfile::tempdir().unwrap();
    let hook = program(folder.path(), "echo $$ >>\"$1/asked\"\nexit 75\n");
    let mut world = World::new(&needy(), |pool| {
        // For longer than the order counts.
        let (tries, pause) = (100, Duration::from_millis(300));
        pool.hook = Some(HookSettings {
            tries,
            pause,
            ..hook
        });
        pool.machines.join = Duration::from_secs(3);
    });
    world.provide(Background::default());
    assert!(
        world
            .until(200, |world| !world.standing().orders.is_empty())
            .await
    );
    let pools = world.balancer.pools_mut().unwrap();
    assert!(pools.finish(Duration::from_secs(60)).await);
    world.until(40, |_| false).await;
    assert!(
        world.has_happened("within 3s, all tries together"),
        "{:?}",
        world.events()
    );
}

#[tokio::test]
async fn at_the_end_hooks_are_waited_for_and_not_for_long() {
    for (seconds, is_done) in [("0.5", true), ("600", false)] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("echo $$ >>\"$1/asked\"\nexec sleep {seconds}\n");
        let hook = program(folder.path(), &text);
        let mut world = World::new(&needy(), |pool| pool.hook = Some(hook));
        world.provide(Background::default());
        let pools = world.balancer.pools_mut().unwrap();
        assert!(
            pools.finish(Duration::from_secs(1)).await,
            "nothing is asked yet"
        );
        assert!(
            world
                .until(200, |world| !world.standing().orders.is_empty())
                .await
        );
        let asked = folder.path().join("asked");
        soon("the hook is never asked", || asked.exists()).await;
        let pools = world.balancer.pools_mut().unwrap();
        let patience = Duration::from_secs(if is_done { 60 } else { 1 });
        let begun = Instant::now();
        assert_eq!(pools.finish(patience).await, is_done);
        assert!(begun.elapsed() < Duration::from_secs(50));
    }
}

#[tokio::test]
async fn a_program_is_asked_with_a_key_of_this_run_and_its_promise_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let hook = program(
        folder.path(),
        "echo \"$ELB_ORDER $ELB_ACTION $ELB_POOL\" >>\"$1/asked\"\n\
         echo '{\"machine\": \"node9\"}'\n",
    );
    let mut world = World::new(&needy(), |pool| pool.hook = Some(hook));
    world.provide(Background::default());
    assert!(
        world
            .until(200, |world| !world.standing().orders.is_empty())
            .await
    );
    let asked = folder.path().join("asked");
    let text = || std::fs::read_to_string(&asked).unwrap_or_default();
    soon("the hook is never asked", || text().ends_with('\n')).await;
    assert!(
        text().starts_with("first-1-add add machines\n"),
        "{}",
        text()
    );
    for _ in 0..200 {
        world.round().await;
        if world
            .standing()
            .orders
            .iter()
            .any(|order| order.is_promised)
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let standing = world.standing();
    let order = standing.orders.first().expect("an order is under way");
    assert!(order.is_promised);
    assert_eq!(order.machine.as_deref(), Some("node9"));
}

#[tokio::test]
async fn a_promise_without_a_machine_is_told_and_asked_for_again_after_a_while() {
    let mut world = World::new(&needy(), |_| {});
    let (hook, orders) = Scripted::new(&world, |_| Fate::Promised);
    world.provide(hook);
    let is_told = |world: &World| world.has_happened("was promised and has not come");
    assert!(world.until(700, is_told).await, "{:?}", world.events());
    // One failure after the other, and twice as long between them.
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
    assert_eq!(different.len(), keys.len(), "no key twice");
    let decision = world.standing().last.unwrap();
    assert_eq!(
        decision.replicas,
        world.standing().serving + world.standing().orders.len() as u32
    );
}

#[tokio::test]
async fn a_hook_that_refuses_costs_nothing_and_is_left_alone_for_a_while() {
    let mut world = World::new(&needy(), |_| {});
    let (hook, orders) = Scripted::new(&world, |_| Fate::Refused);
    world.provide(hook);
    world.until(1_800, |_| false).await;
    let count = orders.lock().len();
    assert!((3..=40).contains(&count), "{count}");
    assert!(world.has_happened("no quota"));
    let standing = world.standing();
    assert_eq!((standing.serving, standing.orders.len()), (2, 0));
    let decision = standing.last.unwrap();
    assert!(
        decision.to_string().contains("is asked again in"),
        "{decision}"
    );
    // The services have what there is room for, and say why no more.
    let board = world.balancer.board().lock();
    let shop = board.standing("shop").unwrap();
    assert_eq!(
        shop.running,
        12,
        "{:?}",
        shop.last.as_ref().map(ToString::to_string)
    );
}

#[tokio::test]
async fn a_machine_that_never_leaves_stays_drained_and_none_goes_after_it() {
    let mut world = World::new(&idle(), |_| {});
    let (hook, orders) = Scripted::new(&world, |order| match order.action {
        Action::Add => Fate::Kept,
        Action::Remove => Fate::Promised,
    });
    world.provide(hook);
    let is_told = |world: &World| world.has_happened("was given back and is still there");
    assert!(world.until(1_500, is_told).await, "{:?}", world.events());
    world.until(1_200, |_| false).await;
    assert_eq!(orders.lock().len(), 1, "{:?}", orders.lock());
    let standing = world.standing();
    assert_eq!(standing.serving, 4);
    let given: Vec<_> = standing
        .machines
        .iter()
        .filter(|it| it.state == MachineState::GivenBack)
        .collect();
    assert_eq!((given.len(), given[0].tasks), (1, 0));
    let decision = standing.last.unwrap();
    assert!(
        decision.to_string().contains("one leaves at a time"),
        "{decision}"
    );
}

#[tokio::test]
async fn a_machine_that_the_hook_does_not_take_works_on() {
    let mut world = World::new(&idle(), |_| {});
    let (hook, orders) = Scripted::new(&world, |_| Fate::Refused);
    world.provide(hook);
    let is_back = |world: &World| world.has_happened("takes tasks again");
    assert!(world.until(1_500, is_back).await, "{:?}", world.events());
    world.until(20, |_| false).await;
    assert_eq!(
        world.standing().serving,
        5,
        "{:?} {:?}",
        world.events(),
        world.standing().machines
    );
    world.until(1_800, |_| false).await;
    let count = orders.lock().len();
    assert!((2..=6).contains(&count), "{count} attempts in half an hour");
    assert!(world.standing().serving >= 4);
}

#[tokio::test]
async fn a_hook_that_never_answers_is_no_promise() {
    let mut world = World::new(&needy(), |_| {});
    let (hook, _) = Scripted::new(&world, |_| Fate::Silence);
    world.provide(hook);
    assert!(
        world
            .until(300, |world| !world.standing().orders.is_empty())
            .await
    );
    assert!(
        world
            .standing()
            .orders
            .iter()
            .all(|order| !order.is_promised)
    );
    let is_told = |world: &World| world.has_happened("has not come");
    assert!(world.until(600, is_told).await);
}

/// What each connection is answered; an empty answer is silence, for longer than anybody waits.
fn server(answers: Vec<&'static str>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/machines", listener.local_addr().unwrap());
    let told = thread::spawn(move || {
        let mut told = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            // The order is the end of what is sent.
            while !request.ends_with(b"}") {
                match stream.read(&mut piece) {
                    Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            told.push(String::from_utf8(request).unwrap());
            if answer.is_empty() {
                thread::sleep(Duration::from_millis(1_500));
            }
            stream.write_all(answer.as_bytes()).ok();
        }
        told
    });
    (url, told)
}

#[tokio::test]
async fn a_server_that_hangs_and_fails_first_is_asked_until_its_machine_is_there() {
    let (url, told) = server(vec![
        "",
        "HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 19\r\n\r\n{\"machine\":\"node9\"}",
    ]);
    let mut scenario = needy();
    let mut joins = scenario.hosts[1].clone();
    (joins.name, joins.address) = ("node9".to_owned(), [10, 0, 0, 9].into());
    let mut other = joins.clone();
    (other.name, other.address) = ("stranger".to_owned(), [10, 0, 0, 8].into());
    // Somebody else's machine comes first, and is not taken for it.
    scenario = scenario
        .with(Duration::from_secs(300), Event::Join(other))
        .with(Duration::from_secs(320), Event::Join(joins));
    let mut world = World::new(&scenario, |pool| {
        pool.settings.max = 3;
        let token = Some("secret".to_owned());
        pool.hook = Some(HookSettings {
            call: Call::Http { url, token },
            timeout: Duration::from_millis(700),
            tries: 3,
            pause: Duration::from_millis(10),
        });
    });
    world.provide(Background::default());
    let is_ordered = |world: &World| !world.standing().orders.is_empty();
    assert!(world.until(280, is_ordered).await);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !told.is_finished() {
        assert!(
            Instant::now() < deadline,
            "the server is not asked three times"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The last answer is on its way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world
        .until(400, |world| world.has_happened("machine node9 has joined"))
        .await;
    assert!(
        world.has_happened("machine node9 has joined"),
        "{:?}",
        world.events()
    );
    assert!(
        !world.has_happened("stranger has joined"),
        "{:?}",
        world.events()
    );
    for request in told.join().unwrap() {
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
