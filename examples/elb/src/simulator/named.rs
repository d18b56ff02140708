//! The scenarios that are ready.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::load::Load;
use super::scenario::{
    AgentSpec, Delay, Event, HostSpec, Idle, MachineSpec, Network, Scenario, ScenarioError,
    ServiceSpec, Work,
};
use crate::orchestrator::Resources;

impl Scenario {
    /// The names that [`Scenario::named`] knows, each with a line on what happens.
    pub const NAMES: &[(&str, &str)] = &[
        (
            "article",
            "60 s of constant load that eight containers can just carry, then none",
        ),
        ("step", "a load that triples at once and stays"),
        ("spike", "a short and high peak on a steady load"),
        ("sine", "a wave of six minutes, with noise"),
        (
            "crash-loop",
            "the article's load while one slot crashes again and again",
        ),
        (
            "silent-agent",
            "steady load; one of three agents is not heard for a minute",
        ),
        (
            "bad-network",
            "the article's load; datagrams lost, doubled, late, and strangers on the port",
        ),
        (
            "balance",
            "a peak on a shop takes capacity from a batch that can wait, and gives it back",
        ),
        (
            "machines",
            "a peak for which the machines do not suffice: others are ordered, and given back",
        ),
        (
            "thief",
            "others take the processors of one of six machines: it is replaced",
        ),
        (
            "bad-day",
            "others take the processors of all machines: nothing is replaced",
        ),
    ];

    /// A scenario that is ready.
    ///
    /// # Errors
    ///
    /// If there is none of this name; the error lists those that exist.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
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
                let known = Self::NAMES
                    .iter()
                    .map(|(name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(", ");
                return Err(ScenarioError::Unknown {
                    what: "scenario",
                    name: name.to_owned(),
                    known,
                });
            }
        })
    }
}

/// The article's test: `ab` asks the service `apache` for a minute, over and over.
///
/// A request is one connection with a small page: 5 packets and 1,000 bytes in both directions
/// together. 720 requests/s make 720 kB/s, so that with seven containers each has 103 kB/s and
/// with eight 90 kB/s: the article's upper threshold of 100 kB/s asks for eight, and its lower
/// one of 50 kB/s lets them be. A request costs 80 µs, so that a container at 100 kB/s uses
/// 0.8 % of a core: the article's CPU threshold of 1 % always comes second.
fn article() -> Scenario {
    Scenario {
        name: "article".to_owned(),
        duration: s(130),
        hosts: three_hosts(),
        machines: None,
        services: vec![apache(Load::Table(vec![(s(10), 720.0), (s(70), 0.0)]))],
        budget: None,
        agents: AgentSpec::default(),
        script: Vec::new(),
    }
}

fn step() -> Scenario {
    let load = Load::Step {
        before: 200.0,
        after: 600.0,
        at: s(60),
    };
    Scenario {
        name: "step".to_owned(),
        duration: s(300),
        services: vec![ServiceSpec {
            replicas: 3,
            ..apache(load)
        }],
        ..article()
    }
}

fn spike() -> Scenario {
    let load = Load::Spike {
        base: 150.0,
        peak: 900.0,
        begin: s(60),
        rise: s(5),
        hold: s(30),
        fall: s(10),
    };
    Scenario {
        name: "spike".to_owned(),
        duration: s(300),
        services: vec![ServiceSpec {
            replicas: 2,
            ..apache(load)
        }],
        ..article()
    }
}

fn sine() -> Scenario {
    let wave = Load::Sine {
        mean: 450.0,
        amplitude: 350.0,
        period: s(360),
    };
    let load = Load::Noise {
        load: Box::new(wave),
        fraction: 0.15,
        grain: s(7),
        seed: 1,
    };
    Scenario {
        name: "sine".to_owned(),
        duration: s(1080),
        services: vec![ServiceSpec {
            replicas: 5,
            ..apache(load)
        }],
        ..article()
    }
}

