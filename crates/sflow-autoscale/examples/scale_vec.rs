//! Scales a `Vec` of workers by the number of queued jobs: 5 per worker.

use std::time::Duration;

use sflow_autoscale::policy::{Observation, Policy, Rule, Settings, Signal, Subject};
use sflow_metrics::Timestamp;

struct Worker {
    started: Timestamp,
}

fn main() {
    let mut settings = Settings::new(Rule::target("queued_jobs", 5.0));
    settings.max = 12;
    settings.down.stabilise = Duration::from_secs(60);
    let mut policy = Policy::new(settings);

    let start = Timestamp::from_secs(1_700_000_000);
    let mut workers = vec![Worker { started: start }];
    for second in (0..400).step_by(10) {
        let now = start + Duration::from_secs(second);
        let jobs = if (60..200).contains(&second) {
            48.0
        } else {
            4.0
        };
        let observation = observe(now, &workers, jobs);
        let decision = policy.step(now, &observation);
        if decision.is_change() {
            let size = decision.result as usize;
            workers.resize_with(size, || Worker { started: now });
            policy.record_change(now, decision.replicas, decision.result);
        }
        println!("{second:>3} s, {jobs} jobs: {decision}");
    }
}

/// The observation of the workers: their ages, and the mean number of jobs per worker.
fn observe(now: Timestamp, workers: &[Worker], jobs: f64) -> Observation {
    let count = workers.len() as u32;
    Observation {
        subject: Subject::service("workers"),
        replicas: count,
        running: workers.iter().map(|it| now - it.started).collect(),
        signals: vec![Signal {
            metric: "queued_jobs".to_owned(),
            value: Some(jobs / f64::from(count)),
            contributing: count,
            matched: count,
            ..Signal::default()
        }],
        ..Observation::default()
    }
}
