//! The times of a capture: when to hand out its datagrams, and when to act between them.

mod pace;
mod ticks;

pub use self::pace::{InvalidSpeed, Pace};
pub use self::ticks::Ticks;
