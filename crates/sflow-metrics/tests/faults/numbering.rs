//! Agents that do not number their datagrams or samples as specified.

use std::net::SocketAddr;

use sflow_metrics::{Config, Registry, event, flow};
use sflow_v5::enums::HeaderProtocol;
use sflow_v5::flow::SampledHeader;
use sflow_v5::types::Opaque;
use sflow_v5::{Address, Datagram, Encoder, FlowSample, Header, Interface, Records, Sample};

use crate::support::{Agent, ask, at, interface, interface_source};

/// Sequence numbers, by the number of the datagram or sample.
type Numbers = fn(u32) -> u32;

const CONSECUTIVE: Numbers = |number| number;

/// Implausible numbers.
const IMPLAUSIBLE: [(&str, Numbers); 6] = [
    ("constant", |_| 7),
    ("zero", |_| 0),
    ("backwards", |number| 1_000_000 - number),
    ("by two", |number| 2 * number),
    ("by a thousand", |number| 1000 * number),
    ("random", |number| {
        (number + 1).wrapping_mul(2_654_435_761) ^ 0x5bd1_e995
    }),
];

/// Implausible numbers of samples that are sometimes consecutive.
const ALTERNATING: [(&str, Numbers); 6] = [
    ("two numbers", |number| number % 2),
    ("three numbers", |number| number % 3),
    ("sixteen numbers", |number| number % 16),
    ("each twice", |number| number / 2),
    ("two sequences", |number| {
        number / 2 + number % 2 * 1_000_000
    }),
    ("two close sequences", |number| number / 2 + number % 2 * 5),
];

/// The numbering of an agent.
#[derive(Clone, Copy)]
struct Agents {
    datagrams: Numbers,
    samples: Numbers,
    /// Whether the pool of packets grows.
    pools: bool,
    uptime: bool,
    line_cards: u32,
}

const HONEST: Agents = Agents {
    datagrams: CONSECUTIVE,
    samples: CONSECUTIVE,
    pools: true,
    uptime: true,
    line_cards: 1,
};

const PACKETS: u32 = 600;

/// Two samples per second and line card of packets of 1,000 bytes, at a sampling rate of 100.
fn flows(agents: Agents) -> (Registry, flow::Answer) {
    let mut registry = Registry::new(Config::default());
    let definition = "keys=;value=bytes;smooth=off".parse().unwrap();
    let id = registry.watch_flows(definition).unwrap();
    let packet = [0; 64];
    for number in 0..PACKETS * agents.line_cards {
        let (card, number) = (number % agents.line_cards, number / agents.line_cards + 1);
        let now = f64::from(number) / 2.0 + f64::from(card) * 0.01;
        let records = [SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: 1000,
            stripped: 4,
            header: Opaque(&packet),
        }
        .into()];
        let sample = FlowSample {
            sequence_number: (agents.samples)(number),
            source_id: interface_source(3 + card),
            sampling_rate: 100,
            sample_pool: if agents.pools { number * 100 } else { 100 },
            input: Interface::index(3 + card),
            records: Records::from(&records[..]),
            ..FlowSample::default()
        };
        let header = Header {
            agent_address: Address::V4([10, 0, 0, 1]),
            sequence_number: (agents.datagrams)(number).wrapping_add(card * 700_000),
            uptime: if agents.uptime {
                100_000 + (now * 1e3) as u32
            } else {
                0
            },
            ..Header::default()
        };
        let mut buffer = [0; 1400];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        encoder.push(&Sample::Flow(sample)).unwrap();
        let datagram = Datagram::parse(encoder.finish()).unwrap();
        registry.ingest(at(now), [10, 0, 0, 1].into(), &datagram);
        if number % 20 == 0 {
            registry.expire(at(now));
        }
    }
    let flows = registry.flows(at(400.0), id).unwrap();
    (registry, flows)
}

