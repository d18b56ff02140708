//! Lists, names and log lines of findings.

use std::collections::BTreeMap;
use std::time::Duration;

use elb::diagnose::{Finding, FindingLog, Findings, Level};
use sflow_metrics::Timestamp;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

fn finding(level: Level, kind: &'static str, subject: usize) -> Finding {
    Finding {
        level,
        kind,
        about: format!("subject {subject}"),
        what: "no data".to_owned(),
        advice: Some("check it".to_owned()),
        details: BTreeMap::new(),
    }
}

fn found(kind: &'static str, subjects: impl IntoIterator<Item = usize>) -> Vec<Finding> {
    let subjects = subjects.into_iter();
    subjects.map(|it| finding(Level::Wrong, kind, it)).collect()
}

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

#[test]
fn control_characters_are_replaced_and_missing_advice_is_left_out() {
    let mut finding = finding(Level::Note, "x", 1);
    finding.about = "service a\u{1b}[2J".to_owned();
    let line = "note   service a\u{fffd}[2J: no data";
    assert_eq!(finding.to_string(), format!("{line}; check it"));
    finding.advice = None;
    assert_eq!(finding.to_string(), line);
    finding.about = "node n".to_owned();
    assert_eq!(finding.sentences(), "Node n: no data.");
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let mut all = vec![finding(Level::Note, "no_packet_samples", 0)];
    all.extend(found("silent_agent", 0..25));
    all.extend(found("service_gone", [0]));
    let findings = Findings::from_iter(all);
    let listed = findings.incomplete();
    let kinds: Vec<&str> = listed.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds[..20], ["silent_agent"; 20]);
    assert_eq!(kinds[20..], ["no_packet_samples", "more"]);
    assert_eq!(listed[21].details["count"], 5);
    let counts = findings.counts();
    assert_eq!((counts["silent_agent"], counts["no_agent"]), (25, 0));
    assert!(!counts.contains_key("service_gone"));
}

#[test]
fn silent_agent_is_logged_when_it_begins_and_when_it_ends() {
    let mut log = FindingLog::default();
    let mut lines = Vec::new();
    for second in (0..200).step_by(10) {
        let found = match second {
            // A short interruption does not end the problem.
            20..60 | 70..100 => found("silent_agent", [1]),
            _ => Vec::new(),
        };
        lines.extend(log.update(at(second), &found));
    }
    let text = "Subject 1: no data. Check it.";
    let ended = format!("ended after 1:40: {text}");
    assert_eq!(lines, [(true, text.to_owned()), (false, ended)]);
}

#[test]
fn missing_data_of_services_is_not_logged() {
    let mut log = FindingLog::default();
    assert_eq!(log.update(at(0), &found("service_unseen", [1])), []);
    assert_eq!(log.update(at(0), &found("node_contested", [1])).len(), 1);
}

#[test]
fn refusal_is_logged_again_if_its_configuration_changes() {
    let mut log = FindingLog::default();
    let mut count = |datagrams: u64, line: &str| {
        let mut refused = found("sender_refused", [1]);
        refused[0].what = format!("{datagrams} datagrams are refused");
        refused[0].details.insert("line", line.into());
        log.update(at(datagrams), &refused).len()
    };
    assert_eq!([count(1, "a"), count(2, "a"), count(3, "b")], [1, 0, 1]);
}

#[test]
fn invented_agents_do_not_fill_the_log() {
    let mut log = FindingLog::default();
    let mut lines = 0;
    for round in 0..50 {
        let found = found("silent_agent", round * 20..round * 20 + 20);
        lines += log.update(at(10 * round as u64), &found).len();
    }
    assert_eq!(lines, 64 + 1);
    let again = log.update(at(700), &found("silent_agent", [5_000]));
    assert!(
        again.iter().any(|(_, text)| text.contains("5000")),
        "{again:?}"
    );
}
