//! Submits orders to hooks and collects their answers, without blocking.

use std::fmt;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hook::{HookError, HookSettings, Order, Promise};

/// Answer to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The order.
    pub order: Order,
    /// The promise of the hook, or the error.
    pub promise: Result<Promise, HookError>,
}

/// Submits orders and returns answers.
pub trait Provider: fmt::Debug + Send {
    /// Starts to submit an order. A promise after this time limit is ignored.
    fn give(&mut self, hook: &HookSettings, order: Order, patience: Duration);

    /// Answers since the last call.
    fn answers(&mut self) -> Vec<Answer>;

    /// Whether orders without an answer exist.
    fn is_busy(&mut self) -> bool {
        false
    }
}

/// Submits each order in a separate task of the current runtime. When it is dropped, running
/// programs are killed.
#[derive(Debug, Default)]
pub struct Background {
    orders: JoinSet<Answer>,
    /// Answers that have not been returned yet.
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
            // A task that panicked has no answer; its order then times out.
            self.come.extend(answer);
        }
    }
}