#[track_caller]
fn assert_right(case: &str, agents: Agents, tolerance: f64) {
    let (registry, flows) = flows(agents);
    let expected = f64::from(PACKETS * agents.line_cards) * 100_000.0;
    let part = flows.total / expected;
    let agent = registry.agents().next().unwrap();
    assert!((part - 1.0).abs() <= tolerance, "{case}: {part} {agent:?}");
    assert!(
        agent.loss().is_some_and(|loss| loss < 0.02),
        "{case}: {agent:?}"
    );
    assert_eq!(
        (agent.restarts, registry.agents().count()),
        (0, 1),
        "{case}: {agent:?}"
    );
    let mut events = registry.events(event::Id::START);
    let is_reported = events.any(|event| {
        matches!(
            event.kind,
            event::Kind::NumberingDistrusted { .. } | event::Kind::SequenceAdded { .. }
        )
    });
    assert!(is_reported, "{case}");
}

#[test]
fn t29_datagrams_of_any_number_count() {
    for (case, datagrams) in IMPLAUSIBLE {
        let agents = Agents {
            datagrams,
            ..HONEST
        };
        assert_right(case, agents, 1e-3);
        assert_right(
            &format!("{case}, no pools"),
            Agents {
                pools: false,
                ..agents
            },
            1e-3,
        );
    }
}

#[test]
fn t29_datagrams_without_uptime_count() {
    for (case, datagrams) in IMPLAUSIBLE {
        let agents = Agents {
            datagrams,
            uptime: false,
            ..HONEST
        };
        assert_right(&format!("{case}, no uptime"), agents, 0.02);
    }
}

#[test]
fn t29_samples_of_any_number_count() {
    for (case, samples) in IMPLAUSIBLE {
        let agents = Agents { samples, ..HONEST };
        assert_right(case, agents, 0.01);
        assert_right(
            &format!("{case}, no pools"),
            Agents {
                pools: false,
                ..agents
            },
            0.05,
        );
    }
}

#[test]
fn t29_line_cards_with_sequences_of_their_own_count() {
    for line_cards in [2, 3, 5, 16] {
        let agents = Agents {
            line_cards,
            ..HONEST
        };
        assert_right(&format!("{line_cards} line cards"), agents, 1e-3);
        let agents = Agents {
            uptime: false,
            ..agents
        };
        assert_right(&format!("{line_cards} line cards, no uptime"), agents, 0.01);
    }
}

/// More line cards, each with its own sequence and uptime, than forged datagrams are tolerated
/// between two genuine ones. Beyond the maximum number of sequences, numbers are not used.
#[test]
fn t29_many_line_cards_count() {
    for (line_cards, has_ports) in [
        (18_u16, false),
        (24, true),
        (40, false),
        (65, true),
        (70, true),
        (70, false),
        (200, true),
        (200, false),
    ] {
        let case = format!("{line_cards} line cards, ports {has_ports}");
        let mut registry = Registry::new(Config::default());
        let mut cards: Vec<_> = (0..line_cards).map(|_| Agent::new(1)).collect();
        for (number, card) in (0_u16..).zip(&mut cards) {
            card.sequence = u32::from(number) * 100_000;
            card.started -= f64::from(number) * 3600.0;
        }
        for poll in 1..=20_u32 {
            for (number, card) in (0_u16..).zip(&mut cards) {
                let now = f64::from(poll) * 10.0 + f64::from(number) * 0.04;
                let octets = (1 << 33) + u64::from(poll) * 5_000_000;
                let sample = interface(3 + u32::from(number), poll, 1_000_000_000, octets);
                let bytes = card.send(now, &[sample]);
                let port = if has_ports { 40_000 + number } else { 0 };
                let sender = SocketAddr::new(card.sender, port);
                registry.ingest_from(at(now), sender, &Datagram::parse(&bytes).unwrap());
            }
            registry.expire(at(f64::from(poll) * 10.0 + 9.0));
        }
        let octets = ask(&registry, 209.0, "sum:ifinoctets");
        let expected = f64::from(line_cards) * 500_000.0;
        assert_eq!(
            (octets.value, octets.contributing),
            (Some(expected), usize::from(line_cards)),
            "{case}"
        );
        let agent = registry.agents().next().unwrap();
        let sent = u64::from(line_cards) * 20;
        assert!(agent.received >= sent * 9 / 10, "{case}: {agent:?}");
        assert_eq!((agent.lost, agent.restarts), (0, 0), "{case}: {agent:?}");
        assert_eq!(registry.agents().count(), 1, "{case}");
        let is_beyond = line_cards > 65;
        assert_eq!(agent.odd_numbering, is_beyond, "{case}: {agent:?}");
        let sequences = usize::from(line_cards.min(66));
        assert_eq!(agent.sequences, sequences, "{case}: {agent:?}");
        let mut events = registry.events(event::Id::START);
        let is_reported = events.any(|event| {
            matches!(
                event.kind,
                event::Kind::NumberingDistrusted {
                    data_source: None,
                    ..
                }
            )
        });
        assert_eq!(is_reported, is_beyond, "{case}");
    }
}

