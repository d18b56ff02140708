//! Log lines in the format of the original article's log.

use std::io::{self, Write};

use crate::format::{count, duration, limits, log_time, number, quantity};
use crate::view::{DecisionView, ServiceView, Snapshot};
use sflow_autoscale::observe::IngestStats;
use untrusted::printable;

/// Writes a heading once, every decision that changes something, and the status every ten seconds
/// of the loop's time.
///
/// ```text
/// 2016-09-24T01:00:17+0000 INFO: apache set replicas=2 (vir_cpu_utilization 1.2 % is above 1 %)
/// ```
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    began: Option<i64>,
    headed: bool,
    written: Written,
    next_status: f64,
}

/// Which decisions have been written: all before a time, and some at that time.
#[derive(Debug)]
struct Written {
    until: f64,
    services: Vec<String>,
}

impl<W: Write> Plain<W> {
    /// Writes lines to `out`. `began` is the Unix time at the loop's time zero, in seconds; without
    /// it, lines start with the loop's time.
    pub fn new(out: W, began: Option<i64>) -> Self {
        let written = Written {
            until: f64::NEG_INFINITY,
            services: Vec::new(),
        };
        Self {
            out,
            began,
            headed: false,
            written,
            next_status: 0.0,
        }
    }

    /// Writes what is new in a snapshot.
    ///
    /// # Errors
    ///
    /// Errors of the writer, including a closed pipe.
    pub fn show(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        if !self.headed {
            self.headed = true;
            self.line(snapshot.elapsed, &heading(snapshot))?;
        }
        for decision in &snapshot.decisions {
            if decision.from != decision.to && self.written.is_news(decision) {
                self.line(decision.at, &decided(decision, snapshot))?;
            }
        }
        if snapshot.elapsed >= self.next_status {
            const EVERY: f64 = 10.0;
            self.next_status = (snapshot.elapsed / EVERY).floor() * EVERY + EVERY;
            for service in &snapshot.services {
                self.line(snapshot.elapsed, &service_line(service))?;
            }
            self.line(snapshot.elapsed, &received(snapshot))?;
        }
        self.out.flush()
    }

    fn line(&mut self, at: f64, message: &str) -> io::Result<()> {
        let time = match self.began {
            Some(began) => log_time(began.saturating_add(at.floor() as i64)),
            None => duration(at),
        };
        writeln!(self.out, "{time} INFO: {}", printable(message))
    }
}

/// A line for a change, without reasons: `… INFO: apache set replicas=2`.
pub fn set_replicas(unix: i64, service: &str, replicas: u32) -> String {
    format!(
        "{} INFO: {} set replicas={replicas}",
        log_time(unix),
        printable(service)
    )
}

impl Written {
    fn is_news(&mut self, decision: &DecisionView) -> bool {
        if decision.at > self.until {
            self.until = decision.at;
            self.services.clear();
        }
        let news = decision.at == self.until && !self.services.contains(&decision.service);
        if news {
            self.services.push(decision.service.clone());
        }
        news
    }
}

fn heading(snapshot: &Snapshot) -> String {
    let mut message = format!("{} started", snapshot.title);
    if let Some(page) = &snapshot.page {
        message += &format!(", page {page}");
    }
    for service in &snapshot.services {
        let (least, most) = service.bounds;
        message += &format!(
            ", {} ({}) {least}–{most} replicas",
            service.name, service.mode
        );
    }
    message
}

fn decided(decision: &DecisionView, snapshot: &Snapshot) -> String {
    let service = snapshot
        .services
        .iter()
        .find(|service| service.name == decision.service);
    let verb = match service.map(|service| service.mode.as_str()) {
        Some("advise" | "off") => "would set",
        _ => "set",
    };
    let mut message = format!("{} {verb} replicas={}", decision.service, decision.to);
    if !decision.reasons.is_empty() {
        message += &format!(" ({})", decision.reasons.join("; "));
    }
    message
}

fn service_line(service: &ServiceView) -> String {
    let mut message = format!(
        "{} wanted={} running={} seen={}",
        service.name,
        number(service.wanted),
        number(service.running),
        number(service.seen)
    );
    for signal in &service.signals {
        let value = quantity(signal.value, &signal.unit);
        let limits = limits(signal.lower, signal.upper, &signal.unit);
        message += &format!(", {} {value} ({limits})", signal.metric);
    }
    message
}

fn received(snapshot: &Snapshot) -> String {
    let IngestStats {
        datagrams,
        samples,
        agents,
        refused,
    } = &snapshot.intake;
    let mut message = snapshot
        .load
        .as_ref()
        .map(|load| format!("{load}, "))
        .unwrap_or_default();
    message += &format!(
        "received {} datagrams, {} samples, {} agents",
        count(*datagrams),
        count(*samples),
        count(*agents)
    );
    for (cause, number) in refused.iter().filter(|(_, number)| **number > 0) {
        message += &format!(", refused {} ({cause})", count(*number));
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::SignalView;

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
            kind: crate::policy::SubjectKind::Service,
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
                "2016-09-24T01:00:10+0000 INFO: apache wanted=2 running=1 seen=1, vir_cpu_utilization no data (0.5–1 %)",
                "2016-09-24T01:00:10+0000 INFO: received 0 datagrams, 0 samples, 0 agents, refused 3 (not sFlow)",
                "2016-09-24T01:00:17+0000 INFO: apache set replicas=2 (it is busy)",
                "2016-09-24T01:00:21+0000 INFO: apache wanted=2 running=1 seen=1, vir_cpu_utilization no data (0.5–1 %)",
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
}
