//! Diagnoses an installation and recommends actions: one set of rules for `elb check`, readiness,
//! the problems on the page, the API and the metrics.
//!
//! ```text
//! elb check: configuration, engines, datagrams ─┐
//!                                               ├─► [`Facts`] ─► rules ─► [`Findings`]
//! elb run: status and telemetry of the loop ────┘
//! ```
//!
//! [`Findings::of`] performs no I/O and uses no clock, so that every rule can be tested with
//! constructed facts. A rule whose facts are unknown yields no finding.
//!
//! ```
//! use elb::config::{Config, EXAMPLE};
//! use elb::diagnose::{EngineFacts, Facts, Findings, Level};
//!
//! let facts = Facts {
//!     configuration: Config::from_toml(EXAMPLE),
//!     path: "elb.toml".to_owned(),
//!     engines: EngineFacts::default(),
//!     leader: None,
//!     telemetry: None,
//! };
//! assert_eq!(Findings::of(&facts).count(Level::Wrong), 0);
//! ```

mod control_loop;
mod engines;
mod facts;
mod finding;
mod kinds;
mod listening;
mod log;
mod rules;

pub use self::facts::{
    EngineFacts, Facts, LeaderFacts, ManagerFacts, NodeFacts, NotListening, Program, ServiceFacts,
    TelemetryFacts, Unreachable,
};
pub use self::finding::{Finding, Findings, Level};
pub use self::listening::{collect, progress};
pub use self::log::FindingLog;
pub use sflow_autoscale::observe::{AgentFacts, AgentSamples, ClockRate, ContainerFacts};
