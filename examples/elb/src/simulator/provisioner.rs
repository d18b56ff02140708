//! Orders for machines, carried out by the simulation.

use std::time::Duration;

use sflow_autoscale::node_pools::{Answer, Order, Promise, Provider};

use crate::shared::Shared;

/// Orders that wait for the simulation, and answers that wait for the control loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbox(Shared<Messages>);

#[derive(Debug, Default)]
struct Messages {
    orders: Vec<Order>,
    answers: Vec<Answer>,
}

/// Provides machines of a simulated cluster.
#[derive(Debug)]
pub struct SimulatedProvisioner(pub(super) Inbox);

impl Inbox {
    /// The orders since the last call.
    pub(super) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut self.0.lock().orders)
    }

    /// Accepts an order. `machine` is the name of a machine that will join.
    pub(super) fn promise(&self, order: Order, machine: Option<String>) {
        let promise = Ok(Promise { machine });
        self.0.lock().answers.push(Answer { order, promise });
    }
}

impl Provider for SimulatedProvisioner {
    fn submit(&mut self, order: Order, _: Duration) {
        self.0.0.lock().orders.push(order);
    }

    fn answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.0.0.lock().answers)
    }
}
