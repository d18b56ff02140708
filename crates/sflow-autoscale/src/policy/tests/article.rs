//! A control loop with two thresholds, checked against its arithmetic.

use std::collections::VecDeque;
use std::time::Duration;

use super::{at, observed, signal};
use crate::policy::{Mode, Observation, Pace, Policy, Rule, Settings, Thresholds};

/// The settings of the article.
fn article() -> Settings {
    let thresholds = |metric: &str, lower: f64, upper: f64| Thresholds {
        metric: metric.to_owned(),
        lower,
        upper,
    };
    let cooldown = |seconds| Pace {
        cooldown: Duration::from_secs(seconds),
        ..Pace::default()
    };
    Settings {
        mode: Mode::Act,
        max: 10,
        warm_up: Duration::from_secs(8),
        up: cooldown(4),
        down: cooldown(2),
        ..super::settings(Rule::TwoThreshold {
            metrics: vec![
                thresholds("vir_bytes_in+vir_bytes_out", 50_000.0, 100_000.0),
                thresholds("vir_cpu_utilization", 0.5, 1.0),
            ],
            step_up: 1,
            step_down: 1,
        })
    }
}

/// A load that all reporting containers share. Counters arrive every ten seconds per container with
/// different phases; a new container is reported about six seconds after it was requested.
#[test]
fn article_settings_follow_the_load() {
    let control = 2;
    let mut policy = Policy::new(article());
    let mut world = World::default();
    world.containers.push(Container {
        slot: 0,
        starts: 0,
        reading: Some(0.0),
    });
    let mut counts: Vec<(u64, usize)> = Vec::new();
    let (calm, busy) = (30, 230);
    for second in 0..500 {
        // Eight containers come to 92 % of the upper threshold, seven to 105 %.
        let load = if (calm..busy).contains(&second) {
            735_000.0
        } else {
            4_000.0
        };
        world.tick(second, load);
        if second % control == 0 {
            let observation = world.observe(second);
            let decision = policy.step(at(second), &observation);
            if decision.is_change() {
                policy.record_change(at(second), decision.replicas, decision.result);
                world.scale(second, decision.result as usize);
            }
        }
        counts.push((second, world.containers.len()));
    }
    let eight = counts
        .iter()
        .find(|(_, count)| *count == 8)
        .expect("it grows to 8")
        .0;
    let most = counts.iter().map(|(_, count)| *count).max().unwrap();
    let back = counts.iter().find(|(at, count)| *at >= busy && *count == 1);
    let back = back.expect("it comes back").0;
    println!(
        "8 after {} s, at most {most}, back after {} s",
        eight - calm,
        back - busy
    );
    assert!(eight - calm <= 42, "8 after {} s", eight - calm);
    assert!(most <= 9, "{most}");
    assert!(back - busy <= 60, "back after {} s", back - busy);
    let settled = counts
        .iter()
        .filter(|(at, _)| (calm + 100..busy).contains(at));
    assert!(
        settled.clone().all(|(_, count)| (8..=9).contains(count)),
        "it stays there"
    );
    assert!(
        counts.iter().rev().take(100).all(|(_, count)| *count == 1),
        "and there"
    );
}

#[derive(Default)]
struct World {
    containers: Vec<Container>,
    shares: VecDeque<f64>,
}

struct Container {
    slot: u64,
    starts: u64,
    reading: Option<f64>,
}

impl World {
    fn tick(&mut self, second: u64, load: f64) {
        let serving = self
            .containers
            .iter()
            .filter(|one| one.starts <= second)
            .count()
            .max(1);
        self.shares.push_back(load / serving as f64);
        if self.shares.len() > 10 {
            self.shares.pop_front();
        }
        for one in &mut self.containers {
            let is_due = (second + one.slot * 7).is_multiple_of(10);
            if second >= one.starts
                && (is_due || (one.reading.is_none() && second >= one.starts + 2))
            {
                // The mean since the last reading, or since it serves.
                let since = usize::try_from((second - one.starts).clamp(1, 10)).unwrap();
                let recent = self.shares.iter().rev().take(since);
                one.reading = Some(recent.sum::<f64>() / since.min(self.shares.len()) as f64);
            }
        }
    }

    fn scale(&mut self, second: u64, count: usize) {
        self.containers.truncate(count);
        while self.containers.len() < count {
            let slot = self.containers.len() as u64;
            self.containers.push(Container {
                slot,
                starts: second + 4,
                reading: None,
            });
        }
    }

    fn observe(&self, second: u64) -> Observation {
        let running: Vec<_> = self
            .containers
            .iter()
            .filter(|one| one.starts <= second)
            .collect();
        let readings: Vec<f64> = running.iter().filter_map(|one| one.reading).collect();
        let count = readings.len() as u32;
        let mean = (count > 0).then(|| readings.iter().sum::<f64>() / f64::from(count));
        let mut observation = observed(
            self.containers.len() as u32,
            vec![
                signal("vir_bytes_in+vir_bytes_out", mean, count),
                signal(
                    "vir_cpu_utilization",
                    mean.map(|bytes| bytes / 200_000.0),
                    count,
                ),
            ],
        );
        observation.running = running
            .iter()
            .map(|one| Duration::from_secs(second - one.starts))
            .collect();
        observation
    }
}
