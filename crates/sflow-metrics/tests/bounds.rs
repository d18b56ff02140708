//! Limits on the memory that senders can use, and the counts of refusals.

mod support;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use sflow_metrics::{Config, Registry, Timestamp};
use sflow_v5::sample::{Named, NamedValues, RtMetricValue};
use sflow_v5::types::Text;
use sflow_v5::{Address, Datagram, Encoder, Header, RtMetric, Sample};
use support::{Agent, Container, ask, at, host};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9));

/// A datagram of one application with 64 metrics under names of 250 bytes.
fn custom_metrics(agent: u32, sequence: u32, application: &str) -> Vec<u8> {
    let header = Header {
        agent_address: Address::V4(agent.to_be_bytes()),
        sub_agent_id: 0,
        sequence_number: sequence,
        uptime: 1_000 + sequence,
    };
    let names: Vec<String> = (0..64).map(|place| format!("{place:0250}")).collect();
    let metrics: Vec<_> = names
        .iter()
        .map(|name| Named {
            name: Text::from(name.as_str()),
            value: RtMetricValue::Double(1.0),
        })
        .collect();
    let mut buffer = vec![0; 65_000];
    let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
    let metrics_of = RtMetric {
        datasource: Text::from(application),
        metrics: NamedValues::from(&metrics[..]),
    };
    encoder.push(&Sample::RtMetric(metrics_of)).unwrap();
    encoder.finish().to_vec()
}

fn config() -> Config {
    Config::default().with(|config| {
        config.max_bytes = 4 << 20;
        config.max_bytes_per_sender = 2 << 20;
        config.max_bytes_per_agent = 1 << 20;
        config.max_bytes_per_source = 8 << 10;
    })
}

fn ingest(registry: &mut Registry, seconds: f64, sender: IpAddr, bytes: &[u8]) {
    let datagram = Datagram::parse(bytes).unwrap();
    registry.ingest(at(seconds), sender, &datagram);
}

#[test]
fn custom_metrics_are_bounded_by_source_agent_sender_and_in_total() {
    let mut registry = Registry::new(config());
    let mut honest = Agent::new(1);
    let mut refused = [0; 4];
    let memory = allocation_counter::measure(|| {
        let counts = |registry: &Registry| {
            let health = registry.health();
            [
                health.source_bytes_refused,
                health.agent_bytes_refused,
                health.sender_bytes_refused,
                health.total_bytes_refused,
            ]
        };
        let mut last = counts(&registry);
        let mut grown = |registry: &Registry| {
            let now = counts(registry);
            let grown = [0, 1, 2, 3].map(|place: usize| now[place] - last[place]);
            last = now;
            grown
        };
        // One application, limited as a source.
        ingest(&mut registry, 1.0, SENDER, &custom_metrics(1, 1, "shop"));
        let growth = grown(&registry);
        assert!(growth[0] > 0 && growth[1..] == [0; 3], "{growth:?}");
        refused[0] += growth[0];
        // Many applications of one agent.
        for number in 0..500 {
            let bytes = custom_metrics(1, number + 2, &format!("shop{number}"));
            ingest(&mut registry, 2.0, SENDER, &bytes);
        }
        let growth = grown(&registry);
        assert!(growth[1] > 0 && growth[2..] == [0; 2], "{growth:?}");
        // Many agents of one sender.
        for agent in 2..50 {
            for number in 0..20 {
                let bytes = custom_metrics(agent, number + 1, &format!("shop{number}"));
                ingest(&mut registry, 3.0, SENDER, &bytes);
            }
        }
        let growth = grown(&registry);
        assert!(growth[2] > 0 && growth[3] == 0, "{growth:?}");
        // Many senders.
        for sender in 0..50_u8 {
            let sender = IpAddr::from([10, 8, 8, sender]);
            for number in 0..20 {
                let bytes = custom_metrics(60, number + 1, &format!("shop{number}"));
                ingest(&mut registry, 4.0, sender, &bytes);
            }
        }
        let growth = grown(&registry);
        assert!(growth[3] > 0, "{growth:?}");
        assert!(registry.bytes() <= 4 << 20, "{}", registry.bytes());
        // An established agent can use the reserved quarter.
        for round in 1..=6 {
            let now = f64::from(round) * 10.0;
            let mut task = Container::new("apache.1", 7);
            task.work(now, 0.5, 1e6);
            let samples = [host("node1", round, 4, 0, 0), task.sample(round)];
            honest.report(&mut registry, now, &samples);
        }
    });
    // Includes events, the spare capacity of lists and the overhead of the allocator.
    assert!(memory.bytes_max < 10 << 20, "{memory:?}");
    let health = registry.health();
    assert!(health.custom_metrics_refused > 1_000, "{health:?}");
    // All charges are released.
    for hour in 1..4 {
        registry.expire(at(f64::from(hour) * 4_000.0));
    }
    assert_eq!((registry.bytes(), registry.agents().count()), (0, 0));
}

