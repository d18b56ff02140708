//! Latency statistics since the start of the loop.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use crate::policy::Decision;
use sflow_autoscale::controller::Stages;

/// Durations of the stages of rounds, and ages of the readings that decisions use. Clones share the
/// statistics.
#[derive(Clone, Debug)]
pub struct Latency {
    stages: [(&'static str, Histogram); 5],
    readings: Histogram,
}

impl Default for Latency {
    fn default() -> Self {
        // From 0.1 ms to the time limit of requests to an engine.
        let stage = || {
            Histogram::new([
                0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
            ])
        };
        let stages = ["read", "observe", "decide", "act", "round"];
        Self {
            stages: stages.map(|name| (name, stage())),
            readings: Histogram::new([
                0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0,
            ]),
        }
    }
}

impl Latency {
    /// Records a round.
    pub fn record_round(&self, took: &Stages) {
        let Stages {
            read,
            observe,
            decide,
            act,
        } = *took;
        let round = read + observe + decide + act;
        let all: [Duration; 5] = [read, observe, decide, act, round];
        for ((_, histogram), took) in self.stages.iter().zip(all) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Records the age of the newest reading of a decision.
    pub fn record_readings(&self, decision: &Decision) {
        let ages = decision.inputs.iter().filter_map(|input| input.newest);
        if let Some(newest) = ages.min_by(f64::total_cmp) {
            self.readings.observe(newest);
        }
    }

    /// Duration of each stage and of the whole round.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.stages.iter().map(|(name, took)| (*name, took))
    }

    /// Age of the newest reading of each decision.
    pub const fn readings(&self) -> &Histogram {
        &self.readings
    }
}
