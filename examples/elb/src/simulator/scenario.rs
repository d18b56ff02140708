//! Scenarios: simulated clusters, and the settings of the policies that scale them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::bail;
use sflow_simulator::{
    ClusterSpec, Delay, Event, HostSpec, Network, Request, Reservation, ServiceSpec, Workload,
};

/// A simulated cluster, how long it is simulated, and the settings of the policies that scale it.
///
/// [`Scenario::named`] returns predefined ones; all fields can be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// How long the cluster is simulated.
    pub duration: Duration,
    /// The cluster.
    pub cluster: ClusterSpec,
    /// Machines that can be ordered; `None` for none.
    pub machines: Option<MachineSpec>,
    /// For policies: settings by name of the service. Services without settings have
    /// [`ServicePolicy::default`].
    pub policies: BTreeMap<String, ServicePolicy>,
    /// For policies: replicas of all services together at most.
    pub budget: Option<u32>,
}

/// Settings of the policy of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePolicy {
    /// Minimum and maximum number of replicas.
    pub bounds: (u32, u32),
    /// Priority if the budget is exhausted; higher is more important.
    pub priority: i32,
}

impl Default for ServicePolicy {
    fn default() -> Self {
        Self {
            bounds: (1, 10),
            priority: 0,
        }
    }
}

/// Machines that can be ordered, and settings of the policy of their pool.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineSpec {
    /// The machine; names and addresses continue those of the cluster.
    pub like: HostSpec,
    /// For the policy: minimum and maximum number of machines.
    pub bounds: (u32, u32),
    /// For the policy: target CPU utilisation in percent.
    pub target: f64,
    /// For the policy: whether machines with poor performance are replaced.
    pub replace: bool,
    /// Time from the order of a machine until it joins.
    pub join: Delay,
    /// Time from the order to remove a machine until it leaves.
    pub leave: Delay,
}

impl Scenario {
    /// Names of the predefined scenarios, with a description.
    pub const NAMES: &[(&str, &str)] = &[
        (
            "article",
            "60 s of constant load that eight containers can just serve, then none",
        ),
        ("step", "a load that triples at once and stays"),
        ("spike", "a short, high peak on a constant load"),
        ("sine", "a wave of six minutes, with noise"),
        (
            "crash-loop",
            "the load of article, while the tasks in one slot crash again and again",
        ),
        (
            "silent-agent",
            "constant load; all datagrams of one of three agents are lost for a minute",
        ),
        (
            "bad-network",
            "the load of article; datagrams lost, duplicated and delayed, foreign traffic on the port",
        ),
        (
            "balance",
            "during a peak, a shop gets replicas of a batch service with lower priority",
        ),
        (
            "machines",
            "a peak that needs more machines: they are ordered, and removed afterwards",
        ),
        (
            "thief",
            "CPU steal on one of six machines, which is replaced",
        ),
        (
            "bad-day",
            "CPU steal on all machines, none of which is replaced",
        ),
    ];

    /// A predefined scenario.
    ///
    /// # Errors
    ///
    /// If no scenario has this name; the error lists the names.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        Ok(match name {
            "article" => article(),
            "step" => step(),
            "spike" => spike(),
            "sine" => sine(),
            "crash-loop" => crash_loop(),
            "silent-agent" => silent_agent(),
            "bad-network" => bad_network(),
            "balance" => balance(),
            "machines" => machines(),
            "thief" => thief(),
            "bad-day" => bad_day(),
            _ => {
                let known: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
                bail!("unknown scenario {name:?}; known: {}", known.join(", "));
            }
        })
    }

    /// Adds an event.
    #[must_use]
    pub fn with(mut self, at: Duration, event: Event) -> Self {
        self.cluster = self.cluster.with_event(at, event);
        self
    }

    /// The settings of a service's policy.
    pub fn policy(&self, service: &str) -> ServicePolicy {
        self.policies.get(service).copied().unwrap_or_default()
    }
}

/// A scenario with the service `apache` on three hosts.
fn with_apache(name: &str, duration: Duration, replicas: u32, workload: Workload) -> Scenario {
    let mut service = apache(workload);
    service.replicas = replicas;
    Scenario {
        name: name.to_owned(),
        duration,
        cluster: cluster(3, [service]),
        machines: None,
        policies: BTreeMap::new(),
        budget: None,
    }
}

