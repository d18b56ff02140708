//! Log lines of the terminal.

use elb::policy::SubjectKind;
use elb::terminal::{Plain, set_replicas};
use elb::view::{DecisionView, ServiceView, SignalView, Snapshot};

fn snapshot(elapsed: f64) -> Snapshot {
    let signal = SignalView {
        metric: "vir_cpu_utilization".to_owned(),
        unit: "%".to_owned(),
        value: None,
        upper: 1.0,
        lower: 0.5,
        ..SignalView::default()
    };
    Snapshot {
        title: "demo".to_owned(),
        page: Some("http://127.0.0.1:8008/".to_owned()),
        elapsed,
        services: vec![ServiceView {
            name: "apache".to_owned(),
            mode: "act".to_owned(),
            wanted: Some(2),
            running: Some(1),
            seen: Some(1),
            recommended: Some(1),
            bounds: (1, 10),
            signals: vec![signal],
            ..ServiceView::default()
        }],
        ..Snapshot::default()
    }
}

fn decision(at: f64, service: &str, to: u32) -> DecisionView {
    let reasons = vec!["it is busy".to_owned()];
    DecisionView {
        // In the order of time and service.
        id: at as u64 * 256 + u64::from(service.as_bytes()[0]),
        kind: SubjectKind::Service,
        at,
        service: service.to_owned(),
        from: 1,
        to,
        reasons,
        ..DecisionView::default()
    }
}

fn lines(began: Option<i64>, snapshots: &[Snapshot]) -> Vec<String> {
    let mut out = Vec::new();
    let mut plain = Plain::new(&mut out, began);
    for snapshot in snapshots {
        plain.show(snapshot).expect("memory takes everything");
    }
    String::from_utf8(out)
        .expect("UTF-8")
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn lines_have_the_format_of_the_original_log() {
    let (mut first, mut second, third) = (snapshot(0.0), snapshot(8.0), snapshot(11.0));
    first.intake.refused.insert("not sFlow".to_owned(), 3);
    second.decisions = vec![decision(7.9, "apache", 2)];
    assert_eq!(
        lines(Some(1_474_678_810), &[first, second, third]),
        [
            "2016-09-24T01:00:10+0000 INFO: demo started, page http://127.0.0.1:8008/, apache (act) 1–10 replicas",
            "2016-09-24T01:00:10+0000 INFO: apache desired=2 running=1 seen=1, vir_cpu_utilization no data (0.5–1 %)",
            "2016-09-24T01:00:10+0000 INFO: received 0 datagrams, 0 samples, 0 agents, refused 3 (not sFlow)",
            "2016-09-24T01:00:17+0000 INFO: apache set replicas=2 (it is busy)",
            "2016-09-24T01:00:21+0000 INFO: apache desired=2 running=1 seen=1, vir_cpu_utilization no data (0.5–1 %)",
            "2016-09-24T01:00:21+0000 INFO: received 0 datagrams, 0 samples, 0 agents",
        ]
    );
    let line = set_replicas(1_474_678_817, "apache", 2);
    assert_eq!(line, "2016-09-24T01:00:17+0000 INFO: apache set replicas=2");
}

#[test]
fn each_change_is_written_once() {
    let seen = [
        vec![decision(2.0, "a", 1), decision(2.0, "b", 2)],
        vec![decision(2.0, "b", 2), decision(2.0, "c", 2)],
        vec![decision(2.0, "c", 2), decision(4.0, "b", 3)],
    ];
    let snapshots = seen.map(|decisions| Snapshot {
        decisions,
        ..snapshot(5.0)
    });
    let written = lines(None, &snapshots)
        .into_iter()
        .filter(|line| line.contains("set replicas"));
    assert_eq!(
        written.collect::<Vec<_>>(),
        [
            "0:02 INFO: b set replicas=2 (it is busy)",
            "0:02 INFO: c set replicas=2 (it is busy)",
            "0:04 INFO: b set replicas=3 (it is busy)",
        ]
    );
}

#[test]
fn advice_is_written_as_would_set() {
    let mut advised = snapshot(5.0);
    advised.services[0].mode = "advise".to_owned();
    advised.decisions = vec![decision(2.0, "apache", 2)];
    let lines = lines(None, &[advised]);
    assert!(lines.contains(&"0:02 INFO: apache would set replicas=2 (it is busy)".to_owned()));
}

#[test]
fn control_characters_of_names_are_replaced() {
    let mut hostile = snapshot(5.0);
    hostile.services[0].name = "x\n2016 INFO: forged\x1b[2J".to_owned();
    hostile.decisions = vec![decision(2.0, "y\r\n\u{9b}2J", 2)];
    let lines = lines(None, &[hostile]);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines.iter().all(|line| !line.chars().any(char::is_control)),
        "{lines:?}"
    );
}
