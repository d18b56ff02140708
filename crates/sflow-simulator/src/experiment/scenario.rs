use std::collections::BTreeMap;
use std::time::Duration;

use sflow_autoscale::controller::ServiceSettings;
use sflow_autoscale::node_pools::{MachineSettings, PeerSettings, PoolSettings, Selector};
use sflow_autoscale::policy::{Mode, Pace, Rule, Settings};

use crate::cluster_spec::ClusterSpec;
use crate::error::Error;
use crate::event::Event;
use crate::spec::{Delay, HostSpec, Network, Request, Reservation, ServiceSpec};
use crate::workload::{TraceError, Workload};

/// A simulated cluster, how long it is simulated, and what policies may do in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// How long the cluster is simulated.
    pub duration: Duration,
    /// The cluster.
    pub cluster: ClusterSpec,
    /// Machines that can be ordered; `None` for none.
    pub machines: Option<MachineSpec>,
    /// Bounds of services by their name. Others have [`ServiceBounds::default`].
    pub bounds: BTreeMap<String, ServiceBounds>,
    /// Replicas of all services together at most.
    pub budget: Option<u32>,
}

/// What a policy may do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceBounds {
    /// Minimum number of replicas.
    pub min: u32,
    /// Maximum number of replicas.
    pub max: u32,
    /// Priority if the budget is exhausted; higher is more important.
    pub priority: i32,
}

impl Default for ServiceBounds {
    /// One to ten replicas.
    fn default() -> Self {
        Self {
            min: 1,
            max: 10,
            priority: 0,
        }
    }
}

/// Machines that can be ordered, and settings of the policy of their pool.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineSpec {
    /// The machine; names and addresses continue those of the cluster.
    pub like: HostSpec,
    /// Minimum number of machines.
    pub min: u32,
    /// Maximum number of machines.
    pub max: u32,
    /// Target CPU utilisation in percent.
    pub target: f64,
    /// Whether machines with poor performance are replaced.
    pub replace: bool,
    /// Time from the order of a machine until it joins.
    pub join: Delay,
    /// Time from the order to remove a machine until it leaves.
    pub leave: Delay,
}

/// Name, description, duration in seconds, and cluster.
type Predefined = (&'static str, &'static str, u64, fn() -> Scenario);

/// A request is a connection with a small page: 5 packets in each direction and 1,000 bytes in both
/// together, and needs 80 µs of CPU time. So 720 requests/s make 103 kB/s for each of seven
/// containers, which is above the upper of the [two thresholds](super::two_thresholds), and 90 kB/s
/// for each of eight, which is above the lower one.
const PREDEFINED: [Predefined; 11] = [
    (
        "article",
        "60 s of constant load that eight containers can just serve, then none",
        130,
        || apache(1, load_until(s(70))),
    ),
    ("step", "a load that triples at once and stays", 300, || {
        let (before, after, at) = (200.0, 600.0, s(60));
        apache(3, Workload::Step { before, after, at })
    }),
    (
        "spike",
        "a short, high peak on a constant load",
        300,
        || apache(2, spike(150.0, 900.0, [60, 5, 30, 10])),
    ),
    ("sine", "a wave of six minutes, with noise", 1_080, || {
        apache(5, noisy_sine())
    }),
    (
        "crash-loop",
        "the load of article, while the tasks in one slot crash again and again",
        300,
        || {
            let crash_loop = Event::CrashLoop {
                service: "apache".to_owned(),
                slot: 3,
                after: s(4),
                duration: s(300),
            };
            apache(1, load_until(s(190))).with_event(s(0), crash_loop)
        },
    ),
    (
        "silent-agent",
        "constant load; all datagrams of one of three agents are lost for a minute",
        240,
        || {
            let (host, duration) = ("node2".to_owned(), s(60));
            let disconnect = Event::Disconnect { host, duration };
            let (host, downtime) = ("node3".to_owned(), s(3));
            let restart = Event::AgentRestart { host, downtime };
            apache(6, Workload::Constant(450.0))
                .with_event(s(60), disconnect)
                .with_event(s(180), restart)
        },
    ),
    (
        "bad-network",
        "the load of article; datagrams lost, duplicated and delayed, foreign traffic on the port",
        130,
        bad_network,
    ),
    (
        "balance",
        "during a peak, a shop gets replicas of a batch service with lower priority",
        480,
        balance,
    ),
    (
        "machines",
        "a peak that needs more machines: they are ordered, and removed afterwards",
        2_700,
        || {
            let peak = spike(200.0, 1_500.0, [240, 60, 900, 60]);
            on_machines((2, 6), false, cluster(3, [shop(3, peak)]))
        },
    ),
    (
        "thief",
        "CPU steal on one of six machines, which is replaced",
        1_500,
        || steal([(3, 0.3)]),
    ),
    (
        "bad-day",
        "CPU steal on all machines, none of which is replaced",
        1_500,
        || steal([1, 2, 3, 4, 5, 6].map(|host| (host, 0.1 + 0.05 * f64::from(host)))),
    ),
];

