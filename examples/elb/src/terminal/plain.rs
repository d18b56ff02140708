//! Log lines in the format of the original article's log.

use std::io::{self, Write};

use crate::format::{count, duration, log_time, number, quantity};
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
    /// Number of the last decision that was written.
    last: u64,
    next_status: f64,
}

impl<W: Write> Plain<W> {
    /// Writes lines to `out`. `began` is the Unix time at the loop's time zero, in seconds; without
    /// it, lines start with the loop's time.
    pub const fn new(out: W, began: Option<i64>) -> Self {
        Self {
            out,
            began,
            headed: false,
            last: 0,
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
            if decision.from != decision.to && decision.id > self.last {
                self.last = decision.id;
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
    let mut services = snapshot.services.iter();
    let service = services.find(|service| service.name == decision.service);
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
        "{} desired={} running={} seen={}",
        service.name,
        number(service.wanted),
        number(service.running),
        number(service.seen)
    );
    for signal in &service.signals {
        let value = quantity(signal.value, &signal.unit);
        let limits = signal.limits();
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