fn cluster<const N: usize>(hosts: u8, services: [ServiceSpec; N]) -> ClusterSpec {
    let mut cluster = ClusterSpec::default();
    cluster.hosts = (1..=hosts).map(host).collect();
    cluster.services = services.into();
    cluster
}

/// The test of the article: `ab` sends requests to the service `apache` for a minute.
///
/// A request is a connection with a small page: 5 packets in each direction and 1,000 bytes in
/// both together. 720 requests/s make 720 kB/s: 103 kB/s for each of seven containers, which is
/// above the article's upper threshold of 100 kB/s, and 90 kB/s for each of eight, which is above
/// its lower threshold of 50 kB/s. A request needs 80 µs of CPU time, so a container at 100 kB/s
/// uses 0.8 % of a core, less than the CPU threshold of 1 %.
fn article() -> Scenario {
    let workload = Workload::Table(vec![(s(10), 720.0), (s(70), 0.0)]);
    with_apache("article", s(130), 1, workload)
}

fn step() -> Scenario {
    let workload = Workload::Step {
        before: 200.0,
        after: 600.0,
        at: s(60),
    };
    with_apache("step", s(300), 3, workload)
}

fn spike() -> Scenario {
    let workload = Workload::Spike {
        base: 150.0,
        peak: 900.0,
        begin: s(60),
        rise: s(5),
        hold: s(30),
        fall: s(10),
    };
    with_apache("spike", s(300), 2, workload)
}

fn sine() -> Scenario {
    let wave = Workload::Sine {
        mean: 450.0,
        amplitude: 350.0,
        period: s(360),
    };
    let workload = Workload::Noise {
        workload: Box::new(wave),
        fraction: 0.15,
        interval: s(7),
        seed: 1,
    };
    with_apache("sine", s(1080), 5, workload)
}

fn crash_loop() -> Scenario {
    let workload = Workload::Table(vec![(s(10), 720.0), (s(190), 0.0)]);
    with_apache("crash-loop", s(300), 1, workload).with(
        s(0),
        Event::CrashLoop {
            service: "apache".to_owned(),
            slot: 3,
            after: s(4),
            duration: s(300),
        },
    )
}

fn silent_agent() -> Scenario {
    with_apache("silent-agent", s(240), 6, Workload::Constant(450.0))
        .with(
            s(60),
            Event::Disconnect {
                host: "node2".to_owned(),
                duration: s(60),
            },
        )
        .with(
            s(180),
            Event::AgentRestart {
                host: "node3".to_owned(),
                downtime: s(3),
            },
        )
}

fn bad_network() -> Scenario {
    let mut scenario = article();
    scenario.name = "bad-network".to_owned();
    scenario.cluster.network = Network {
        loss: 0.05,
        duplication: 0.05,
        reordering: 0.1,
        delay: Duration::from_millis(800),
    };
    scenario.with(
        s(5),
        Event::ForeignTraffic {
            interval: Duration::from_millis(500),
            duration: s(125),
        },
    )
}

/// Two services share twelve replicas. The batch service has more work than its ten replicas can
/// do; the shop has a higher priority.
fn balance() -> Scenario {
    let peak = Workload::Spike {
        base: 150.0,
        peak: 720.0,
        begin: s(120),
        rise: s(20),
        hold: s(120),
        fall: s(20),
    };
    let mut shop = apache(peak);
    (shop.name, shop.replicas) = ("shop".to_owned(), 2);
    let mut batch = apache(Workload::Constant(1_100.0));
    (batch.name, batch.replicas) = ("batch".to_owned(), 9);
    let policy = |bounds, priority| ServicePolicy { bounds, priority };
    Scenario {
        name: "balance".to_owned(),
        duration: s(480),
        cluster: cluster(3, [shop, batch]),
        machines: None,
        policies: BTreeMap::from([
            ("shop".to_owned(), policy((1, 10), 10)),
            ("batch".to_owned(), policy((2, 10), 0)),
        ]),
        budget: Some(12),
    }
}

/// Up to twenty replicas of half a core each; three hosts have the cores for twelve.
fn machines() -> Scenario {
    let peak = Workload::Spike {
        base: 200.0,
        peak: 1_500.0,
        begin: s(240),
        rise: s(60),
        hold: s(900),
        fall: s(60),
    };
    on_machines(
        "machines",
        s(2_700),
        cluster(3, [shop(3, peak)]),
        (2, 6),
        false,
    )
}