/// Memory for possible sequences is charged to their sender, and released with them.
#[test]
fn memory_for_possible_sequences_is_charged() {
    let run = |most: usize, forged: u32| {
        let config = Config::default().with(|config| config.max_bytes_per_sender = most);
        let mut registry = Registry::new(config);
        let mut agent = Agent::new(1);
        for poll in 1..=5_u32 {
            let sample = interface(3, poll, 1_000_000_000, u64::from(poll) * 5_000_000);
            agent.report(&mut registry, f64::from(poll) * 10.0, &[sample]);
        }
        let mut forger = Agent::new(1);
        for number in 0..forged {
            forger.sequence = number.wrapping_mul(2_654_435_761);
            forger.started = -f64::from(number) * 5000.0;
            forger.report(&mut registry, 51.0, &[]);
        }
        registry
    };
    let unbounded = Config::default().max_bytes_per_sender;
    let without = run(unbounded, 0).bytes();
    let with = run(unbounded, 1000).bytes();
    assert!(with > without + 112 * 64, "{with}, {without}");
    for spare in [0, 1000, 10_000] {
        let registry = run(without + spare, 1000);
        assert!(registry.bytes() <= without + spare, "{spare}");
        let agent = registry.agents().next().unwrap();
        assert_eq!((agent.received, agent.sequences), (5, 1), "{agent:?}");
    }
    let mut registry = run(unbounded, 1000);
    for after in [4000.0, 4001.0] {
        registry.expire(at(after));
    }
    assert!(registry.bytes() <= without);
}

#[test]
fn t29_counters_of_any_number_count() {
    for (case, numbers) in IMPLAUSIBLE {
        for (is_of_samples, has_uptime) in [(true, true), (true, false), (false, true)] {
            let mut registry = Registry::new(Config::default());
            let mut agent = Agent::new(1);
            for poll in 1..=60_u32 {
                let now = f64::from(poll) * 10.0;
                let octets = (1 << 33) + u64::from(poll) * 5_000_000;
                let number = if is_of_samples { numbers(poll) } else { poll };
                if !is_of_samples {
                    agent.sequence = numbers(poll).wrapping_sub(1);
                }
                if !has_uptime {
                    agent.started = now;
                }
                let sample = interface(3, number, 1_000_000_000, octets);
                agent.report(&mut registry, now, &[sample]);
                registry.expire(at(now));
                let octets = ask(&registry, now, "sum:ifinoctets");
                assert!(
                    octets.value.is_none_or(|value| value == 500_000.0),
                    "{case} {octets:?}"
                );
                assert!(
                    poll < 6 || octets.value.is_some(),
                    "{case}, poll {poll}: {octets:?}"
                );
            }
            let health = registry.health();
            assert!(health.numberings_distrusted > 0, "{case}: {health:?}");
            assert!(health.source_restarts <= 1, "{case}: {health:?}");
            assert_eq!(health.agent_restarts, 0, "{case}: {health:?}");
        }
    }
}

