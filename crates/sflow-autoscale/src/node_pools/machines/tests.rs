use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn settings() -> MachineSettings {
    MachineSettings {
        join: Duration::from_secs(300),
        drain: Duration::from_secs(120),
        leave: Duration::from_secs(300),
        replacements: 1,
        period: Duration::from_secs(86_400),
    }
}

fn machine(name: &str, tasks: u32) -> Machine {
    Machine {
        name: name.to_owned(),
        is_ready: true,
        is_active: true,
        stays: name.starts_with('m').then_some(StayReason::Manager),
        tasks,
    }
}

/// A cluster that applies every step, with a provider that keeps its promises.
struct World {
    machines: Machines,
    there: Vec<Machine>,
    now: u64,
    notes: Vec<String>,
    held: Option<String>,
    born: u32,
}

impl World {
    fn new(workers: u32) -> Self {
        let mut there = vec![machine("m1", 3)];
        there.extend((1..=workers).map(|number| machine(&format!("w{number}"), number)));
        Self {
            machines: Machines::new(settings()),
            there,
            now: 0,
            notes: Vec::new(),
            held: None,
            born: workers,
        }
    }

    fn step(&mut self, desired: u32, minimum: u32, poor: &[&str]) -> Vec<MachineStep> {
        self.now += 10;
        let goal = Goal {
            machines: desired,
            min: minimum.max(2),
            max: 6,
            poor,
            replace: true,
        };
        let plan = self.machines.step(at(self.now), "run1", &self.there, goal);
        self.notes
            .extend(plan.notes.iter().map(ToString::to_string));
        self.held = plan.held.map(|held| held.to_string());
        plan.steps
    }

    fn apply(&mut self, steps: &[MachineStep]) {
        for step in steps {
            match step {
                MachineStep::Add { .. } => {
                    self.born += 1;
                    let name = format!("w{}", self.born);
                    self.there.push(machine(&name, 0));
                }
                MachineStep::Drain { machine, .. } => self.set(machine, |machine| {
                    machine.is_active = false;
                    machine.tasks = 0;
                }),
                MachineStep::Activate { machine } => {
                    self.set(machine, |machine| machine.is_active = true);
                }
                MachineStep::Remove { machine, .. } => {
                    self.there.retain(|there| there.name != *machine);
                }
            }
        }
    }

    fn set(&mut self, name: &str, change: impl Fn(&mut Machine)) {
        for machine in self.there.iter_mut().filter(|there| there.name == name) {
            change(machine);
        }
    }

    fn serving(&self) -> usize {
        let serving = self.there.iter();
        serving
            .filter(|machine| machine.is_active && machine.is_ready)
            .count()
    }
}

fn add(order: &str) -> MachineStep {
    MachineStep::Add {
        order: order.to_owned(),
    }
}

#[test]
fn each_missing_machine_is_ordered() {
    let mut world = World::new(2);
    assert_eq!(world.step(3, 0, &[]), []);
    let steps = world.step(5, 0, &[]);
    assert_eq!(steps, ["run1-1-add", "run1-2-add"].map(add));
    // Nothing more is ordered until they have joined.
    assert_eq!(world.step(5, 0, &[]), []);
    world.apply(&steps);
    assert_eq!(world.step(5, 0, &[]), []);
    assert_eq!(
        world.notes,
        ["machine w3 has joined", "machine w4 has joined"]
    );
    // The maximum is not exceeded.
    let steps = world.step(100, 0, &[]);
    assert_eq!(steps.len(), 1);
}

#[test]
fn machine_leaves_when_it_is_empty() {
    let mut world = World::new(4);
    let steps = world.step(4, 0, &[]);
    let [MachineStep::Drain { machine, .. }] = &steps[..] else {
        panic!("{steps:?}");
    };
    assert_eq!(
        machine, "w1",
        "the one with the fewest tasks, and no manager"
    );
    world.set("w1", |machine| machine.is_active = false);
    assert_eq!(
        world.step(2, 0, &[]),
        [],
        "one after the other, and not with tasks"
    );
    world.set("w1", |machine| machine.tasks = 0);
    let steps = world.step(4, 0, &[]);
    let remove = MachineStep::Remove {
        order: "run1-1-remove".to_owned(),
        machine: "w1".to_owned(),
    };
    assert_eq!(steps, [remove]);
    world.apply(&steps);
    world.step(4, 0, &[]);
    assert_eq!(world.notes, ["machine w1 has left"]);
}

