//! Values as people read them: the same words on the terminal, the page and the chart.

mod quantity;
mod time;
mod untrusted;

pub use quantity::{Scale, count, counted, limits, number, quantity};
pub use time::{clock, date, duration, log_time, span};
pub use untrusted::shortened;
