//! Charts of a service's history as SVG: for the page, the README and reports.
//!
//! They are drawn with [`plot`].

mod mark;
mod multiples;
mod picture;
pub mod series;

use plot::Color;

pub use self::multiples::{Multiple, multiples};
pub(crate) use self::picture::limits;
pub use self::picture::{Live, comparison};

/// Size of a chart on a desktop, in pixels.
pub const WIDE: (u32, u32) = (880, 400);
/// Size of a chart on a phone, in pixels.
pub const NARROW: (u32, u32) = (400, 420);
/// Size of a comparison, in pixels.
pub const COMPARISON: (u32, u32) = (880, 470);

/// Time ranges without data.
const UNKNOWN: Color = ("#F3F4F6", "#1E242C");
/// Range between the thresholds.
const CALM: Color = ("#E6F4EA", "#16301F");
/// The thresholds.
const LIMIT: Color = ("#3B7450", "#5FAF7B");
/// Running replicas, drawn below the desired replicas.
const RUNNING: Color = ("#D3E2FA", "#1B3358");
/// The series without the balancer.
const WITHOUT: Color = ("#D06A1B", "#D06A1B");
/// Range from the least to the most loaded container.
const SPREAD: Color = ("#DDE8FB", "#1C2E4A");
/// Decisions based on packet samples.
const SAMPLES: Color = ("#8A3FC4", "#C39BF0");
/// Decisions that were not applied.
const FAILED: Color = ("#B3261E", "#FF8A80");

/// CSS rules that recolour a chart inside an element with class `chart` for a dark page.
pub fn night_rules() -> String {
    plot::night_rules(&[UNKNOWN, CALM, LIMIT, RUNNING, SPREAD, SAMPLES, FAILED])
}