#[test]
fn machines_that_services_need_stay() {
    let mut world = World::new(4);
    for _ in 0..50 {
        let steps = world.step(0, 4, &[]);
        world.apply(&steps);
    }
    assert_eq!(world.serving(), 4);
    for _ in 0..50 {
        let steps = world.step(0, 0, &[]);
        world.apply(&steps);
    }
    assert_eq!(world.serving(), 2, "the pool's own minimum");
    assert!(world.there.iter().any(|machine| machine.name == "m1"));
}

#[test]
fn draining_machine_is_activated_when_needed() {
    let mut world = World::new(3);
    world.step(3, 0, &[]);
    world.set("w1", |machine| machine.is_active = false);
    let steps = world.step(4, 0, &[]);
    let back = MachineStep::Activate {
        machine: "w1".to_owned(),
    };
    assert_eq!(steps, [back]);
    assert_eq!(world.machines.leaving().len(), 0);
}

#[test]
fn broken_promise_is_reported() {
    let mut world = World::new(2);
    world.step(3, 0, &[]);
    world.step(4, 0, &[]);
    for _ in 0..31 {
        world.step(4, 0, &[]);
    }
    assert_eq!(
        world.notes,
        ["the machine of order run1-1-add was promised and has not joined"]
    );
    // It is ordered again after a while, with another key.
    assert_eq!(world.machines.coming().len(), 0);
    let held = "the hook has failed and is called again in 30 s";
    assert_eq!(world.held.as_deref(), Some(held));
    let orders: Vec<_> = (0..3).flat_map(|_| world.step(4, 0, &[])).collect();
    assert_eq!(orders, [add("run1-2-add")]);

    let mut world = World::new(4);
    world.step(4, 0, &[]);
    world.set("w1", |machine| {
        (machine.is_active, machine.tasks) = (false, 0);
    });
    world.step(4, 0, &[]);
    for _ in 0..40 {
        assert_eq!(world.step(4, 0, &[]), []);
    }
    assert_eq!(
        world.notes,
        ["machine w1 was given back and has not left: it stays drained"]
    );
}

#[test]
fn tasks_that_do_not_leave_end_the_drain() {
    let mut world = World::new(4);
    world.step(4, 0, &[]);
    world.set("w1", |machine| machine.is_active = false);
    let mut reported = Vec::new();
    for _ in 0..13 {
        reported = world.step(4, 0, &[]);
        if !reported.is_empty() {
            break;
        }
    }
    let back = MachineStep::Activate {
        machine: "w1".to_owned(),
    };
    assert!(reported.contains(&back), "{reported:?}");
    assert_eq!(
        world.notes,
        ["1 task does not leave machine w1: it takes tasks again"]
    );
}

#[test]
fn failed_order_keeps_the_machine() {
    let mut world = World::new(2);
    world.step(4, 0, &[]);
    let plan = world
        .machines
        .failed(at(world.now), "run1-1-add", "no quota");
    assert!(plan.steps.is_empty());
    assert_eq!(plan.notes[0].to_string(), "order run1-1-add: no quota");
    assert_eq!(world.machines.coming().len(), 0);
    // The delay is doubled after each failure.
    let mut asked = Vec::new();
    for _ in 0..50 {
        for step in world.step(4, 0, &[]) {
            if let MachineStep::Add { order } = &step {
                asked.push(world.now);
                world.machines.failed(at(world.now), order, "no quota");
            }
        }
    }
    assert_eq!(asked, [40, 100, 220, 460]);

    let mut world = World::new(4);
    world.step(4, 0, &[]);
    world.set("w1", |machine| {
        (machine.is_active, machine.tasks) = (false, 0);
    });
    world.step(4, 0, &[]);
    let steps = world
        .machines
        .failed(at(world.now), "run1-1-remove", "refused")
        .steps;
    let back = MachineStep::Activate {
        machine: "w1".to_owned(),
    };
    assert_eq!(steps, [back]);
}

