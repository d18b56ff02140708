//! Diagnoses an installation and recommends actions.
//!
//! ```text
//! configuration, engines, datagrams ─► [`Facts`] ─► [`Findings`]
//! ```
//!
//! Collecting facts and deriving findings are separate: [`Findings::of`] performs no I/O and uses
//! no clock, so that every rule can be tested with constructed facts.

mod collect;
mod facts;
mod finding;
mod rules;

pub use self::collect::{Listening, Progress, ask_engines};
pub use self::facts::{
    AgentFacts, ContainerFacts, EngineFacts, Facts, ManagerFacts, NotListening, Pace, Program,
    TelemetryFacts, Unreachable,
};
pub use self::finding::{Finding, Findings, Level};
