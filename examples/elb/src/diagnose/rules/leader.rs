use crate::diagnose::facts::LeaderFacts;
use crate::diagnose::finding::{Finding, Findings};
use crate::diagnose::kinds as kind;
use crate::format::duration;
use sflow_autoscale::leader::LeaseSettings;

const ABOUT: &str = "leader";

/// Takeovers in 10 minutes from which the election is unstable; an upgrade of two instances makes two.
const MANY: usize = 3;

/// Checks the election of a leader.
pub(super) fn check(findings: &mut Findings, leader: &LeaderFacts) {
    let status = &leader.view.status;
    let LeaseSettings {
        lease,
        renew,
        timeout,
        ..
    } = leader.lease;
    // A standby takes over at the end of the lease, after an outage one renewal interval later.
    let overdue = (lease + renew + timeout).as_secs_f64();
    let Some(uptime) = leader.uptime else {
        return findings.add(read_once(leader));
    };
    // Before the first answer of the store, the time of the last renewal is unknown.
    let never = if status.term == 0 {
        uptime.as_secs_f64()
    } else {
        0.0
    };
    let age = leader.view.renewed_age.unwrap_or(never);
    let (ago, term) = (duration(age), status.term);
    if age <= overdue {
        if let Some(leader) = leader.view.leader() {
            findings.add(kind::LEADER.of(ABOUT, format!("{leader} leads, term {term}")));
        }
    } else {
        findings.add(match &status.error {
            Some(error) => {
                let what =
                    format!("the lease was not renewed for {ago}, so nothing is changed ({error})");
                kind::LEASE_UNREACHABLE.of(ABOUT, what)
            }
            None => {
                let what = format!(
                    "no instance has renewed the lease for {ago}, so nothing is changed (term {term})"
                );
                kind::NO_LEADER.of(ABOUT, what)
            }
        });
    }
    if leader.changes >= MANY {
        let changes = leader.changes;
        let what = format!("the leader changed {changes} times in 10 minutes (term {term})");
        findings.add(kind::LEADER_CHANGES.of(ABOUT, what));
    }
}

/// The lease as `elb check` has read it.
fn read_once(leader: &LeaderFacts) -> Finding {
    let status = &leader.view.status;
    match (&status.error, leader.view.leader()) {
        (Some(error), _) => kind::LEASE_UNREACHABLE.of(ABOUT, error),
        (None, Some(leader)) => kind::LEADER.of(
            ABOUT,
            format!("{leader} holds the lease, term {}", status.term),
        ),
        (None, None) => kind::LEADER.of(ABOUT, "no instance holds the lease"),
    }
}
