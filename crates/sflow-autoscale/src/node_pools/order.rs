use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An order to add or remove a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// The key: the same for all tries of one order, also by the next leader, and never that of another
    /// order.
    pub order: String,
    /// Whether a machine is added or removed.
    pub action: Action,
    /// The name of the pool.
    pub pool: String,
    /// The machine to be removed; `None` if one is to be added.
    pub machine: Option<String>,
}

/// The action of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// One more machine.
    Add,
    /// The machine is empty and is to be removed.
    Remove,
}

impl Action {
    /// The name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

/// The promise of a provider to carry out an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Promise {
    /// The name of the machine that will join, if it is known already.
    #[serde(default)]
    pub machine: Option<String>,
}

/// The answer to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The order.
    pub order: Order,
    /// The promise, or the error in words.
    pub promise: Result<Promise, String>,
}

/// Carries out orders: a cloud API, a script, an operator.
///
/// A promise is not a machine. Whether one has joined or left is read from the orchestrator.
pub trait Provider: fmt::Debug {
    /// Begins to carry out an order without waiting. An answer after `within` does not count.
    ///
    /// After a change of the leader, an order whose key is known may be submitted again: it is answered by
    /// the same promise and not carried out twice.
    fn submit(&mut self, order: Order, within: Duration);

    /// The answers since the last call.
    fn answers(&mut self) -> Vec<Answer>;
}
