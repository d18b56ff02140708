//! The `elb_js` cluster with a given workload, and a policy whose target gives the number of
//! replicas that the load needs.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::Config;
use sflow_autoscale::controller::Decided;
use sflow_metrics::Timestamp;
use sflow_simulator::experiment::{Arrival, Scenario, SimulatedCluster};
use sflow_simulator::{Delay, Event, Workload};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Bytes per second of one request per second.
const REQUEST: f64 = 1_000.0;
/// Target in bytes per second and container.
pub(crate) const TARGET: f64 = 80_000.0;

/// A datagram in transit: sender and bytes.
pub(crate) type Sent = (IpAddr, Vec<u8>);

/// Maps a datagram in transit to the datagrams that arrive.
type Interceptor = Box<dyn FnMut(Timestamp, Sent) -> Vec<Sent>>;

pub(crate) struct World {
    pub(crate) balancer: Balancer<SimulatedCluster>,
    pub(crate) now: Timestamp,
    interceptor: Interceptor,
}

impl World {
    /// A service with this workload and initial number of replicas.
    pub(crate) fn new(
        seed: u64,
        workload: Workload,
        replicas: u32,
        script: Vec<(u64, Event)>,
    ) -> Self {
        let mut scenario = Scenario::named("article").unwrap();
        scenario.duration = Duration::from_secs(3_600);
        let service = &mut scenario.cluster.services[0];
        service.workload = workload;
        service.replicas = replicas;
        service.start = Delay::millis(500, 1_500);
        service.stop = Delay::millis(200, 500);
        for (second, event) in script {
            scenario = scenario.with_event(Duration::from_secs(second), event);
        }
        let config = Config::from_toml(&format!(
            "[control]\nmode = \"act\"\n[[service]]\nname = \"apache\"\n[service.policy]\nmode = \"act\"\nmax = 20\n\
             metric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = {TARGET:?} }}]\n\
             warm_up = \"5s\"\n[service.policy.down]\nstabilise = \"30s\"\n"
        ))
        .unwrap();
        let simulation = SimulatedCluster::new(&scenario, seed, START).unwrap();
        let balancer = Balancer::new(START, simulation, config.control, &config.services).unwrap();
        Self {
            balancer,
            now: START,
            interceptor: Box::new(|_, sent| vec![sent]),
        }
    }

    /// Applies `interceptor` to all datagrams from now on.
    pub(crate) fn intercept(
        &mut self,
        interceptor: impl FnMut(Timestamp, Sent) -> Vec<Sent> + 'static,
    ) {
        self.interceptor = Box::new(interceptor);
    }

    /// Advances time; returns the decisions.
    pub(crate) async fn run(&mut self, seconds: u64) -> Vec<Decided> {
        let end = self.now + Duration::from_secs(seconds);
        let mut decided = Vec::new();
        while self.now < end {
            self.now = self.now + Duration::from_secs(2);
            for Arrival { at, source, bytes } in self.balancer.orchestrator_mut().advance(self.now)
            {
                for (source, bytes) in (self.interceptor)(at, (source.ip(), bytes)) {
                    self.balancer
                        .receive(at, SocketAddr::new(source, 6343), &bytes);
                }
            }
            decided.extend(self.balancer.round(self.now).await.decisions);
        }
        decided
    }

    /// Replicas that the cluster runs.
    pub(crate) fn replicas(&mut self) -> u32 {
        let truth = self.balancer.orchestrator_mut().truth("apache");
        truth.unwrap().replicas
    }
}

/// Replicas that this load in requests per second needs.
pub(crate) fn need(load: f64) -> u32 {
    (load * REQUEST / TARGET).ceil() as u32
}

pub(crate) fn changes(decided: &[Decided]) -> Vec<(u32, u32)> {
    decided
        .iter()
        .map(|decided| &decided.decision)
        .filter(|decision| decision.is_change())
        .map(|decision| (decision.replicas, decision.result))
        .collect()
}

/// Whether every decision contains this text.
pub(crate) fn all_contain(decided: &[Decided], text: &str) -> bool {
    !decided.is_empty()
        && decided
            .iter()
            .all(|decided| decided.decision.to_string().contains(text))
}
