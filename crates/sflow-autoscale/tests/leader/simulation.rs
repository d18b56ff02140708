//! The election in a simulation: processes with clocks that drift, pauses, lost requests, lost
//! and late answers, and outages of the store. The same input gives the same run.

use std::time::Duration;

use proptest::prelude::*;

use crate::world::{Fault, Process, World, WriteSpan};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let span = (0u64..90_000, 100u64..30_000);
    let fault = prop_oneof![
        (0usize..3, span.clone()).prop_map(|(process, (at, lasts))| Fault::Pause {
            process,
            from: ms(at),
            to: ms(at + lasts),
        }),
        span.clone().prop_map(|(at, lasts)| Fault::Outage {
            from: ms(at),
            to: ms(at + lasts),
        }),
        (0usize..3, span).prop_map(|(process, (at, lasts))| Fault::CutOff {
            process,
            from: ms(at),
            to: ms(at + lasts),
        }),
        (0usize..3, 0u64..90_000).prop_map(|(process, at)| Fault::Restart {
            process,
            at: ms(at),
        }),
        (0usize..3, 0u64..90_000).prop_map(|(process, at)| Fault::Release {
            process,
            at: ms(at),
        }),
    ];
    proptest::collection::vec(fault, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Pauses, drift of up to 10 %, a third of all messages lost or late, outages, restarts.
    #[test]
    fn faults_in_any_order_leave_one_writer_at_a_time_and_per_term(
        seed: u64,
        rates in proptest::collection::vec(90u64..=110, 2..=3),
        loss in 0u64..=33,
        faults in faults(),
    ) {
        let mut world = World::new(seed, &rates, loss, faults);
        world.run_to(ms(120_000));
        world.check();
        // When the faults are over, there is a leader that writes.
        world.heal();
        world.run_to(ms(150_000));
        world.check();
        let last = world.writes().last().map(|write| write.from);
        prop_assert!(last.is_some_and(|last| last > ms(149_000)), "{last:?}");
    }

    /// Terms continue, since all processes know the number of the last one.
    #[test]
    fn deleted_record_leaves_one_writer_at_a_time(seed: u64, at in 20_000u64..60_000) {
        let mut world = World::new(seed, &[100, 95], 0, vec![Fault::Delete { at: ms(at) }]);
        world.run_to(ms(120_000));
        world.check();
        let last = world.writes().last().unwrap();
        prop_assert_eq!(last.term, 2);
        prop_assert!(last.from > ms(119_000));
    }

    #[test]
    fn leader_that_dies_is_replaced_within_10_seconds(seed: u64, at in 20_000u64..40_000) {
        let mut world = World::new(seed, &[100, 101, 99], 0, Vec::new());
        world.run_to(ms(at));
        let (leader, term) = world.leader().unwrap();
        world.kill(leader);
        world.run_to(ms(at) + ms(10_000));
        world.check();
        let (next, next_term) = world.leader().unwrap();
        prop_assert_ne!(next, leader);
        prop_assert_eq!(next_term, term + 1);
        prop_assert!(world.may_write(next));
    }

    #[test]
    fn released_lease_is_taken_within_a_poll(seed: u64, at in 20_000u64..40_000) {
        let mut world = World::new(seed, &[100, 101], 0, Vec::new());
        world.run_to(ms(at));
        let (leader, term) = world.leader().unwrap();
        world.release(leader);
        world.run_to(ms(at) + ms(3_500));
        world.check();
        prop_assert_eq!(world.leader(), Some((1 - leader, term + 1)));
    }

    /// The election of a leader of swarm itself takes 10 to 17 s, without any renewal of the lease.
    #[test]
    fn outage_of_the_store_is_no_failure_of_the_leader(
        seed: u64,
        at in 20_000u64..30_000,
        lasts in 500u64..40_000,
    ) {
        let (from, to) = (ms(at), ms(at + lasts));
        let mut world = World::new(seed, &[100, 100], 0, vec![Fault::Outage { from, to }]);
        world.run_to(from);
        let leader = world.leader();
        prop_assert!(leader.is_some());
        // The deadline is 5 s: the last write has started 3 s after the last renewal.
        world.run_to(to);
        if lasts > 3_000 {
            let last = world.writes().last().unwrap().from;
            prop_assert!(last <= from + ms(3_000), "{last:?}");
            prop_assert_eq!(world.leader(), leader, "it stays leader in name");
        }
        world.run_to(to + ms(10_000));
        world.check();
        prop_assert_eq!(world.leader(), leader);
        prop_assert!(world.may_write(leader.unwrap().0));
    }

    #[test]
    fn leader_that_dies_before_an_outage_is_replaced_a_renewal_and_a_second_after_it(
        seed: u64,
        at in 20_000u64..30_000,
        lasts in 8_100u64..40_000,
    ) {
        let (from, to) = (ms(at), ms(at + lasts));
        let mut world = World::new(seed, &[100, 100], 0, vec![Fault::Outage { from, to }]);
        // A renewal on the way into the outage would be applied after it.
        world.run_to(from - ms(100));
        let (leader, term) = world.leader().unwrap();
        world.kill(leader);
        world.run_to(to + ms(2_500));
        let answered = world.first_answer(1 - leader, to).unwrap();
        // A last renewal that the standby had not read before the outage counts from now.
        let is_news = world.last_change(1 - leader) >= to;
        let wait = if is_news { 8_000 } else { 3_000 };
        world.run_to(to + ms(20_000));
        world.check();
        let taken = world.writes().iter().find(|write| write.term == term + 1).unwrap().from;
        // The requests take up to 0.3 s, and the first write follows within 0.2 s.
        prop_assert!(taken >= answered + ms(wait), "{answered:?} {taken:?}");
        prop_assert!(taken <= answered + ms(wait + 500), "{answered:?} {taken:?}");
        prop_assert!(answered <= to + ms(2_100), "{to:?} {answered:?}");
    }

    #[test]
    fn stopped_leader_writes_nothing_when_it_continues(
        seed: u64,
        at in 20_000u64..30_000,
        lasts in 10_000u64..60_000,
    ) {
        let mut world = World::new(seed, &[100, 100], 0, Vec::new());
        world.run_to(ms(at));
        let (leader, term) = world.leader().unwrap();
        world.pause(leader, ms(at + lasts));
        world.run_to(ms(at + lasts + 5_000));
        world.check();
        prop_assert_eq!(world.leader(), Some((1 - leader, term + 1)));
        let late = |write: &&WriteSpan| {
            write.process == leader && write.from > ms(at)
        };
        prop_assert!(world.writes().iter().find(late).is_none());
    }

    #[test]
    fn processes_started_at_once_elect_one_by_creation(seed: u64) {
        let mut world = World::new(seed, &[100, 100, 100], 0, Vec::new());
        world.run_to(ms(1_000));
        world.check();
        let leaders: Vec<&Process> = world.processes().filter(|it| it.is_leader()).collect();
        prop_assert_eq!(leaders.len(), 1);
        prop_assert_eq!(world.leader().unwrap().1, 1);
    }
}
