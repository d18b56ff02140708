//! Metrics that only applications know, under names that somebody has asked for.

use std::sync::{Mutex, PoisonError};

use super::{Definition, Metric, MetricKind};
use crate::kind::EntityKind;

/// What their names begin with in a query.
pub(super) const PREFIX: &str = "custom.";

/// How many there may be: they are kept for as long as the process lives.
pub(super) const MOST: usize = 1_000;

/// A name is no longer than this.
const LONGEST: usize = 255;

/// Their numbers are behind all others.
const FIRST_ID: u16 = 1 << 15;

static ASKED_FOR: Mutex<Vec<&'static Metric>> = Mutex::new(Vec::new());

/// The metric that applications report under this name.
pub(super) fn metric(reported: &str) -> Option<&'static Metric> {
    if reported.is_empty() || reported.len() > LONGEST {
        return None;
    }
    let mut metrics = ASKED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    let known = metrics.iter().find(|metric| match &metric.definition {
        Definition::Custom(name) => **name == *reported,
        _ => false,
    });
    if let Some(known) = known {
        return Some(known);
    }
    let number = u16::try_from(metrics.len()).ok()?;
    if metrics.len() >= MOST {
        return None;
    }
    let metric: &'static Metric = Box::leak(Box::new(Metric {
        id: FIRST_ID + number,
        name: format!("{PREFIX}{reported}").into(),
        unit: "".into(),
        kind: MetricKind::Custom,
        entity: EntityKind::Other,
        origin: format!("rtmetric `{reported}`"),
        definition: Definition::Custom(reported.into()),
    }));
    metrics.push(metric);
    Some(metric)
}