#[test]
fn outlier_leaves_after_its_replacement_joined_within_the_limit() {
    let mut world = World::new(4);
    world.step(5, 0, &[]);
    let steps = world.step(5, 0, &["w2", "w3"]);
    assert!(matches!(&steps[..], [MachineStep::Add { .. }]), "{steps:?}");
    assert_eq!(world.serving(), 5, "nothing is taken away before");
    world.apply(&steps);
    let steps = world.step(5, 0, &["w2", "w3"]);
    let drain = MachineStep::Drain {
        machine: "w2".to_owned(),
        why: DrainReason::PoorPerformer,
    };
    assert_eq!(steps, [drain]);
    for _ in 0..20 {
        let steps = world.step(5, 0, &["w3"]);
        world.apply(&steps);
        world.set("w2", |machine| {
            (machine.is_active, machine.tasks) = (false, 0);
        });
    }
    assert!(world.there.iter().all(|machine| machine.name != "w2"));
    assert!(world.there.iter().any(|machine| machine.name == "w3"));
    let refusal = "machine w3 is an outlier and stays: the limit of replacements is reached";
    assert!(
        world.notes.iter().any(|note| note == refusal),
        "{:?}",
        world.notes
    );
    // Managers are never removed.
    let mut world = World::new(4);
    world.step(5, 0, &[]);
    assert_eq!(world.step(5, 0, &["m1"]), []);
}

#[test]
fn named_promise_is_kept_by_that_machine_only() {
    let mut world = World::new(2);
    let steps = world.step(4, 0, &[]);
    assert_eq!(steps.len(), 1);
    // The promised name exists already, so no machine has joined.
    let named = Some("w1".to_owned());
    world.machines.promised("run1-1-add", named);
    for name in ["x1", "w1"] {
        world.there.push(machine(name, 0));
        world.step(4, 0, &[]);
    }
    assert_eq!(world.machines.coming().len(), 1, "{:?}", world.notes);
    let named = Some("w9".to_owned());
    world.machines.promised("run1-1-add", named);
    world.there.push(machine("w9", 0));
    world.step(6, 0, &[]);
    assert_eq!(world.notes, ["machine w9 has joined"]);
}

#[test]
fn machine_that_cannot_leave_stays_with_its_reason() {
    let mut world = World::new(3);
    for name in ["w1", "w2", "w3"] {
        world.set(name, |machine| {
            let service = "db".to_owned();
            machine.stays = Some(StayReason::NoRoom { service });
        });
    }
    assert_eq!(world.step(2, 0, &[]), []);
    let held = "w1 has to stay: the other machines have no capacity for the tasks of db on it";
    assert_eq!(world.held.as_deref(), Some(held));
    // The worst machine is drained first, even if it has more tasks.
    let mut world = World::new(4);
    let steps = world.step(2, 0, &["w4"]);
    assert!(
        matches!(&steps[..], [MachineStep::Drain { machine, .. }] if machine == "w4"),
        "{steps:?}"
    );
    world.step(2, 0, &[]);
    assert_eq!(
        world.held.as_deref(),
        Some("machines leave one at a time, and w4 is leaving now")
    );
}

#[test]
fn drain_of_an_earlier_process_continues() {
    let mut world = World::new(4);
    world.set("w2", |machine| {
        (machine.is_active, machine.tasks) = (false, 0);
    });
    let note = world.machines.resume(at(0), "w2").unwrap();
    assert!(note.to_string().starts_with("machine w2 is drained"));
    assert_eq!(world.machines.resume(at(0), "w2"), None);
    let remove = MachineStep::Remove {
        order: "run1-1-remove".to_owned(),
        machine: "w2".to_owned(),
    };
    assert_eq!(world.step(4, 0, &[]), [remove]);
    // It is activated again.
    world.set("w2", |machine| machine.is_active = true);
    world.step(5, 0, &[]);
    assert!(world.notes[0].contains("takes tasks again") || world.notes[0].contains("take tasks"));
    assert_eq!(world.machines.count(&world.there), 5);
}