/// The numbers of samples restart often while the counters continue.
#[test]
fn t29_counters_of_alternating_numbers_count() {
    for (case, numbers) in ALTERNATING {
        let mut registry = Registry::new(Config::default());
        let mut agent = Agent::new(1);
        for poll in 1..=60_u32 {
            let now = f64::from(poll) * 10.0;
            let octets = (1 << 33) + u64::from(poll) * 5_000_000;
            let sample = interface(3, numbers(poll), 1_000_000_000, octets);
            agent.report(&mut registry, now, &[sample]);
            registry.expire(at(now));
            let octets = ask(&registry, now, "sum:ifinoctets");
            let is_right = octets.value == Some(500_000.0);
            assert!(is_right || octets.value.is_none(), "{case} {octets:?}");
            let settled = if case == "sixteen numbers" { 33 } else { 8 };
            assert!(is_right || poll < settled, "{case}, poll {poll}");
        }
        let health = registry.health();
        assert_eq!(health.numberings_distrusted, 1, "{case}: {health:?}");
        assert!(health.source_restarts <= 1, "{case}: {health:?}");
        let agent = registry.agents().next().unwrap();
        assert_eq!(agent.odd_sources, 1, "{case}: {agent:?}");
    }
}

/// The counters restart together with the numbers, so the numbers are plausible.
#[test]
fn numbers_of_source_that_restarts_often_are_used() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    for poll in 1..=60_u32 {
        let now = f64::from(poll) * 10.0;
        let since = poll % 6 + 1;
        let octets = (1 << 33) + u64::from(since) * 5_000_000;
        let sample = interface(3, since, 1_000_000_000, octets);
        agent.report(&mut registry, now, &[sample]);
        let octets = ask(&registry, now, "sum:ifinoctets");
        assert!(
            octets.value.is_none_or(|value| value == 500_000.0),
            "{octets:?}"
        );
    }
    let health = registry.health();
    assert_eq!(health.numberings_distrusted, 0, "{health:?}");
    assert_eq!(health.source_restarts, 9, "{health:?}");
}

/// Numbers are used again once they are plausible again.
#[test]
fn t29_numbers_are_trusted_again() {
    let numbers: Numbers = |number| if number < 100 { 7 } else { number };
    let (registry, _) = flows(Agents {
        datagrams: numbers,
        samples: numbers,
        ..HONEST
    });
    let agent = registry.agents().next().unwrap();
    assert!(!agent.odd_numbering && agent.odd_sources == 1, "{agent:?}");
    assert!(registry.samplers().all(|sampler| !sampler.odd_numbering));
}

/// Packet samples of a data source that two concurrent sequences report are not counted.
#[test]
fn t22_samples_do_not_count_while_two_sequences_have_them() {
    let mut registry = Registry::new(Config::default());
    let definition = "keys=;value=frames;smooth=off".parse().unwrap();
    let id = registry.watch_flows(definition).unwrap();
    for number in 1..=200_u32 {
        for (sequence, uptime) in [(number, 100_000), (500_000 + number, 90_000_000)] {
            if sequence != number && !(50..=100).contains(&number) {
                continue;
            }
            let now = f64::from(number);
            let sample = FlowSample {
                sequence_number: sequence,
                source_id: interface_source(3),
                sampling_rate: 100,
                sample_pool: sequence * 100,
                ..FlowSample::default()
            };
            let header = Header {
                agent_address: Address::V4([10, 0, 0, 1]),
                sequence_number: sequence,
                uptime: uptime + number * 1000,
                ..Header::default()
            };
            let mut buffer = [0; 1400];
            let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
            encoder.push(&Sample::Flow(sample)).unwrap();
            let datagram = Datagram::parse(encoder.finish()).unwrap();
            registry.ingest(at(now), [10, 0, 0, 1].into(), &datagram);
        }
        registry.expire(at(f64::from(number)));
        if number == 90 {
            assert!(registry.agents().all(|agent| agent.doubtful));
            assert!(registry.samplers().all(|sampler| sampler.doubtful));
        }
    }
    let samples = registry.flows(at(200.0), id).unwrap().samples;
    assert!((130..=160).contains(&samples), "{samples}");
    let health = registry.health();
    assert!(
        (90..=120).contains(&health.flow_samples_doubted),
        "{health:?}"
    );
    assert!(
        registry
            .agents()
            .all(|agent| !agent.doubtful && agent.sequences == 1)
    );
}

