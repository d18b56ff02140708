use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn settings() -> MachineSettings {
    MachineSettings {
        name: "workers".to_owned(),
        min: 2,
        max: 6,
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
        is_manager: name.starts_with('m'),
        tasks,
    }
}

/// A cluster that does as it is told, with a provider that keeps its promises.
struct World {
    machines: Machines,
    there: Vec<Machine>,
    now: u64,
    notes: Vec<String>,
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
            born: workers,
        }
    }

    fn step(&mut self, wish: u32, floor: u32, poor: &[&str]) -> Vec<MachineStep> {
        self.now += 10;
        let (steps, notes) =
            self.machines
                .step(at(self.now), "run1", &self.there, wish, floor, poor);
        self.notes.extend(notes.iter().map(ToString::to_string));
        steps
    }

    fn obey(&mut self, steps: &[MachineStep]) {
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

#[test]
fn machines_come_one_for_each_that_is_missing() {
    let mut world = World::new(2);
    assert_eq!(world.step(3, 0, &[]), []);
    let steps = world.step(5, 0, &[]);
    let orders = ["run1-1-add", "run1-2-add"].map(|order| MachineStep::Add {
        order: order.to_owned(),
    });
    assert_eq!(steps, orders);
    // Until they have come nothing more is ordered.
    assert_eq!(world.step(5, 0, &[]), []);
    world.obey(&steps);
    assert_eq!(world.step(5, 0, &[]), []);
    assert_eq!(
        world.notes,
        ["machine w3 has joined", "machine w4 has joined"]
    );
    // And never more than may be.
    let steps = world.step(100, 0, &[]);
    assert_eq!(steps.len(), 1);
}

#[test]
fn a_machine_leaves_when_nothing_runs_on_it_any_more() {
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
    world.obey(&steps);
    world.step(4, 0, &[]);
    assert_eq!(world.notes, ["machine w1 is gone"]);
}

#[test]
fn what_the_services_need_at_least_stays() {
    let mut world = World::new(4);
    for _ in 0..50 {
        let steps = world.step(0, 4, &[]);
        world.obey(&steps);
    }
    assert_eq!(world.serving(), 4);
    for _ in 0..50 {
        let steps = world.step(0, 0, &[]);
        world.obey(&steps);
    }
    assert_eq!(world.serving(), 2, "the pool's own minimum");
    assert!(world.there.iter().any(|machine| machine.name == "m1"));
}

#[test]
fn one_that_was_to_leave_is_taken_back_when_it_is_needed() {
    let mut world = World::new(3);
    world.step(3, 0, &[]);
    world.set("w1", |machine| machine.is_active = false);
    let steps = world.step(4, 0, &[]);
    let back = MachineStep::Activate {
        machine: "w1".to_owned(),
    };
    assert_eq!(steps, [back]);
    assert_eq!(world.machines.leaving().count(), 0);
}

#[test]
fn promises_that_are_not_kept_are_told() {
    let mut world = World::new(2);
    world.step(3, 0, &[]);
    world.step(4, 0, &[]);
    for _ in 0..31 {
        world.step(4, 0, &[]);
    }
    assert_eq!(
        world.notes,
        ["the machine of order run1-1-add was promised and has not come"]
    );
    // It is ordered anew, with another key.
    assert_eq!(world.machines.coming(), 1);

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
        ["machine w1 was given back and is still there: it stays drained"]
    );
}

#[test]
fn tasks_that_do_not_leave_end_the_attempt() {
    let mut world = World::new(4);
    world.step(4, 0, &[]);
    world.set("w1", |machine| machine.is_active = false);
    let mut told = Vec::new();
    for _ in 0..13 {
        told = world.step(4, 0, &[]);
        if !told.is_empty() {
            break;
        }
    }
    let back = MachineStep::Activate {
        machine: "w1".to_owned(),
    };
    assert!(told.contains(&back), "{told:?}");
    assert_eq!(
        world.notes,
        ["1 tasks do not leave machine w1: it takes tasks again"]
    );
}

#[test]
fn a_hook_that_fails_costs_nothing() {
    let mut world = World::new(2);
    world.step(4, 0, &[]);
    let (steps, note) = world.machines.failed("run1-1-add", "no quota");
    assert!(steps.is_empty());
    assert_eq!(note.to_string(), "order run1-1-add: no quota");
    assert_eq!(world.machines.coming(), 0);

    let mut world = World::new(4);
    world.step(4, 0, &[]);
    world.set("w1", |machine| {
        (machine.is_active, machine.tasks) = (false, 0);
    });
    world.step(4, 0, &[]);
    let (steps, _) = world.machines.failed("run1-1-remove", "refused");
    let back = MachineStep::Activate {
        machine: "w1".to_owned(),
    };
    assert_eq!(steps, [back]);
}

#[test]
fn a_poor_performer_is_replaced_by_one_that_comes_first_and_only_so_often() {
    let mut world = World::new(4);
    world.step(5, 0, &[]);
    let steps = world.step(5, 0, &["w2", "w3"]);
    assert!(matches!(&steps[..], [MachineStep::Add { .. }]), "{steps:?}");
    assert_eq!(world.serving(), 5, "nothing is taken away before");
    world.obey(&steps);
    let steps = world.step(5, 0, &["w2", "w3"]);
    let drain = MachineStep::Drain {
        machine: "w2".to_owned(),
        why: DrainBecause::PoorPerformer,
    };
    assert_eq!(steps, [drain]);
    for _ in 0..20 {
        let steps = world.step(5, 0, &["w3"]);
        world.obey(&steps);
        world.set("w2", |machine| {
            (machine.is_active, machine.tasks) = (false, 0);
        });
    }
    assert!(world.there.iter().all(|machine| machine.name != "w2"));
    assert!(world.there.iter().any(|machine| machine.name == "w3"));
    let refusal = "machine w3 is a poor performer and stays: as many were replaced as may be";
    assert!(
        world.notes.iter().any(|note| note == refusal),
        "{:?}",
        world.notes
    );
    // A manager never.
    let mut world = World::new(4);
    world.step(5, 0, &[]);
    assert_eq!(world.step(5, 0, &["m1"]), []);
}

proptest! {
    #[test]
    fn never_below_what_is_needed_nor_above_what_may_be(
        wishes in proptest::collection::vec((0..10_u32, 0..5_u32, any::<bool>()), 1..200),
    ) {
        let mut world = World::new(4);
        for (wish, floor, is_poor) in wishes {
            let before = world.serving();
            let poor: &[&str] = if is_poor { &["w1", "w2", "w3"] } else { &[] };
            let steps = world.step(wish, floor, poor);
            world.obey(&steps);
            let least = floor.max(2) as usize;
            prop_assert!(world.serving() >= least.min(before), "{steps:?}");
            prop_assert!(world.there.len() <= 7);
        }
    }
}
