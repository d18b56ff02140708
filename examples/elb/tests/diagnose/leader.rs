use std::time::Duration;

use super::Case;
use elb::diagnose::Level::{Note, Wrong};
use elb::diagnose::{Facts, LeaderFacts};
use elb::status::{LeaderStatus, LeaderView};
use sflow_autoscale::leader::LeaseSettings;

/// A standby whose leader renews the lease.
pub(crate) fn standby() -> LeaderFacts {
    LeaderFacts {
        view: LeaderView {
            election: true,
            renewed_age: Some(1.0),
            status: LeaderStatus {
                instance: "node2".to_owned(),
                holder: Some("node1".to_owned()),
                address: Some("http://node1:8008".to_owned()),
                term: 7,
                ..LeaderStatus::default()
            },
        },
        uptime: Some(Duration::from_secs(600)),
        changes: 2,
        lease: LeaseSettings::default(),
    }
}

fn leader(facts: &mut Facts) -> &mut LeaderFacts {
    facts.leader.as_mut().unwrap()
}

pub(crate) const CASES: &[Case] = &[
    (
        |facts| leader(facts).view.renewed_age = Some(12.5),
        Wrong,
        "no-leader",
        &["nothing is changed", "0:12", "term 7", "logs"],
    ),
    (
        |facts| {
            let leader = leader(facts);
            leader.view.renewed_age = Some(12.5);
            leader.view.status.error = Some("no manager answered".to_owned());
        },
        Wrong,
        "lease-unreachable",
        &[
            "nothing is changed",
            "no manager answered",
            "docker node ls",
        ],
    ),
    (
        |facts| {
            let leader = leader(facts);
            leader.view = LeaderView {
                election: true,
                ..LeaderView::default()
            };
            leader.uptime = Some(Duration::from_secs(13));
            leader.view.status.error = Some("status 403".to_owned());
        },
        Wrong,
        "lease-unreachable",
        &["0:13", "status 403"],
    ),
    (
        |facts| {
            let leader = leader(facts);
            leader.uptime = None;
            leader.view.status.error = Some("config elb-lease is not a lease".to_owned());
        },
        Wrong,
        "lease-unreachable",
        &["config elb-lease is not a lease"],
    ),
    (
        |facts| leader(facts).changes = 3,
        Note,
        "leader-changes",
        &["3 times in 10 minutes", "leader.lease"],
    ),
];

/// The record of the lease still contains the name of the instance after its lease has expired.
#[test]
fn isolated_leader_reports_the_unreachable_lease_alone() {
    let mut facts = super::healthy();
    let leader = leader(&mut facts);
    leader.view.renewed_age = Some(12.5);
    leader.view.status.holder = Some("node2".to_owned());
    leader.view.status.error = Some("no manager answered".to_owned());
    let findings = elb::diagnose::Findings::of(&facts);
    let kinds = findings.incomplete().into_iter().map(|it| it.kind);
    assert_eq!(kinds.collect::<Vec<_>>(), ["lease_unreachable"]);
}

/// No finding about an error of a single request, a takeover or a restart.
#[test]
fn short_interruptions_of_the_lease_are_not_reported() {
    let changes: [fn(&mut LeaderFacts); 4] = [
        |leader| leader.view.status.error = Some("timeout".to_owned()),
        |leader| leader.view.renewed_age = Some(11.9),
        |leader| leader.view.status.holder = Some("node2".to_owned()),
        |leader| {
            leader.view.status.is_leader = true;
            leader.view.renewed_age = None;
        },
    ];
    for change in changes {
        let mut facts = super::healthy();
        change(leader(&mut facts));
        assert_eq!(elb::diagnose::Findings::of(&facts).incomplete(), []);
    }
}

#[test]
fn check_reads_the_lease_once() {
    let mut facts = super::healthy();
    leader(&mut facts).uptime = None;
    for (holder, expected) in [
        (
            Some("node1"),
            "node1 (http://node1:8008) holds the lease, term 7",
        ),
        (None, "no instance holds the lease"),
    ] {
        leader(&mut facts).view.status.holder = holder.map(str::to_owned);
        let line = format!("ok     leader: {expected}\n");
        let findings = elb::diagnose::Findings::of(&facts).to_string();
        assert!(findings.contains(&line), "{findings}");
    }
}
