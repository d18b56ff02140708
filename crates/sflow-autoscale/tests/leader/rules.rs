//! The rules of the election, one by one, with a store that answers at once.

use std::ops::Range;
use std::time::Duration;

use sflow_autoscale::leader::{
    Election, LeaseError, LeaseSettings, LeaseStore, Record, StoredRecord, Write,
};

use crate::store::{Store, ready};

const fn at(second: u64) -> Duration {
    Duration::from_secs(second)
}

fn candidate(instance: &str) -> Election {
    let address = format!("http://{instance}:8080");
    Election::new(LeaseSettings::default(), instance, address).unwrap()
}

fn attend(election: &mut Election, store: &mut Store, now: Duration) {
    ready(election.attend(store, || now));
}

fn is_leader(election: &Election) -> bool {
    election.leadership().is_leader
}

/// Reads the record in each of these seconds, without a takeover.
fn watch(standby: &mut Election, store: &mut Store, seconds: Range<u64>) {
    for second in seconds {
        attend(standby, store, at(second));
        assert!(!is_leader(standby), "{second}");
    }
}

/// A leader at second 0 and a standby that has read its record.
fn pair() -> (Store, Election, Election) {
    let mut store = Store::default();
    let (mut leader, mut standby) = (candidate("a"), candidate("b"));
    attend(&mut leader, &mut store, at(0));
    attend(&mut standby, &mut store, at(0));
    (store, leader, standby)
}

fn read(store: &mut Store) -> Record {
    ready(store.read()).unwrap().unwrap().record
}

#[test]
fn first_process_creates_record_and_standby_reports_it() {
    let (_, leader, standby) = pair();
    let leads = leader.leadership();
    assert!(leads.is_leader && leads.may_write(at(0)));
    let waits = standby.leadership();
    assert!(!waits.is_leader && !waits.may_write(at(0)));
    for view in [leads, waits] {
        assert_eq!(view.holder.as_deref(), Some("a"));
        assert_eq!(view.address.as_deref(), Some("http://a:8080"));
        assert_eq!((view.term, view.since), (1, Some(at(0))));
    }
}

#[test]
fn standby_takes_over_when_record_has_not_changed_for_the_lease() {
    let (mut store, _, mut standby) = pair();
    watch(&mut standby, &mut store, 1..8);
    assert_eq!(standby.due(), at(7) + Duration::from_millis(500));
    attend(&mut standby, &mut store, at(8));
    let view = standby.leadership();
    assert_eq!((view.is_leader, view.term), (true, 2));
    assert_eq!(view.since, Some(at(8)));
}

#[test]
fn renewal_of_leader_restarts_lease() {
    let (mut store, mut leader, mut standby) = pair();
    for second in 1..60 {
        if leader.due() <= at(second) {
            attend(&mut leader, &mut store, at(second));
        }
        attend(&mut standby, &mut store, at(second));
        assert!(leader.leadership().may_write(at(second)), "{second}");
        assert!(!is_leader(&standby), "{second}");
    }
    assert_eq!(read(&mut store).term, 1);
}

#[test]
fn write_starts_only_if_it_ends_within_the_deadline_of_the_last_renewal() {
    let (mut store, mut leader, _) = pair();
    let may_write =
        |leader: &Election, ms| leader.leadership().may_write(Duration::from_millis(ms));
    // The deadline of 5 s less the 2 s of a write.
    assert!(may_write(&leader, 2_999));
    assert!(!may_write(&leader, 3_000));
    // Renewals that fail do not extend it, and the leader keeps its name.
    store.is_down = true;
    attend(&mut leader, &mut store, at(2));
    assert!(may_write(&leader, 2_999) && !may_write(&leader, 3_000));
    let view = leader.leadership();
    assert!(view.is_leader && view.error.unwrap().contains("cannot be read"));
    // The time counts from the start of a renewal, not from its answer.
    store.is_down = false;
    let stored = ready(store.read());
    let write = leader.record_read(at(10), at(10), stored).unwrap();
    let written = ready(write.send(&mut store));
    leader.record_write(at(11), at(13), written);
    assert!(may_write(&leader, 13_999) && !may_write(&leader, 14_000));
    assert_eq!(leader.leadership().term, 1);
}

