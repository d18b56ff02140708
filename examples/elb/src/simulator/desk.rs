//! A hook that exists only in numbers: machines that are ordered come, and those that are given
//! back go, each after a while.

use std::time::Duration;

use crate::pool::hook::{HookSettings, Order, Promise};
use crate::pool::provider::{Answer, Provider};
use crate::shared::Shared;

/// Where orders are put down, and answers picked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk(Shared<Papers>);

#[derive(Debug, Default)]
struct Papers {
    orders: Vec<Order>,
    answers: Vec<Answer>,
}

/// The hook of a simulation.
#[derive(Debug)]
pub struct SimulatedHook(pub(super) Desk);

impl Desk {
    /// The orders that were put down since the last time.
    pub(super) fn take(&self) -> Vec<Order> {
        std::mem::take(&mut self.0.lock().orders)
    }

    /// Says yes to an order.
    pub(super) fn promise(&self, order: Order, machine: Option<String>) {
        let promise = Ok(Promise { machine });
        self.0.lock().answers.push(Answer { order, promise });
    }
}

impl Provider for SimulatedHook {
    fn give(&mut self, _: &HookSettings, order: Order, _: Duration) {
        self.0.0.lock().orders.push(order);
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.0.0.lock().answers)
    }
}