/// The numbers of one of two line cards become implausible: only its numbers are ignored.
#[test]
fn t29_only_numbers_of_odd_sequence_are_distrusted() {
    for (numbering, numbers) in IMPLAUSIBLE {
        for (odd, has_ports, has_uptime) in [
            (0, true, true),
            (1, true, true),
            (0, true, false),
            (1, true, false),
            (0, false, true),
            (1, false, true),
        ] {
            if numbering == "zero" && !has_uptime {
                // Indistinguishable from duplicates of one datagram.
                continue;
            }
            let case = format!("{numbering}, card {odd}, ports {has_ports}, uptime {has_uptime}");
            let mut registry = Registry::new(Config::default());
            let mut cards = [Agent::new(1), Agent::new(1)];
            cards[0].sequence = 3_000_000;
            cards[1].sequence = 7_000_000;
            cards[1].started -= 5_000.0;
            for poll in 1..=140_u32 {
                for (number, card) in (0_u16..).zip(&mut cards) {
                    let is_odd = number == odd && poll > 20;
                    if is_odd && poll > 80 {
                        continue;
                    }
                    let now = f64::from(poll) + f64::from(number) / 2.0;
                    if is_odd {
                        card.sequence = match numbering {
                            "constant" => card.sequence.wrapping_sub(1),
                            _ => numbers(poll).wrapping_sub(1),
                        };
                    }
                    if !has_uptime {
                        card.started = now;
                    }
                    let octets = (1 << 33) + u64::from(poll) * 5_000_000;
                    let sample = interface(3 + u32::from(number), poll, 1_000_000_000, octets);
                    let bytes = card.send(now, &[sample]);
                    let port = if has_ports { 40_000 + number } else { 0 };
                    let sender = SocketAddr::new(card.sender, port);
                    registry.ingest_from(at(now), sender, &Datagram::parse(&bytes).unwrap());
                }
                let now = f64::from(poll) + 0.5;
                registry.expire(at(now));
                if poll == 80 {
                    let octets = ask(&registry, now, "sum:ifinoctets");
                    let octets = (octets.value, octets.contributing);
                    assert_eq!(octets, (Some(10_000_000.0), 2), "{case}");
                    let agent = registry.agents().next().unwrap();
                    assert_eq!(agent.sequences, 2, "{case}: {agent:?}");
                    assert!(agent.odd_numbering, "{case}: {agent:?}");
                    let distrusted = registry.health().numberings_distrusted;
                    assert_eq!(distrusted, 1, "{case}");
                    let mut events = registry.events(event::Id::START);
                    let is_reported = |event: &event::Kind| {
                        matches!(
                            event,
                            event::Kind::NumberingDistrusted {
                                data_source: None,
                                ..
                            }
                        )
                    };
                    assert!(events.any(|event| is_reported(&event.kind)), "{case}");
                }
            }
            let agent = registry.agents().next().unwrap();
            assert_eq!(agent.sequences, 1, "{case}: {agent:?}");
            assert!(!agent.odd_numbering, "{case}: {agent:?}");
        }
    }
}

/// Every datagram is received twice, with consecutive numbers.
#[test]
fn repeated_datagrams_do_not_make_numbers_distrusted() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    for poll in 1..=30_u32 {
        let now = f64::from(poll) * 10.0;
        let octets = (1 << 33) + u64::from(poll) * 5_000_000;
        let bytes = agent.send(now, &[interface(3, poll, 1_000_000_000, octets)]);
        agent.deliver(&mut registry, now, &bytes);
        agent.deliver(&mut registry, now, &bytes);
    }
    let agent = registry.agents().next().unwrap();
    assert!(!agent.odd_numbering, "{agent:?}");
    assert_eq!(registry.health().numberings_distrusted, 0);
    assert_eq!(registry.health().datagrams_repeated, 30);
}
