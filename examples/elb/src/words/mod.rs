//! Values as people read them: the same words on the terminal, the page and the chart.

mod time;
mod untrusted;

pub use sflow_autoscale::format::{Scale, count, counted, limits, number, quantity, span};
pub use time::{clock, date, duration, log_time};
pub use untrusted::shortened;
