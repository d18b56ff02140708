use serde::{Deserialize, Serialize};

use super::subject::SubjectKind;
use crate::format::quantity;

/// The parts of the mean of a metric.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct Parts {
    /// The unit of the mean, of its limits and of `measured`; empty for plain numbers.
    pub unit: String,
    /// The mean of the measured containers.
    pub measured: f64,
    /// Measured containers.
    pub containers: u32,
    /// All containers, including those that do not run yet.
    pub of: u32,
    /// Containers that run and have no fresh value.
    pub missing: u32,
    /// Containers that are younger than the warm-up.
    pub warming: u32,
    /// Replicas that do not run yet.
    pub starting: u32,
    /// The value for the containers that were not measured: zero for growth, the target or the upper
    /// threshold for shrinking.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(nullable = false))]
    pub others: Option<f64>,
    /// The number of replicas when the load was measured, if it was smaller. The load counts for these
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(nullable = false))]
    pub shared_by: Option<u32>,
    /// The number of packet samples, if the mean is by packet samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "utoipa", schema(nullable = false))]
    pub samples: Option<u64>,
}

impl Parts {
    /// The parts in text; `None` if all containers were measured.
    pub(super) fn describe(&self, kind: SubjectKind) -> Option<String> {
        if self.samples.is_some() {
            return Some("by packet samples".to_owned());
        }
        if self.containers == self.of && self.shared_by.is_none() {
            return None;
        }
        let value = |value: f64| quantity(Some(value), &self.unit);
        let mut text = format!(
            "measured: {} on {} of {} {}s",
            value(self.measured),
            self.containers,
            self.of,
            kind.member(),
        );
        if let Some(then) = self.shared_by {
            text += &format!(", a load that {} shared at that time", kind.counted(then));
        }
        let others = self.of.saturating_sub(self.containers);
        let which = match others {
            1 => "the other one".to_owned(),
            _ => format!("the other {others}"),
        };
        match self.others {
            Some(_) if others == 0 => {}
            Some(0.0) => text += &format!(", {which} counted as idle"),
            Some(level) => text += &format!(", {which} counted as {}", value(level)),
            None => {}
        }
        Some(text)
    }
}
