//! Collects facts: queries the engines, receives telemetry.

mod engines;
mod listening;
mod monitor;

pub use self::engines::ask_engines;
pub use self::listening::{Listening, Progress};