impl Scenario {
    /// A scenario without machines that can be ordered, budget and bounds.
    pub fn new(name: impl Into<String>, duration: Duration, cluster: ClusterSpec) -> Self {
        Self {
            name: name.into(),
            duration,
            cluster,
            machines: None,
            bounds: BTreeMap::new(),
            budget: None,
        }
    }

    /// Names and descriptions of the predefined scenarios.
    pub fn predefined() -> impl Iterator<Item = (&'static str, &'static str)> {
        PREDEFINED.iter().map(|(name, about, ..)| (*name, *about))
    }

    /// A predefined scenario.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::experiment::Scenario;
    ///
    /// let mut scenario = Scenario::named("step")?;
    /// assert_eq!(scenario.duration, Duration::from_secs(300));
    /// scenario.cluster.network.loss = 0.05;
    /// # Ok::<(), sflow_simulator::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`] if no scenario has this name; it contains the known names.
    pub fn named(name: &str) -> Result<Self, Error> {
        let Some((name, _, seconds, build)) = PREDEFINED.iter().find(|known| known.0 == name)
        else {
            let known = Self::predefined().map(|(name, _)| name);
            return Err(Error::unknown("scenario", name, known));
        };
        Ok(Self {
            name: (*name).to_owned(),
            duration: s(*seconds),
            ..build()
        })
    }

    /// Adds an event.
    #[must_use]
    pub fn with_event(mut self, at: Duration, event: Event) -> Self {
        self.cluster = self.cluster.with_event(at, event);
        self
    }

    /// Replaces the workload of the first service by a recorded one. Each line is the number of
    /// requests in one second, which is multiplied by `factor`. The scenario then takes as long as the
    /// recording.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use sflow_simulator::experiment::Scenario;
    ///
    /// let scenario = Scenario::named("article")?.with_trace(&["10", "20", "30"], 2.0)?;
    /// assert_eq!(scenario.duration, Duration::from_secs(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a line is not a number; see [`Workload::from_lines`].
    pub fn with_trace<L: AsRef<str>>(
        mut self,
        lines: &[L],
        factor: f64,
    ) -> Result<Self, TraceError> {
        let workload = Workload::from_lines(lines)?.scaled(factor);
        self.duration = Duration::from_secs(lines.len() as u64);
        if let Some(service) = self.cluster.services.first_mut() {
            service.workload = workload;
        }
        Ok(self)
    }

    /// The bounds of a service.
    pub fn bounds_of(&self, service: &str) -> ServiceBounds {
        self.bounds.get(service).copied().unwrap_or_default()
    }

    /// The same policy for each service, with the bounds of the service, in mode `act`.
    pub fn services(&self, settings: &Settings) -> Vec<ServiceSettings> {
        let services = self.cluster.services.iter().map(|service| {
            let ServiceBounds { min, max, priority } = self.bounds_of(&service.name);
            let settings = Settings {
                mode: Mode::Act,
                min,
                max,
                ..settings.clone()
            };
            ServiceSettings {
                name: service.name.clone(),
                priority,
                settings,
            }
        });
        services.collect()
    }

    /// The pool of the machines that can be ordered, in mode `act`. It grows by the largest load of
    /// 30 s and shrinks by that of 5 min.
    pub fn pool(&self) -> Option<PoolSettings> {
        let machines = self.machines.as_ref()?;
        let pace = |seconds| Pace {
            stabilise: s(seconds),
            ..Pace::default()
        };
        Some(PoolSettings {
            name: "machines".to_owned(),
            nodes: Selector::default(),
            settings: Settings {
                mode: Mode::Act,
                min: machines.min,
                max: machines.max,
                warm_up: s(60),
                fast: false,
                up: pace(30),
                down: pace(300),
                ..Settings::new(Rule::target("cpu_utilization", machines.target))
            },
            has_provider: true,
            machines: MachineSettings {
                join: s(300),
                drain: s(180),
                leave: s(180),
                replacements: 1,
                period: s(86_400),
            },
            peers: PeerSettings {
                after: s(120),
                clear: s(120),
                ..PeerSettings::default()
            },
            replace: machines.replace,
        })
    }
}

/// The service `apache` on three hosts.
fn apache(replicas: u32, workload: Workload) -> Scenario {
    Scenario::new(
        "",
        s(0),
        cluster(3, [service("apache", replicas, workload)]),
    )
}

