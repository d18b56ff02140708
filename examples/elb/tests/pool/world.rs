//! A control loop over a shared simulated cluster. The test advances time.

use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::{Config, ControlSettings, Pool, ServiceSettings};
use elb::policy::{Mode, Rule};
use elb::shared::Shared;
use sflow_autoscale::controller::Round;
use sflow_autoscale::node_pools::{Answer, Order, PoolStatus, Promise, Provider};
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};

use crate::simulated;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A loop and its cluster, which continues when the loop is restarted.
pub(crate) struct World {
    pub(crate) cluster: SimulatedCluster,
    pub(crate) balancer: Balancer<SimulatedCluster>,
    pub(crate) pool: Pool,
    pub(crate) now: Timestamp,
    services: Vec<ServiceSettings>,
}

impl World {
    /// Runs the pool of a scenario, with the changes of the test.
    pub(crate) fn new(scenario: &Scenario, change: impl FnOnce(&mut Pool)) -> Self {
        let cluster = SimulatedCluster::new(scenario, 1, START).unwrap();
        let mut pool = simulated::pool(scenario).unwrap();
        change(&mut pool);
        let services = services(scenario);
        let balancer = balancer(&cluster, START, &services, &pool, "first");
        Self {
            cluster,
            balancer,
            pool,
            now: START,
            services,
        }
    }

    /// Replaces the provider of machines.
    pub(crate) fn provide(&mut self, provider: impl Provider + Send + 'static) {
        let pools = self.balancer.pools_mut().unwrap();
        pools.provider_mut().substitute(Box::new(provider));
    }

    /// Calls the hook of the pool from the first round on.
    pub(crate) fn call_hook(&mut self) {
        let pools = std::slice::from_ref(&self.pool);
        self.balancer.keep("first".to_owned(), pools).unwrap();
    }

    /// Restarts the loop without its state.
    pub(crate) fn restart(&mut self) {
        let (services, pool) = (&self.services, &self.pool);
        self.balancer = balancer(&self.cluster, self.now, services, pool, "second");
    }

    /// Advances time by two seconds and runs a round.
    pub(crate) async fn round(&mut self) -> Round {
        self.now = self.now + Duration::from_secs(2);
        for sent in self.cluster.advance(self.now) {
            self.balancer.receive(sent.at, sent.source, &sent.bytes);
        }
        self.balancer.round(self.now).await
    }

    /// Runs rounds until the condition holds, for at most this many seconds.
    pub(crate) async fn until(&mut self, seconds: u64, is_so: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            if is_so(self) {
                return true;
            }
            self.round().await;
        }
        is_so(self)
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let status = self.balancer.status().lock();
        status.pool(&self.pool.name).unwrap().clone()
    }

    /// The texts of the pool's events.
    pub(crate) fn events(&self) -> Vec<String> {
        let status = self.balancer.status().lock();
        let events = status.events_of_pool(&self.pool.name);
        events.map(|event| event.words.clone()).collect()
    }

    pub(crate) fn has_happened(&self, text: &str) -> bool {
        self.events().iter().any(|event| event.contains(text))
    }
}

fn balancer(
    cluster: &SimulatedCluster,
    now: Timestamp,
    services: &[ServiceSettings],
    pool: &Pool,
    instance: &str,
) -> Balancer<SimulatedCluster> {
    let control = ControlSettings {
        mode: Mode::Act,
        ..Config::article().control
    };
    let mut balancer = Balancer::new(now, cluster.clone(), control, services).unwrap();
    let pools = std::slice::from_ref(pool);
    balancer.keep(instance.to_owned(), pools).unwrap();
    let machines = cluster.clone();
    balancer
        .pools_mut()
        .unwrap()
        .provider_mut()
        .substitute(Box::new(machines));
    balancer
}

/// Sets the bounds of the service `shop`.
pub(crate) fn set_bounds(scenario: &mut Scenario, bounds: (u32, u32)) {
    let shop = scenario.bounds.get_mut("shop").unwrap();
    (shop.min, shop.max) = bounds;
}

/// The services of a scenario, each container at 90 kB/s.
pub(crate) fn services(scenario: &Scenario) -> Vec<ServiceSettings> {
    let article = Config::article();
    let mut settings = article.services[0].settings.clone();
    settings.rule = Rule::target("vir_bytes_in+vir_bytes_out", 90_000.0);
    settings.down.stabilise = Duration::from_secs(30);
    scenario.services(&settings)
}

/// A hook with scripted results.
pub(crate) struct Scripted {
    /// Executes the orders that are kept.
    machines: SimulatedCluster,
    fate: Box<dyn FnMut(&Order) -> Fate + Send>,
    orders: Shared<Vec<Order>>,
    waiting: Vec<Answer>,
}

impl Scripted {
    /// Also returns the list of received orders.
    pub(crate) fn new(
        world: &World,
        fate: impl FnMut(&Order) -> Fate + Send + 'static,
    ) -> (Self, Shared<Vec<Order>>) {
        let orders = Shared::default();
        let scripted = Self {
            machines: world.cluster.clone(),
            fate: Box::new(fate),
            orders: Shared::clone(&orders),
            waiting: Vec::new(),
        };
        (scripted, orders)
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}

/// The result of an order.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Executed.
    Kept,
    /// Promised and not executed.
    Promised,
    /// Refused.
    Refused,
    /// Never answered.
    Unanswered,
}

impl Provider for Scripted {
    fn submit(&mut self, order: Order, within: Duration) {
        self.orders.lock().push(order.clone());
        match (self.fate)(&order) {
            Fate::Kept => self.machines.submit(order, within),
            Fate::Promised => self.waiting.push(Answer {
                order,
                promise: Ok(Promise::default()),
            }),
            Fate::Refused => self.waiting.push(Answer {
                order,
                promise: Err("hook refused: no quota".to_owned()),
            }),
            Fate::Unanswered => {}
        }
    }

    fn answers(&mut self) -> Vec<Answer> {
        let mut answers = std::mem::take(&mut self.waiting);
        answers.extend(self.machines.answers());
        answers
    }
}
