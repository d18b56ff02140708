//! Findings of the running loop, shared by requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sflow_metrics::Timestamp;
use tokio::time::Instant;

use super::Site;
use crate::diagnose::{Facts, Finding, Findings, TelemetryFacts};

/// Maximum age of a shared diagnosis.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Facts and findings at one time.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) telemetry: TelemetryFacts,
    pub(super) incomplete: Vec<Finding>,
    /// Number of findings about incomplete data by kind.
    pub(super) counts: BTreeMap<&'static str, usize>,
}

/// The newest diagnosis, and the state of the loop that it is about.
#[derive(Debug)]
pub(super) struct Newest {
    derived: Instant,
    /// Time of the last update and number of rounds.
    state: (Timestamp, u64),
    diagnosis: Arc<Diagnosis>,
}

impl Site {
    /// The diagnosis of this round, at most one second old. A diagnosis reads all entities, and no
    /// datagram is processed meanwhile; therefore all requests share it.
    pub(super) fn diagnosis(&self) -> Arc<Diagnosis> {
        let mut newest = self.diagnosis.lock();
        let status = self.handle.status().lock();
        let state = (status.now(), status.rounds());
        drop(status);
        if let Some(newest) = &*newest
            && newest.state == state
            && newest.derived.elapsed() < SHARED_FOR
        {
            return Arc::clone(&newest.diagnosis);
        }
        let facts = Facts::of_loop(&self.handle);
        let findings = Findings::of(&facts);
        let telemetry = facts.telemetry.and_then(Result::ok).unwrap_or_default();
        let diagnosis = Arc::new(Diagnosis {
            telemetry,
            incomplete: findings.incomplete(),
            counts: findings.counts(),
        });
        *newest = Some(Newest {
            derived: Instant::now(),
            state,
            diagnosis: Arc::clone(&diagnosis),
        });
        diagnosis
    }
}

#[cfg(test)]
mod tests {
    use sflow_autoscale::observe::Telemetry;

    use super::*;
    use crate::config::Config;
    use crate::handle::Handle;
    use crate::shared::Shared;
    use crate::status::{About, LoopStatus};

    const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[tokio::test(start_paused = true)]
    async fn diagnosis_is_shared_for_a_second_of_a_round() {
        let telemetry = Telemetry::new(sflow_metrics::Config::default());
        let status = Shared::new(LoopStatus::new(START));
        let (handle, _requests) =
            Handle::new(Shared::new(telemetry), status.clone(), Config::article());
        let site = Site::new(handle);
        let first = site.diagnosis();
        assert!(Arc::ptr_eq(&first, &site.clone().diagnosis()));
        tokio::time::advance(SHARED_FOR).await;
        let second = site.diagnosis();
        assert!(!Arc::ptr_eq(&first, &second));
        let next = START + Duration::from_secs(2);
        status.lock().set_context(next, About::default());
        assert!(!Arc::ptr_eq(&second, &site.diagnosis()));
    }
}
