//! Formatting of values, the same for terminal, page and charts.

mod time;
mod untrusted;

pub use sflow_autoscale::format::{Scale, count, counted, limits, number, quantity, span};
pub use time::{clock, date, duration, log_time, unix};
pub(crate) use untrusted::Markup;
pub use untrusted::shortened;