#[test]
fn leader_steps_down_at_once_when_it_reads_another_leader_or_term() {
    for (holder, term) in [("b", 2), ("a", 2), ("b", 1), ("", 1)] {
        let (mut store, mut leader, _) = pair();
        let stored = ready(store.read()).unwrap().unwrap();
        let record = Record {
            holder: holder.to_owned(),
            term,
            ..stored.record
        };
        ready(store.replace(stored.version, &record)).unwrap();
        let found = ready(store.read());
        leader.record_read(at(1), at(1), found);
        assert!(!is_leader(&leader), "{holder} {term}");
        assert!(!leader.leadership().may_write(at(1)), "{holder} {term}");
    }
}

#[test]
fn leader_writes_nothing_after_conflict_until_it_has_renewed() {
    let (mut store, mut leader, _) = pair();
    let stored = ready(store.read());
    leader.record_read(at(1), at(1), stored).unwrap();
    leader.record_write(at(1), at(1), Err(LeaseError::Conflict));
    assert!(is_leader(&leader) && !leader.leadership().may_write(at(1)));
    attend(&mut leader, &mut store, at(2));
    assert!(leader.leadership().may_write(at(2)));
}

#[test]
fn record_of_earlier_process_of_the_same_name_is_foreign() {
    let (mut store, _, _) = pair();
    let mut restarted = candidate("a");
    watch(&mut restarted, &mut store, 1..9);
    attend(&mut restarted, &mut store, at(9));
    assert_eq!(restarted.leadership().term, 2);
}

#[test]
fn takeover_whose_answer_was_lost_is_continued() {
    let (mut store, _, mut standby) = pair();
    watch(&mut standby, &mut store, 1..8);
    let stored = ready(store.read());
    let takeover = standby.record_read(at(8), at(8), stored).unwrap();
    ready(takeover.send(&mut store)).unwrap();
    let lost = LeaseError::Unreachable("no answer within 2 s".to_owned());
    standby.record_write(at(8), at(10), Err(lost));
    assert!(!is_leader(&standby));
    attend(&mut standby, &mut store, at(11));
    assert_eq!(standby.leadership().term, 2);
    assert!(standby.leadership().may_write(at(11)));
}

#[test]
fn late_takeover_conflicts_with_renewal() {
    let (mut store, mut leader, mut standby) = pair();
    watch(&mut standby, &mut store, 1..8);
    let stored = ready(store.read());
    let takeover = standby.record_read(at(8), at(8), stored).unwrap();
    attend(&mut leader, &mut store, at(8));
    let conflict = ready(takeover.send(&mut store));
    assert_eq!(conflict, Err(LeaseError::Conflict));
    standby.record_write(at(8), at(9), conflict);
    attend(&mut standby, &mut store, at(9));
    assert!(is_leader(&leader) && !is_leader(&standby));
}

#[test]
fn expiry_after_an_outage_leaves_time_for_a_renewal() {
    for leader_lives in [true, false] {
        let (mut store, mut leader, mut standby) = pair();
        store.is_down = true;
        watch(&mut standby, &mut store, 1..30);
        store.is_down = false;
        watch(&mut standby, &mut store, 30..33);
        if leader_lives {
            attend(&mut leader, &mut store, at(32));
        }
        attend(&mut standby, &mut store, at(33));
        assert_eq!(is_leader(&standby), !leader_lives);
    }
}

#[test]
fn single_lost_request_is_no_outage() {
    let (mut store, _, mut standby) = pair();
    for second in 1..8 {
        store.is_down = second == 6;
        attend(&mut standby, &mut store, at(second));
    }
    attend(&mut standby, &mut store, at(8));
    assert!(is_leader(&standby));
}