/// The fault that froze the original for ever.
fn crash_loop() -> Scenario {
    let load = Load::Table(vec![(s(10), 720.0), (s(190), 0.0)]);
    Scenario {
        name: "crash-loop".to_owned(),
        duration: s(300),
        services: vec![apache(load)],
        ..article()
    }
    .with(
        s(0),
        Event::CrashLoop {
            service: "apache".to_owned(),
            slot: 3,
            after: s(4),
            lasting: s(300),
        },
    )
}

fn silent_agent() -> Scenario {
    Scenario {
        name: "silent-agent".to_owned(),
        duration: s(240),
        services: vec![ServiceSpec {
            replicas: 6,
            ..apache(Load::Constant(450.0))
        }],
        ..article()
    }
    .with(
        s(60),
        Event::Silence {
            host: "node2".to_owned(),
            lasting: s(60),
        },
    )
    .with(
        s(180),
        Event::AgentRestart {
            host: "node3".to_owned(),
            down: s(3),
        },
    )
}

fn bad_network() -> Scenario {
    let network = Network {
        loss: 0.05,
        duplication: 0.05,
        reordering: 0.1,
        delay: Duration::from_millis(800),
    };
    Scenario {
        name: "bad-network".to_owned(),
        ..article()
    }
    .with(s(0), Event::Network(network))
    .with(
        s(5),
        Event::Strangers {
            every: Duration::from_millis(500),
            lasting: s(125),
        },
    )
}

/// Twelve replicas for two: the batch takes what the shop does not need, and has always more to
/// do than it can.
fn balance() -> Scenario {
    let peak = Load::Spike {
        base: 150.0,
        peak: 720.0,
        begin: s(120),
        rise: s(20),
        hold: s(120),
        fall: s(20),
    };
    let shop = ServiceSpec {
        name: "shop".to_owned(),
        replicas: 2,
        priority: 10,
        ..apache(peak)
    };
    let batch = ServiceSpec {
        name: "batch".to_owned(),
        replicas: 9,
        bounds: (2, 10),
        ..apache(Load::Constant(1_100.0))
    };
    Scenario {
        name: "balance".to_owned(),
        duration: s(480),
        services: vec![shop, batch],
        budget: Some(12),
        ..article()
    }
}

/// Twenty replicas of half a core each, where three hosts have room for twelve.
fn machines() -> Scenario {
    let peak = Load::Spike {
        base: 200.0,
        peak: 1_500.0,
        begin: s(240),
        rise: s(60),
        hold: s(900),
        fall: s(60),
    };
    Scenario {
        name: "machines".to_owned(),
        duration: s(2_700),
        hosts: hosts(3),
        machines: Some(machine_spec((2, 6), false)),
        services: vec![shop(3, peak)],
        ..article()
    }
}

/// Six hosts with work enough, of which one has an agent that does not report steal.
fn six_hosts(name: &str) -> Scenario {
    let mut hosts = hosts(6);
    if let Some(host) = hosts.last_mut() {
        host.tells_steal = false;
    }
    Scenario {
        name: name.to_owned(),
        duration: s(1_500),
        hosts,
        machines: Some(machine_spec((4, 6), true)),
        services: vec![shop(15, Load::Constant(1_300.0))],
        ..article()
    }
}

fn thief() -> Scenario {
    six_hosts("thief").with(
        s(240),
        Event::Steal {
            host: "node3".to_owned(),
            part: 0.3,
        },
    )
}

fn bad_day() -> Scenario {
    (1..=6).fold(six_hosts("bad-day"), |scenario, number| {
        // Of some more than of others.
        let part = 0.1 + 0.05 * f64::from(number);
        let host = format!("node{number}");
        scenario.with(s(240), Event::Steal { host, part })
    })
}

fn machine_spec(bounds: (u32, u32), replace: bool) -> MachineSpec {
    MachineSpec {
        like: host(1),
        bounds,
        target: 60.0,
        replace,
        join: Delay::millis(60_000, 90_000),
        leave: Delay::millis(10_000, 20_000),
    }
}

