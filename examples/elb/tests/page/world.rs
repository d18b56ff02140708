//! A control loop that has run for some time, with its page on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::{Config, ServiceSettings};
use elb::handle::{Handle, Requests};
use elb::http::{self, Access, Site};
use elb::policy::Mode;
use sflow_metrics::Timestamp;
use sflow_simulator::Workload;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};
use tokio::net::TcpListener;

use crate::simulated;

const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A scenario to run and serve.
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) services: Vec<ServiceSettings>,
    /// Simulated time before the page is served.
    pub(crate) lasting: Duration,
    /// Senders whose datagrams do not arrive from this time on.
    pub(crate) disconnected: Vec<(IpAddr, Duration)>,
    pub(crate) access: Access,
}

impl World {
    /// One service of this name under the load of a scenario.
    pub(crate) fn of(scenario: &str, name: &str, seconds: u64) -> Self {
        let mut scenario = Scenario::named(scenario).unwrap();
        name.clone_into(&mut scenario.cluster.services[0].name);
        let services = vec![service(name, Mode::Act)];
        Self {
            scenario,
            services,
            lasting: Duration::from_secs(seconds),
            disconnected: Vec::new(),
            access: Access::default(),
        }
    }

    /// One service whose load rises fourfold at once, which packet samples show first.
    pub(crate) fn surge(name: &str) -> Self {
        let mut world = Self::of("article", name, 126);
        let service = &mut world.scenario.cluster.services[0];
        service.replicas = 4;
        service.workload = Workload::Step {
            before: 1_600.0,
            after: 6_400.0,
            at: Duration::from_secs(113),
        };
        world.scenario.cluster.agents.sampling = 100;
        let config = format!(
            "[[service]]\nname = \"{name}\"\n[service.policy]\nmode = \"act\"\nmax = 40\n\
             metric = [{{ name = \"vir_bytes_in+vir_bytes_out\", target = 500000 }}]\n"
        );
        world.services = Config::from_toml(&config).unwrap().services;
        world
    }

    /// One service on a pool of machines, one of which is a poor performer from the fourth minute
    /// on.
    pub(crate) fn with_machines(name: &str) -> Self {
        Self::of("thief", name, 640)
    }

    /// Many services with different loads.
    pub(crate) fn many(count: u32) -> Self {
        let mut world = Self::of("article", "service", 80);
        let pattern = world.scenario.cluster.services[0].clone();
        let spec = |number: u32| {
            let mut spec = pattern.clone();
            spec.name = name(number);
            spec.replicas = 1 + number % 4;
            spec.workload = Workload::Sine {
                mean: 60.0 + f64::from(number * 37 % 200),
                amplitude: f64::from(number * 13 % 60),
                period: Duration::from_secs(40 + u64::from(number)),
            };
            spec
        };
        let own = |number: u32| {
            let modes = [Mode::Act, Mode::Act, Mode::Advise, Mode::Off];
            service(&name(number), modes[number as usize % modes.len()])
        };
        world.scenario.cluster.services = (1..=count).map(spec).collect();
        world.services = (1..=count).map(own).collect();
        world
    }

    /// Datagrams of this host do not arrive from second `from` on.
    pub(crate) fn without(mut self, host: u8, from: u64) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, host));
        self.disconnected.push((address, Duration::from_secs(from)));
        self
    }

    /// Runs the scenario and serves the page.
    pub(crate) async fn serve(self) -> Served {
        let mut config = Config::article();
        config.services.clone_from(&self.services);
        let cluster = SimulatedCluster::new(&self.scenario, 1, START).unwrap();
        let balancer = Balancer::new(START, cluster.clone(), config.control, &config.services);
        let mut balancer = balancer.unwrap();
        if let Some(pool) = simulated::pool(&self.scenario) {
            balancer.keep("test".to_owned(), &[pool]).unwrap();
            let machines = cluster.clone();
            balancer
                .pools_mut()
                .unwrap()
                .provider_mut()
                .substitute(Box::new(machines));
        }
        let mut now = START;
        while now - START < self.lasting {
            now = now + Duration::from_secs(2);
            for sent in cluster.advance(now) {
                let is_disconnected = |(host, from): &(IpAddr, Duration)| {
                    *host == sent.source.ip() && sent.at >= START + *from
                };
                if !self.disconnected.iter().any(is_disconnected) {
                    balancer.receive(sent.at, sent.source, &sent.bytes);
                }
            }
            balancer.round(now).await;
        }
        let (telemetry, status) = (balancer.telemetry().clone(), balancer.status().clone());
        let (handle, requests) = Handle::new(telemetry, status, config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Site::new(handle.clone()).with_access(self.access);
        tokio::spawn(http::serve(listener, site, std::future::pending()));
        tokio::spawn(handle_requests(balancer, requests));
        Served { address, handle }
    }
}

/// A served page.
pub(crate) struct Served {
    address: SocketAddr,
    pub(crate) handle: Handle,
}

impl Served {
    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The mode of a service.
    pub(crate) fn mode(&self, service: &str) -> Mode {
        self.handle.status().lock().service(service).unwrap().mode
    }
}

/// Executes requests, as the loop does between rounds.
async fn handle_requests(mut balancer: Balancer<SimulatedCluster>, mut requests: Requests) {
    loop {
        let (request, answer) = requests.next().await;
        answer.send(balancer.apply(&request)).ok();
    }
}

fn service(name: &str, mode: Mode) -> ServiceSettings {
    let mut service = Config::article().services[0].clone();
    name.clone_into(&mut service.name);
    service.settings.mode = mode;
    service
}

/// A service name as in stacks; some are long.
pub(crate) fn name(number: u32) -> String {
    let stacks = [
        "shop",
        "billing",
        "search",
        "a-stack-with-quite-a-long-name",
    ];
    let parts = ["web", "api", "worker", "cache", "mail"];
    let stack = stacks[number as usize % stacks.len()];
    let part = parts[number as usize % parts.len()];
    format!("{stack}_{part}{number}")
}
