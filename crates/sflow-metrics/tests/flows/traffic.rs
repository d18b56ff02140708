//! Values of flows: scaling, smoothing and filters.

use sflow_metrics::{Config, flow};
use sflow_v5::Sample;

use crate::support::at;
use crate::world::{Agent, Udp, World, header, mac};

#[test]
fn filter_for_reserved_senders_excludes_foreign_senders() {
    let config = Config::default().with(|config| config.max_flow_keys = 10);
    let mut world = World::with(config);
    let id = world.watch("keys=ip.src;value=bytes;smooth=off;filter=sender.reserved=1");
    let all = world.watch("keys=sender.reserved;value=frames;smooth=off");
    let (mut own, mut foreign) = (Agent::new(1), Agent::new(2));
    let senders = |agent: &Agent| [core::net::IpAddr::from(agent.address)];
    own.see(&mut world, &Udp::between(1, 2).bytes(), 1000);
    world.registry.reserve(senders(&own));
    own.see(&mut world, &Udp::between(1, 2).bytes(), 1000);
    for source in 10..200 {
        foreign.see(&mut world, &Udp::between(source, 2).bytes(), 1000);
    }
    assert_eq!(
        world.rows(id),
        ["10.0.0.1 100000"],
        "one sample of a hundred packets"
    );
    assert_eq!(world.rows(all), ["0 19100", "1 100"]);
    world.registry.reserve(senders(&foreign));
    own.see(&mut world, &Udp::between(1, 2).bytes(), 1000);
    assert_eq!(world.rows(id), ["10.0.0.1 100000"]);
}

#[test]
fn foreign_addresses_name_nothing_in_samples_of_reserved_senders() {
    let mut world = World::new();
    let id = world.watch("keys=container.dst,sender;value=frames;smooth=off");
    let (mut own, mut foreign) = (Agent::new(1), Agent::new(2));
    foreign.container(&mut world, 7, "web.1", &[mac(2)]);
    world
        .registry
        .reserve([core::net::IpAddr::from(own.address)]);
    own.see(&mut world, &Udp::between(1, 2).bytes(), 1000);
    assert_eq!(world.rows(id), ["- 10.99.0.1 100"]);
    own.container(&mut world, 8, "shop.1", &[mac(2)]);
    own.see(&mut world, &Udp::between(1, 2).bytes(), 1000);
    assert_eq!(world.rows(id)[1], "shop.1 10.99.0.1 100");
}

#[test]
fn constant_rate_is_reproduced() {
    let mut world = World::new();
    let id = world.watch("keys=ip.src;value=bytes;smooth=5s");
    let sums = world.watch("keys=ip.src;value=bytes;smooth=off");
    let mut agent = Agent::new(1);
    let packet = Udp::between(1, 2).bytes();
    // 50 samples per second of 1000 bytes, each for 100 packets: 5 MB/s.
    for step in 0..3000 {
        world.now = f64::from(step) * 0.02;
        agent.see(&mut world, &packet, 1000);
    }
    let answer = world.answer(id);
    assert!(
        (answer.rows[0].value / 5e6 - 1.0).abs() < 0.01,
        "{answer:?}"
    );
    assert_eq!(answer.total, answer.rows[0].value);
    // 250 samples of one size per time constant have the error of 500 unweighted samples.
    let error = answer.rows[0].sampling_error / answer.rows[0].value;
    assert!(
        (error / (1.96 / 500_f64.sqrt()) - 1.0).abs() < 0.02,
        "{error}"
    );
    // 5 % are left three time constants after the end.
    world.now += 15.0;
    assert!((world.answer(id).total / 5e6 - 0.05).abs() < 0.001);
    world.now += 70.0;
    let faded = world.answer(id);
    assert!(faded.rows.is_empty() && faded.total < 1.0, "{faded:?}");
    assert_eq!(faded.other, faded.total);
    assert_eq!(world.answer(sums).total, 300e6);
    assert_eq!(world.answer(sums).rows[0].samples, 3000);
}

#[test]
fn samples_are_scaled_by_rate_of_their_source() {
    let mut world = World::new();
    let id = world.watch("keys=agent;value=frames;smooth=off");
    let (mut fast, mut slow, mut mute) = (Agent::new(1), Agent::new(2), Agent::new(3));
    slow.rate = 1000;
    mute.rate = 0;
    let packet = Udp::between(1, 2).bytes();
    for _ in 0..10 {
        for agent in [&mut fast, &mut slow, &mut mute] {
            agent.see(&mut world, &packet, 100);
        }
    }
    assert_eq!(world.rows(id), ["10.99.0.2 10000", "10.99.0.1 1000"]);
    let health = world.registry.health();
    assert_eq!(
        (health.flow_samples, health.flow_samples_without_rate),
        (30, 10)
    );
    assert_eq!(health.flow_samples_unscaled, 10);
    // A new rate applies to samples from then on.
    fast.rate = 500;
    fast.see(&mut world, &packet, 100);
    assert_eq!(world.rows(id)[1], "10.99.0.1 1500");
    let rates: Vec<_> = world
        .registry
        .samplers()
        .map(|known| known.stated_rate)
        .collect();
    assert_eq!(rates.len(), 3);
    assert!(rates.contains(&None) && rates.contains(&Some(500)));
}