/// A service whose requests cost processor time: a container at its target uses 0.4 cores.
fn shop(replicas: u32, load: Load) -> ServiceSpec {
    let apache = apache(load);
    ServiceSpec {
        name: "shop".to_owned(),
        replicas,
        bounds: (3, 24),
        work: Work {
            cpu: Duration::from_millis(5),
            ..apache.work
        },
        reserved: Resources {
            cores: 0.5,
            memory: 64 << 20,
        },
        ..apache
    }
}

fn three_hosts() -> Vec<HostSpec> {
    hosts(3)
}

fn hosts(number: u8) -> Vec<HostSpec> {
    (1..=number).map(host).collect()
}

fn host(number: u8) -> HostSpec {
    HostSpec {
        name: format!("node{number}"),
        address: Ipv4Addr::new(10, 0, 0, number),
        cores: 2,
        memory: 4 << 30,
        tells_steal: true,
    }
}

fn apache(load: Load) -> ServiceSpec {
    ServiceSpec {
        name: "apache".to_owned(),
        replicas: 1,
        bounds: (1, 10),
        priority: 0,
        labels: BTreeMap::new(),
        load,
        work: Work {
            cpu: Duration::from_micros(80),
            rx_bytes: 380.0,
            rx_packets: 5.0,
            tx_bytes: 620.0,
            tx_packets: 5.0,
            disk_bytes: 90.0,
        },
        idle: Idle {
            cores: 0.0002,
            memory: 9 << 20,
            memory_per_rate: 20_000.0,
        },
        reserved: Resources::default(),
        cpu_limit: None,
        memory_limit: None,
        port: 80,
        start: Delay::millis(600, 1_400),
        stop: Delay::millis(200, 800),
        restart: Delay::millis(4_500, 5_500),
        mean_life: None,
    }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_sound() {
        for (name, about) in Scenario::NAMES {
            let scenario = Scenario::named(name).unwrap();
            assert_eq!(scenario.name, *name);
            assert!(!about.is_empty());
            scenario.check().unwrap();
        }
    }

    #[test]
    fn an_unknown_name_is_told_which_exist() {
        let error = Scenario::named("artikel").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no scenario \"artikel\"; known: article, step, spike, sine, crash-loop, \
             silent-agent, bad-network, balance, machines, thief, bad-day"
        );
    }

    #[test]
    fn the_article_needs_eight() {
        let scenario = Scenario::named("article").unwrap();
        let apache = &scenario.services[0];
        let bytes = apache.load.at(s(30)) * apache.work.bytes();
        let cores = apache.load.at(s(30)) * apache.work.cpu.as_secs_f64();
        assert!(bytes / 7.0 > 100_000.0 && bytes / 8.0 < 100_000.0);
        assert!(bytes / 8.0 > 50_000.0, "eight must not look idle");
        // Wherever bytes are within their threshold, CPU is within its own.
        assert!(100.0 * cores / bytes * 100_000.0 < 1.0);
        assert_eq!((apache.load.at(s(9)), apache.load.at(s(70))), (0.0, 0.0));
    }

    #[test]
    fn mistakes_are_told() {
        let no_host = Scenario {
            hosts: Vec::new(),
            ..article()
        };
        assert_eq!(no_host.check(), Err(ScenarioError::NoHost));

        let mut twice = article();
        twice.hosts[1].address = twice.hosts[0].address;
        assert!(matches!(
            twice.check(),
            Err(ScenarioError::Twice { what: "host", .. })
        ));

        let silent = article().with(
            s(1),
            Event::Silence {
                host: "node9".to_owned(),
                lasting: s(1),
            },
        );
        assert_eq!(
            silent.check().unwrap_err().to_string(),
            "there is no host \"node9\"; known: node1, node2, node3"
        );

        let endless = article().with(
            s(1),
            Event::Strangers {
                every: s(0),
                lasting: s(1),
            },
        );
        assert_eq!(endless.check(), Err(ScenarioError::Zero("strangers.every")));
    }
}
