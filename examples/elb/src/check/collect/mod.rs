//! Finding out: asking the engines, listening to the agents.

mod engines;
mod listening;
mod witness;

pub use self::engines::ask_engines;
pub use self::listening::{Listening, Progress};
