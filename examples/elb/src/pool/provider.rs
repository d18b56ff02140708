//! Who gives orders to hooks, and brings their answers: never waits, and nobody waits for it.

use std::fmt;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hook::{HookError, HookSettings, Order, Promise};

/// An answer to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which order, of which pool.
    pub order: Order,
    /// What was promised, or why nothing was.
    pub promise: Result<Promise, HookError>,
}

/// Gives orders, and brings answers when there are some.
pub trait Provider: fmt::Debug + Send {
    /// Begins to give an order, for no longer than this: what is promised later counts for nothing.
    fn give(&mut self, hook: &HookSettings, order: Order, patience: Duration);

    /// The answers that have come since it was asked last.
    fn answers(&mut self) -> Vec<Answer>;

    /// Whether orders are being given that have no answer yet.
    fn is_busy(&mut self) -> bool {
        false
    }
}

/// Gives each order in a task of its own, on the runtime that it is called on. When it is
/// dropped, programs that still run are ended.
#[derive(Debug, Default)]
pub struct Background {
    orders: JoinSet<Answer>,
    /// Answers that nobody has asked for yet.
    come: Vec<Answer>,
}

impl Provider for Background {
    fn give(&mut self, hook: &HookSettings, order: Order, patience: Duration) {
        let hook = hook.clone();
        self.orders.spawn(async move {
            let given = timeout(patience, hook.give(&order)).await;
            let promise = given.unwrap_or_else(|_| {
                let call = hook.call.to_string();
                Err(HookError::TooLate {
                    call,
                    within: patience,
                })
            });
            Answer { order, promise }
        });
    }

    fn answers(&mut self) -> Vec<Answer> {
        self.collect();
        std::mem::take(&mut self.come)
    }

    fn is_busy(&mut self) -> bool {
        self.collect();
        !self.orders.is_empty()
    }
}

impl Background {
    fn collect(&mut self) {
        while let Some(answer) = self.orders.try_join_next() {
            // One that panicked has no answer; what was ordered is then late.
            self.come.extend(answer);
        }
    }
}
