//! What is wrong with an installation, and what to do about it.
//!
//! ```text
//! configuration, engines, datagrams ─► [`Facts`] ─► [`Findings`]
//! ```
//!
//! Collecting and judging are apart: [`Findings::of`] asks nobody and knows no clock, so that
//! every judgement can be tried on facts that are written down.

mod collect;
mod facts;
mod finding;
mod judge;

pub use self::collect::{Listening, Progress, ask_engines};
pub use self::facts::{
    AgentFacts, ContainerFacts, EngineFacts, Facts, Heard, ManagerFacts, NotListening, Pace,
    Program, Unreachable,
};
pub use self::finding::{Finding, Findings, Level};