/// Six hosts under load. The agent of the last one does not report steal.
fn six_hosts(name: &str) -> Scenario {
    let mut cluster = cluster(6, [shop(15, Workload::Constant(1_300.0))]);
    if let Some(host) = cluster.hosts.last_mut() {
        host.reports_steal = false;
    }
    on_machines(name, s(1_500), cluster, (4, 6), true)
}

fn thief() -> Scenario {
    six_hosts("thief").with(
        s(240),
        Event::CpuSteal {
            host: "node3".to_owned(),
            fraction: 0.3,
        },
    )
}

fn bad_day() -> Scenario {
    (1..=6).fold(six_hosts("bad-day"), |scenario, number| {
        let fraction = 0.1 + 0.05 * f64::from(number);
        let host = format!("node{number}");
        scenario.with(s(240), Event::CpuSteal { host, fraction })
    })
}

/// A scenario with the service `shop`, whose machines form a pool.
fn on_machines(
    name: &str,
    duration: Duration,
    cluster: ClusterSpec,
    bounds: (u32, u32),
    replace: bool,
) -> Scenario {
    let policy = ServicePolicy {
        bounds: (3, 24),
        priority: 0,
    };
    Scenario {
        name: name.to_owned(),
        duration,
        cluster,
        machines: Some(MachineSpec {
            like: host(1),
            bounds,
            target: 60.0,
            replace,
            join: Delay::millis(60_000, 90_000),
            leave: Delay::millis(10_000, 20_000),
        }),
        policies: BTreeMap::from([("shop".to_owned(), policy)]),
        budget: None,
    }
}

/// A service that needs CPU time: a container at its target uses 0.4 cores.
fn shop(replicas: u32, workload: Workload) -> ServiceSpec {
    let mut shop = apache(workload);
    shop.name = "shop".to_owned();
    shop.replicas = replicas;
    shop.request.cpu = Duration::from_millis(5);
    shop.reservation = Reservation {
        cores: 0.5,
        memory: 64 << 20,
    };
    shop
}

fn host(number: u8) -> HostSpec {
    let address = Ipv4Addr::new(10, 0, 0, number);
    let mut host = HostSpec::new(format!("node{number}"), address);
    host.cores = 2;
    host.memory = 4 << 30;
    host
}

fn apache(workload: Workload) -> ServiceSpec {
    let mut apache = ServiceSpec::new("apache", workload);
    apache.request = Request {
        cpu: Duration::from_micros(80),
        rx_bytes: 380.0,
        rx_packets: 5.0,
        tx_bytes: 620.0,
        tx_packets: 5.0,
        disk_bytes: 90.0,
    };
    apache
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use sflow_metrics::Timestamp;

    use super::*;
    use crate::simulator::Simulation;

    #[test]
    fn predefined_scenarios_can_be_simulated() {
        for (name, about) in Scenario::NAMES {
            let scenario = Scenario::named(name).unwrap();
            assert_eq!(scenario.name, *name);
            assert!(!about.is_empty());
            Simulation::new(&scenario, 1, Timestamp::ZERO).unwrap();
        }
    }

    #[test]
    fn unknown_name_is_an_error_that_lists_the_names() {
        let error = Scenario::named("artikel").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown scenario \"artikel\"; known: article, step, spike, sine, crash-loop, \
             silent-agent, bad-network, balance, machines, thief, bad-day"
        );
    }

    #[test]
    fn article_needs_eight_replicas() {
        let scenario = article();
        let apache = &scenario.cluster.services[0];
        let bytes = apache.workload.at(s(30)) * apache.request.bytes();
        let cores = apache.workload.at(s(30)) * apache.request.cpu.as_secs_f64();
        assert!(bytes / 7.0 > 100_000.0 && bytes / 8.0 < 100_000.0);
        assert!(
            bytes / 8.0 > 50_000.0,
            "eight are above the lower threshold"
        );
        // Where bytes are below their upper threshold, CPU is below its own.
        assert!(100.0 * cores / bytes * 100_000.0 < 1.0);
        assert_eq!(apache.workload.at(s(9)), 0.0);
        assert_eq!(apache.workload.at(s(70)), 0.0);
    }
}