#[test]
fn duplicate_and_late_samples_are_counted_once() {
    let mut world = World::new();
    let id = world.watch("keys=;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    let packet = Udp::between(1, 2).bytes();
    let records = [header(&packet, 100)];
    let datagrams: Vec<_> = (0..6)
        .map(|_| {
            let sample = agent.sample(&records);
            agent.encode(0.0, &[Sample::Flow(sample)])
        })
        .collect();
    for place in [0, 1, 3, 3, 2, 2, 5, 4] {
        agent.deliver(&mut world, &datagrams[place]);
    }
    let total = world.answer(id).total;
    // The received samples represent a missing one.
    assert!((total / 600.0 - 1.0).abs() < 0.1, "{total}");
    let health = world.registry.health();
    assert_eq!((health.flow_samples, health.flow_samples_lost), (6, 0));
}

#[test]
fn filters_select_packets_and_narrowing_adds_one() {
    let mut world = World::new();
    let web =
        "keys=ip.src,port.dst;value=frames;smooth=off;filter=port.dst=80|443&ip.src=10.0.0.0/8";
    let web = web.parse::<flow::Definition>().unwrap();
    let id = world.registry.watch_flows(web.clone()).unwrap();
    let narrow = web
        .narrowed(flow::Key::IpSource, &flow::Value::Ip([10, 0, 0, 2].into()))
        .narrowed(flow::Key::Vlan, &flow::Value::Absent)
        .keyed_by([flow::Key::PortDestination]);
    let narrow = world.registry.watch_flows(narrow).unwrap();
    let rest = world.watch("keys=port.dst;value=frames;smooth=off;filter=port.dst!=80|443");
    let mut agent = Agent::new(1);
    for (source, port) in [(1, 80), (2, 80), (2, 443), (2, 22), (3, 80)] {
        let mut packet = Udp {
            ports: (5000, port),
            ..Udp::between(source, 9)
        };
        if source == 3 {
            packet.ips.0 = [192, 168, 0, 3];
        }
        agent.see(&mut world, &packet.bytes(), 100);
    }
    assert_eq!(
        world.rows(id),
        ["10.0.0.1 80 100", "10.0.0.2 80 100", "10.0.0.2 443 100"]
    );
    assert_eq!(world.rows(narrow), ["80 100", "443 100"]);
    assert_eq!(world.rows(rest), ["22 100"]);
    assert!(world.registry.unwatch_flows(rest));
    assert_eq!(world.registry.flows(at(0.0), rest), None);
    assert_eq!(world.registry.flow_definitions().count(), 2);
}

#[test]
fn distinct_values_are_counted() {
    let mut world = World::new();
    let id = world.watch("keys=ip.dst;value=distinct(ip.src,port.src);smooth=off");
    let mut agent = Agent::new(1);
    for (destination, sources) in [(1_u8, 50_u16), (2, 1), (3, 5)] {
        for source in 0..sources {
            let mut packet = Udp::between(9, destination);
            packet.ports.0 = source;
            for _ in 0..2 {
                agent.see(&mut world, &packet.bytes(), 100);
            }
        }
    }
    assert_eq!(world.rows(id)[2], "10.0.0.2 1");
    let answer = world.answer(id);
    // The hash is random: values may share a register of the sketch, so the bounds are wide.
    let [many, few] = [answer.rows[0].value, answer.rows[1].value];
    assert!((40.0..60.0).contains(&many), "{many}");
    assert!((1.5..5.5).contains(&few), "{few}");
    assert!((40.0..60.0).contains(&answer.total), "{}", answer.total);
    let errors = answer.rows.iter().map(|row| row.sampling_error);
    assert_eq!(
        errors.sum::<f64>() + answer.total_sampling_error,
        0.0,
        "exact"
    );
    assert_eq!(
        (answer.tracked, answer.other, answer.samples),
        (3, 0.0, 112)
    );
    assert_eq!(flow::Measure::Distinct(vec![]).unit(), "values");
}

#[test]
fn bytes_include_stripped_bytes_unless_net() {
    let mut world = World::new();
    let wire = world.watch("keys=;value=bytes;smooth=off");
    let net = world.watch("keys=;value=bytes.net;smooth=off");
    let mut agent = Agent::new(1);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 104);
    let sample = agent.sample(&[]);
    agent.send(&mut world, &[Sample::Flow(sample)]);
    assert_eq!(
        (world.answer(wire).total, world.answer(net).total),
        (10_400.0, 10_000.0)
    );
    assert_eq!(
        world.registry.health().flow_samples_unsized,
        2,
        "once for each definition"
    );
}
