//! Charts of a service's history as SVG: for the page, the README and reports.
//!
//! A chart is complete: it needs no script, style sheet or font. The same input yields the same
//! bytes.

mod axis;
mod drawing;
mod mark;
mod multiples;
mod picture;
pub mod series;

pub use self::drawing::night_rules;
pub use self::multiples::{Multiple, multiples};
pub(crate) use self::picture::limits;
pub use self::picture::{Live, comparison};

/// Size of a chart on a desktop, in pixels.
pub const WIDE: (u32, u32) = (880, 400);
/// Size of a chart on a phone, in pixels.
pub const NARROW: (u32, u32) = (400, 420);
/// Size of a comparison, in pixels.
pub const COMPARISON: (u32, u32) = (880, 470);
