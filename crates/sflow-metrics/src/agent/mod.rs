//! The identity of an agent and the state of its stream of datagrams.

mod key;
mod status;

pub use key::AgentKey;
pub use status::AgentStatus;
pub(crate) use status::part;