#[test]
fn released_lease_is_taken_at_once() {
    let (mut store, mut leader, mut standby) = pair();
    ready(leader.release(&mut store)).unwrap();
    assert!(!is_leader(&leader) && !leader.leadership().may_write(at(1)));
    attend(&mut standby, &mut store, at(1));
    assert_eq!(standby.leadership().term, 2);
    // The one that released takes no further part.
    attend(&mut leader, &mut store, at(100));
    assert!(!is_leader(&leader));
    // A standby that ends leaves the lease alone.
    ready(leader.release(&mut store)).unwrap();
    assert_eq!(read(&mut store).holder, "b");
}

#[test]
fn deleted_record_is_created_again_with_the_next_term_after_the_lease() {
    let (mut store, mut leader, mut standby) = pair();
    store.delete();
    attend(&mut leader, &mut store, at(1));
    attend(&mut standby, &mut store, at(1));
    assert!(!is_leader(&leader) && !is_leader(&standby));
    watch(&mut standby, &mut store, 2..9);
    attend(&mut standby, &mut store, at(9));
    assert_eq!(standby.leadership().term, 2);
}

#[test]
fn creation_whose_request_was_lost_is_repeated_at_once() {
    let mut store = Store::default();
    let mut election = candidate("a");
    let create = election.record_read(at(0), at(0), Ok(None)).unwrap();
    assert!(matches!(create, Write::Create(_)));
    let lost = LeaseError::Unreachable("no answer".to_owned());
    election.record_write(at(0), at(2), Err(lost));
    let due = election.due();
    attend(&mut election, &mut store, due);
    assert!(is_leader(&election));
}

#[test]
fn journal_is_stored_with_the_next_renewal_and_inherited() {
    let (mut store, mut leader, mut standby) = pair();
    standby.set_journal("of a standby".to_owned());
    leader.set_journal("orders".to_owned());
    assert_eq!(leader.leadership().journal, "", "not stored yet");
    assert_eq!(leader.due(), Duration::ZERO, "it is stored at once");
    attend(&mut leader, &mut store, at(1));
    assert_eq!(leader.leadership().journal, "orders");
    watch(&mut standby, &mut store, 1..9);
    assert_eq!(standby.leadership().journal, "orders");
    attend(&mut standby, &mut store, at(9));
    assert!(is_leader(&standby));
    assert_eq!(standby.leadership().journal, "orders");
    attend(&mut standby, &mut store, at(11));
    assert_eq!(read(&mut store).journal, "orders");
}

#[test]
fn record_of_unknown_form_changes_nothing() {
    let (_, mut leader, _) = pair();
    let unreadable = LeaseError::Unreachable("label elb.lease.term is missing".to_owned());
    assert_eq!(leader.record_read(at(1), at(1), Err(unreadable)), None);
    assert!(is_leader(&leader));
}

#[test]
fn term_at_its_maximum_has_no_successor_and_the_remedy_is_named() {
    let (mut store, ..) = pair();
    let stored = StoredRecord {
        version: 1,
        record: Record {
            term: u64::MAX,
            ..read(&mut store)
        },
    };
    let mut other = candidate("c");
    for second in 1..20 {
        let read = Ok(Some(stored.clone()));
        assert_eq!(other.record_read(at(second), at(second), read), None);
    }
    let error = other.leadership().error.unwrap();
    assert!(error.contains("remove the record"), "{error}");
}

#[test]
fn deleted_record_of_term_zero_is_taken_after_the_lease() {
    let (mut store, ..) = pair();
    let stored = StoredRecord {
        version: 1,
        record: Record {
            term: 0,
            ..read(&mut store)
        },
    };
    let mut other = candidate("c");
    assert_eq!(other.record_read(at(1), at(1), Ok(Some(stored))), None);
    let taken = (2..20).find(|&second| {
        let read = other.record_read(at(second), at(second), Ok(None));
        read.is_some()
    });
    assert_eq!(taken, Some(10));
}
