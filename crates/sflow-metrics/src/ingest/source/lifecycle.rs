//! How a source does: heard in time, late, gone, or over.

use core::time::Duration;

use sflow_v5::CountersSample;
use sflow_v5::counter::VirtCpu;
use sflow_v5::enums::DomainState;

use super::Source;
use crate::config::Config;
use crate::entity::{EntityKind, Lifecycle};
use crate::timestamp::Timestamp;

impl Source {
    /// How it does at this moment.
    pub(crate) fn lifecycle(&self, now: Timestamp, config: &Config) -> Lifecycle {
        self.lifecycle_after(now, self.stale_after(config), config)
    }

    /// The same, for who knows already how long its last sample is believed.
    pub(crate) fn lifecycle_after(
        &self,
        now: Timestamp,
        stale_after: Duration,
        config: &Config,
    ) -> Lifecycle {
        let age = now - self.last_seen;
        if age > stale_after.max(config.gone_after) {
            Lifecycle::Gone
        } else if age > stale_after {
            Lifecycle::Stale
        } else if self.has_rates && !self.is_unconfirmed && !self.is_doubtful {
            Lifecycle::Live
        } else {
            Lifecycle::Warming
        }
    }

    /// How long its last sample is believed.
    pub(crate) fn stale_after(&self, config: &Config) -> Duration {
        self.interval(config).saturating_mul(config.stale_after)
    }

    /// Whether it is known how often it is heard, and not only assumed.
    pub(crate) const fn has_learned_interval(&self) -> bool {
        self.polling.is_learned()
    }

    /// How often it is heard.
    pub(crate) fn interval(&self, config: &Config) -> Duration {
        self.polling.interval(config.assumed_interval)
    }

    /// Whether it said that it is over.
    pub(crate) fn has_stopped(&self) -> bool {
        self.kind == EntityKind::Container && self.state.is_some_and(is_over)
    }
}

/// Whether a sample is the last word of a container.
pub(crate) fn reports_stop(sample: &CountersSample<'_>) -> bool {
    sample
        .find::<VirtCpu>()
        .is_some_and(|cpu| is_over(cpu.state))
}

fn is_over(state: DomainState) -> bool {
    matches!(
        state,
        DomainState::SHUTDOWN | DomainState::SHUT_OFF | DomainState::CRASHED
    )
}
