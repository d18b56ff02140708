//! Schedules by the times of a capture: when a datagram is due, and ticks between datagrams.

mod pace;
mod ticks;

pub use self::pace::{InvalidSpeed, Pace};
pub use self::ticks::Ticks;