#[test]
fn adopted_order_counts_until_its_machine_is_known_to_have_joined() {
    let order = || "run0-1-add".to_owned();
    let name = || Some("w9".to_owned());
    let mut world = World::new(3);
    world.machines.record_changes(at(0), &world.there);
    assert!(world.machines.adopt_arrival(at(0), order(), None));
    assert!(!world.machines.adopt_arrival(at(0), order(), None), "known");
    assert_eq!(world.machines.count(&world.there), 5);
    // The machine joins, and is assigned to the order.
    world.there.push(machine("w9", 0));
    world.machines.record_changes(at(10), &world.there);
    assert_eq!(world.machines.coming().len(), 0);
    assert_eq!(world.machines.count(&world.there), 5);

    // It has joined before the takeover, and its name is in the journal.
    assert!(!world.machines.adopt_arrival(at(20), order(), name()));
    // Its name is known when the provider repeats its promise.
    assert!(world.machines.adopt_arrival(at(20), order(), None));
    assert_eq!(world.machines.count(&world.there), 6);
    world.machines.promised(&order(), name());
    assert_eq!(world.machines.count(&world.there), 5);

    // A removal continues as long as the machine is there.
    let remove = || "run0-2-remove".to_owned();
    assert!(world.machines.adopt_return(at(30), remove(), "w9"));
    assert!(!world.machines.adopt_return(at(30), remove(), "w8"));
    assert_eq!(world.machines.count(&world.there), 4);
    world.machines.forget_orders();
    assert_eq!(world.machines.count(&world.there), 5);
}

#[test]
fn advising_pool_records_joins_and_leaves() {
    let mut world = World::new(3);
    world.step(5, 0, &[]);
    assert_eq!(world.machines.coming().len(), 1);
    world.there.push(machine("w9", 0));
    let notes = world.machines.record_changes(at(60), &world.there);
    assert_eq!(notes[0].to_string(), "machine w9 has joined");
    assert_eq!(world.machines.count(&world.there), 5);
    world.step(4, 0, &[]);
    let leaving = world.machines.leaving().keys().next().unwrap().clone();
    world.there.retain(|machine| machine.name != leaving);
    let notes = world.machines.record_changes(at(90), &world.there);
    assert_eq!(notes[0].to_string(), format!("machine {leaving} has left"));
    // The order is overdue in every mode.
    world.step(6, 0, &[]);
    let notes = world.machines.record_changes(at(1_000), &world.there);
    assert!(
        notes
            .iter()
            .all(|note| note.to_string().contains("has not joined"))
    );
    assert_eq!(notes.len(), 2);
}

#[test]
fn recovered_machine_is_not_replaced() {
    let mut world = World::new(4);
    world.step(5, 0, &[]);
    let steps = world.step(5, 0, &["w2"]);
    world.apply(&steps);
    // The replacement joins, and the old machine recovers.
    assert_eq!(world.step(6, 0, &[]), []);
    assert_eq!(world.serving(), 6);
}

proptest! {
    #[test]
    fn replacements_respect_their_limit(
        poor in proptest::collection::vec(0..6_usize, 1..300),
    ) {
        let mut world = World::new(4);
        let mut ordered = 0;
        for bad in poor {
            // Every machine becomes an outlier in turn.
            let names = ["w1", "w2", "w3", "w4", "w5", "w6"];
            let steps = world.step(5, 0, &names[..bad]);
            ordered += steps
                .iter()
                .filter(|step| matches!(step, MachineStep::Add { .. }))
                .count();
            prop_assert!(world.machines.leaving().len() <= 1);
            world.apply(&steps);
            prop_assert!(world.serving() >= 5);
        }
        prop_assert!(ordered <= 1, "{ordered} in a day");
    }

    #[test]
    fn size_stays_between_need_and_maximum(
        wishes in proptest::collection::vec((0..10_u32, 0..5_u32, any::<bool>()), 1..200),
    ) {
        let mut world = World::new(4);
        for (wish, floor, is_poor) in wishes {
            let before = world.serving();
            let poor: &[&str] = if is_poor { &["w1", "w2", "w3"] } else { &[] };
            let steps = world.step(wish, floor, poor);
            world.apply(&steps);
            let least = floor.max(2) as usize;
            prop_assert!(world.serving() >= least.min(before), "{steps:?}");
            prop_assert!(world.there.len() <= 7);
            prop_assert!(world.machines.leaving().len() <= 1);
        }
    }
}
