#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod catalogue;
mod config;
mod discipline;
mod entity;
mod event;
mod flow;
mod health;
mod kind;
mod memory;
mod query;
mod registry;
mod slab;
mod source;
mod threshold;
mod timestamp;
mod window;

pub use agent::{AgentKey, AgentStatus};
pub use catalogue::{Metric, MetricKind};
pub use config::{Ceilings, Config};
pub use entity::Entity;
pub use event::{Event, EventId, EventKind, Identity};
pub use flow::{
    FlowAnswer, FlowDefinition, FlowError, FlowFilter, FlowId, FlowKey, FlowKind, FlowMeasure,
    FlowProblem, FlowRow, FlowTest, FlowValue, FlowsFull, NetworkAddress, SamplerStatus,
};
pub use health::Health;
pub use kind::{EntityId, EntityKind, Lifecycle};
pub use query::{
    Expression, Filter, Group, Grouping, Groups, Holder, Key, MergeError, Partial, Pattern,
    Percent, Query, QueryError, QueryProblem, Statistic, Summary, Take, Window,
};
pub use registry::{EntityAnswer, Registry};
pub use threshold::{Scope, Side, Threshold, ThresholdError, ThresholdId, ThresholdStatus};
pub use timestamp::Timestamp;
