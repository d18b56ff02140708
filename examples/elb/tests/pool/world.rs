//! A control loop over a shared simulated cluster. The test advances time.

use std::net::SocketAddr;
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::{Config, ControlSettings, Pool, ServiceSettings};
use elb::policy::{Mode, Rule, Target};
use elb::shared::Shared;
use elb::simulator::{Scenario, SimulatedProvisioner, Simulation};
use sflow_autoscale::controller::Round;
use sflow_autoscale::node_pools::{Answer, Order, PoolStatus, Promise, Provider};
use sflow_metrics::Timestamp;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A loop and its cluster, which continues when the loop is restarted.
pub(crate) struct World {
    pub(crate) simulation: Shared<Simulation>,
    pub(crate) balancer: Balancer<Shared<Simulation>>,
    pub(crate) pool: Pool,
    pub(crate) now: Timestamp,
    services: Vec<ServiceSettings>,
}

impl World {
    /// Runs the pool of a scenario, with the changes of the test.
    pub(crate) fn new(scenario: &Scenario, change: impl FnOnce(&mut Pool)) -> Self {
        let simulation = Simulation::new(scenario, 1, START).unwrap();
        let mut pool = elb::experiment::pool(scenario, Mode::Act).unwrap().unwrap();
        change(&mut pool);
        let services = services(scenario);
        let simulation = Shared::new(simulation);
        let balancer = balancer(&simulation, START, &services, &pool, "first");
        Self {
            simulation,
            balancer,
            pool,
            now: START,
            services,
        }
    }

    /// Replaces the provider of machines.
    pub(crate) fn provide(&mut self, provider: impl Provider + Send + 'static) {
        let pools = self.balancer.pools_mut().unwrap();
        pools.provide(Box::new(provider));
    }

    /// Calls the hook of the pool from the first round on.
    pub(crate) fn call_hook(&mut self) {
        let pools = std::slice::from_ref(&self.pool);
        self.balancer.keep("first".to_owned(), pools).unwrap();
    }

    /// Restarts the loop without its state.
    pub(crate) fn restart(&mut self) {
        let (services, pool) = (&self.services, &self.pool);
        self.balancer = balancer(&self.simulation, self.now, services, pool, "second");
    }

    /// Advances time by two seconds and runs a round.
    pub(crate) async fn round(&mut self) -> Round {
        self.now = self.now + Duration::from_secs(2);
        let mut arrived = Vec::new();
        self.simulation.lock().advance(self.now, |delivery| {
            let source = SocketAddr::new(delivery.source, 6343);
            arrived.push((delivery.at, source, delivery.bytes.to_vec()));
        });
        for (at, source, bytes) in arrived {
            self.balancer.receive(at, source, &bytes);
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
    simulation: &Shared<Simulation>,
    now: Timestamp,
    services: &[ServiceSettings],
    pool: &Pool,
    instance: &str,
) -> Balancer<Shared<Simulation>> {
    let control = ControlSettings {
        mode: Mode::Act,
        ..Config::article().control
    };
    let mut balancer = Balancer::new(now, simulation.clone(), control, services).unwrap();
    let pools = std::slice::from_ref(pool);
    balancer.keep(instance.to_owned(), pools).unwrap();
    let provisioner = simulation.lock().provisioner().unwrap();
    balancer.pools_mut().unwrap().provide(Box::new(provisioner));
    balancer
}

/// Sets the bounds of the service `shop`.
pub(crate) fn set_bounds(scenario: &mut Scenario, bounds: (u32, u32)) {
    let policy = scenario.policies.get_mut("shop");
    policy.unwrap().bounds = bounds;
}

/// The services of a scenario, each container at 90 kB/s.
pub(crate) fn services(scenario: &Scenario) -> Vec<ServiceSettings> {
    let article = Config::article();
    let services = scenario.cluster.services.iter().map(|service| {
        let mut settings = article.services[0].settings.clone();
        settings.mode = Mode::Act;
        (settings.min, settings.max) = scenario.policy(&service.name).bounds;
        settings.rule = Rule::Target {
            metrics: vec![Target {
                metric: "vir_bytes_in+vir_bytes_out".to_owned(),
                target: 90_000.0,
            }],
            tolerance_up: 0.1,
            tolerance_down: 0.1,
        };
        settings.down.stabilise = Duration::from_secs(30);
        ServiceSettings {
            name: service.name.clone(),
            priority: scenario.policy(&service.name).priority,
            settings,
        }
    });
    services.collect()
}

/// A hook with scripted results.
pub(crate) struct Scripted {
    /// Executes the orders that are kept.
    provisioner: SimulatedProvisioner,
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
            provisioner: world.simulation.lock().provisioner().unwrap(),
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
            Fate::Kept => self.provisioner.submit(order, within),
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
        answers.extend(self.provisioner.answers());
        answers
    }
}