fn bad_network() -> Scenario {
    let foreign_traffic = Event::ForeignTraffic {
        interval: Duration::from_millis(500),
        duration: s(125),
    };
    let mut scenario = apache(1, load_until(s(70))).with_event(s(5), foreign_traffic);
    scenario.cluster.network = Network {
        loss: 0.05,
        duplication: 0.05,
        reordering: 0.1,
        delay: Duration::from_millis(800),
    };
    scenario
}

/// Two services share twelve replicas. The batch service has more work than its ten replicas can
/// do; the shop has a higher priority.
fn balance() -> Scenario {
    let peak = spike(150.0, 720.0, [120, 20, 120, 20]);
    let batch = service("batch", 9, Workload::Constant(1_100.0));
    let services = [service("shop", 2, peak), batch];
    let bounds = |min, priority| ServiceBounds {
        min,
        max: 10,
        priority,
    };
    let mut scenario = Scenario::new("", s(0), cluster(3, services));
    scenario.bounds.insert("shop".to_owned(), bounds(1, 10));
    scenario.bounds.insert("batch".to_owned(), bounds(2, 0));
    scenario.budget = Some(12);
    scenario
}

/// Six hosts under load, with CPU steal from the fourth minute on. The agent of the last one does
/// not report steal.
fn steal<const N: usize>(hosts: [(u8, f64); N]) -> Scenario {
    let mut cluster = cluster(6, [shop(15, Workload::Constant(1_300.0))]);
    if let Some(host) = cluster.hosts.last_mut() {
        host.reports_steal = false;
    }
    let scenario = on_machines((4, 6), true, cluster);
    hosts
        .into_iter()
        .fold(scenario, |scenario, (host, fraction)| {
            let host = format!("node{host}");
            scenario.with_event(s(240), Event::CpuSteal { host, fraction })
        })
}

/// The service `shop` on a pool of machines.
fn on_machines((min, max): (u32, u32), replace: bool, cluster: ClusterSpec) -> Scenario {
    let mut like = HostSpec::new("node1", std::net::Ipv4Addr::new(10, 0, 0, 1));
    (like.cores, like.memory) = SIZE;
    let mut scenario = Scenario::new("", s(0), cluster);
    scenario.machines = Some(MachineSpec {
        like,
        min,
        max,
        target: 60.0,
        replace,
        join: Delay::millis(60_000, 90_000),
        leave: Delay::millis(10_000, 20_000),
    });
    let bounds = ServiceBounds {
        min: 3,
        max: 24,
        priority: 0,
    };
    scenario.bounds.insert("shop".to_owned(), bounds);
    scenario
}

/// Cores and memory of a host.
const SIZE: (u32, u64) = (2, 4 << 30);

fn cluster<const N: usize>(hosts: u16, services: [ServiceSpec; N]) -> ClusterSpec {
    let mut cluster = ClusterSpec::with_hosts(hosts);
    for host in &mut cluster.hosts {
        (host.cores, host.memory) = SIZE;
    }
    cluster.services = services.into();
    cluster
}

fn service(name: &str, replicas: u32, workload: Workload) -> ServiceSpec {
    let mut service = ServiceSpec::new(name, workload);
    service.replicas = replicas;
    service.request = Request {
        cpu: Duration::from_micros(80),
        rx_bytes: 380.0,
        rx_packets: 5.0,
        tx_bytes: 620.0,
        tx_packets: 5.0,
        disk_bytes: 90.0,
    };
    service
}

/// A service that needs CPU time: a container at 80 kB/s uses 0.4 cores. Three hosts have the cores
/// for twelve of its replicas.
fn shop(replicas: u32, workload: Workload) -> ServiceSpec {
    let mut shop = service("shop", replicas, workload);
    shop.request.cpu = Duration::from_millis(5);
    shop.reservation = Reservation {
        cores: 0.5,
        memory: 64 << 20,
    };
    shop
}

/// From 10 s on the load that eight containers can just serve.
fn load_until(end: Duration) -> Workload {
    Workload::Table(vec![(s(10), 720.0), (end, 0.0)])
}

/// `seconds` are those of begin, rise, hold and fall.
fn spike(base: f64, peak: f64, seconds: [u64; 4]) -> Workload {
    let [begin, rise, hold, fall] = seconds.map(s);
    Workload::Spike {
        base,
        peak,
        begin,
        rise,
        hold,
        fall,
    }
}

fn noisy_sine() -> Workload {
    let wave = Workload::Sine {
        mean: 450.0,
        amplitude: 350.0,
        period: s(360),
    };
    Workload::Noise {
        workload: Box::new(wave),
        fraction: 0.15,
        interval: s(7),
        seed: 1,
    }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