#[test]
fn only_custom_metrics_in_use_are_kept() {
    let mut registry = Registry::new(config());
    let name = |place: u32| format!("{place:0250}");
    let kept = |names: &[u32]| -> Option<HashSet<Box<str>>> {
        Some(names.iter().map(|place| name(*place).into()).collect())
    };
    let value = |registry: &Registry, place: u32| {
        ask(registry, 5.0, &format!("sum:custom.{}", name(place))).value
    };
    registry.keep_custom_metrics(kept(&[]));
    let bytes = registry.bytes();
    ingest(&mut registry, 1.0, SENDER, &custom_metrics(1, 1, "shop"));
    assert_eq!(registry.health().custom_metrics_unused, 64);
    assert_eq!(registry.entities(at(1.0)).count(), 0);

    registry.keep_custom_metrics(kept(&[5, 7]));
    ingest(&mut registry, 2.0, SENDER, &custom_metrics(1, 2, "shop"));
    assert_eq!(
        (value(&registry, 5), value(&registry, 6)),
        (Some(1.0), None)
    );
    assert_eq!(registry.health().custom_metrics_unused, 64 + 62);
    let with_two = registry.bytes();

    registry.keep_custom_metrics(kept(&[7, 8]));
    assert_eq!(
        (value(&registry, 5), value(&registry, 7)),
        (None, Some(1.0))
    );
    assert!((bytes..with_two).contains(&registry.bytes()));
    ingest(&mut registry, 3.0, SENDER, &custom_metrics(1, 3, "shop"));
    assert_eq!(value(&registry, 8), Some(1.0));
    registry.keep_custom_metrics(None);
    ingest(&mut registry, 4.0, SENDER, &custom_metrics(1, 4, "shop"));
    assert_eq!(value(&registry, 9), Some(1.0));
    let refused = registry.health().custom_metrics_refused;
    assert!((30..60).contains(&refused), "{refused}");
}

#[cfg(feature = "flows")]
#[test]
fn flow_definitions_share_memory_limit() {
    use sflow_metrics::flow;

    let mut registry =
        Registry::new(Config::default().with(|config| config.max_flow_bytes = 1 << 20));
    let definition: flow::Definition = "keys=url,url.host;value=frames".parse().unwrap();
    let kept = allocation_counter::measure(|| {
        for _ in 0..32 {
            registry.watch_flows(definition.clone()).unwrap();
        }
    });
    assert!(kept.bytes_current < 1 << 20, "{kept:?}");
}

#[test]
fn clock_that_steps_to_2106_and_back_leaves_no_state() {
    let mut registry = Registry::new(config());
    let mut agent = Agent::new(1);
    let report = |registry: &mut Registry, agent: &mut Agent, sequence: u32, now: f64| {
        agent.report(registry, now, &[host("node1", sequence, 4, 0, 0)]);
    };
    report(&mut registry, &mut agent, 1, 0.0);
    report(&mut registry, &mut agent, 2, 10.0);
    let in_2106 = Timestamp::from_secs(u32::MAX.into());
    let last = in_2106 - at(0.0);
    // The second datagram confirms the jump of the uptime.
    report(&mut registry, &mut agent, 3, last.as_secs_f64() - 10.0);
    report(&mut registry, &mut agent, 4, last.as_secs_f64());
    registry.expire(in_2106);
    registry.expire(at(30.0));
    assert_eq!(registry.entities(at(30.0)).count(), 1);
    // It has not reported since, and is gone after the usual time.
    registry.expire(at(30.0 + 300.0));
    assert_eq!(registry.entities(at(330.0)).count(), 0);
    registry.expire(at(30.0 + 8_000.0));
    assert_eq!((registry.bytes(), registry.agents().count()), (0, 0));
}
