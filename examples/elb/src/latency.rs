//! How long things took, counted since the loop began.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;

use crate::policy::Decision;
use sflow_autoscale::controller::Stages;

/// How long the stages of all rounds took, and how old readings were when something was decided
/// from them. Clones go on counting together.
#[derive(Clone, Debug)]
pub struct Latency {
    stages: [(&'static str, Histogram); 5],
    readings: Histogram,
}

impl Default for Latency {
    fn default() -> Self {
        // From a tenth of a millisecond to the time after which an engine is given up.
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
    /// Counts a round.
    pub fn note(&self, took: &Stages) {
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

    /// Counts a decision: the age of the newest of its readings.
    pub fn note_readings(&self, decision: &Decision) {
        let ages = decision.inputs.iter().filter_map(|input| input.newest);
        if let Some(newest) = ages.min_by(f64::total_cmp) {
            self.readings.observe(newest);
        }
    }

    /// How long each stage took, and all of a round.
    pub fn stages(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        self.stages.iter().map(|(name, took)| (*name, took))
    }

    /// How old the newest reading was that something was decided from.
    pub const fn readings(&self) -> &Histogram {
        &self.readings
    }
}
