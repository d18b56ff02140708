//! Limits of memory, and the counters of what exceeds them.

use sflow_metrics::{Config, flow};
use sflow_v5::enums::DataSourceKind;
use sflow_v5::{DataSource, Sample};

use crate::world::{Agent, Udp, World, header, mac};

#[test]
fn heaviest_flows_stay_and_total_is_exact() {
    let config = Config::default().with(|config| config.max_flow_keys = 20);
    let mut world = World::with(config);
    let id = world.watch("keys=port.src;value=frames;smooth=off;top=3");
    let mut agent = Agent::new(1);
    // Two heavy ports, and a thousand ports with one packet each.
    for step in 0..3000_u16 {
        let port = if step % 3 == 0 {
            1000 + step
        } else {
            1 + step % 3 * 7
        };
        let mut packet = Udp::between(1, 2);
        packet.ports.0 = port;
        agent.see(&mut world, &packet.bytes(), 100);
    }
    let answer = world.answer(id);
    assert_eq!(
        (answer.total, answer.samples, answer.tracked),
        (300_000.0, 3000, 20)
    );
    let listed: f64 = answer.rows.iter().map(|row| row.value).sum();
    assert_eq!(listed + answer.other, answer.total);
    for port in ["15", "8"] {
        let mut rows = answer.rows.iter();
        let row = rows.find(|row| row.keys[0].to_string() == port).unwrap();
        assert!(
            row.value >= 100_000.0 && row.value - row.error <= 100_000.0,
            "{row:?}"
        );
    }
    assert!(answer.unseen <= 300_000.0 / 20.0, "{}", answer.unseen);
    assert_eq!(answer.evicted, 1000 + 2 - 20);
    assert_eq!(world.registry.health().flow_keys_evicted, answer.evicted);
}

#[test]
fn sources_and_definitions_are_limited() {
    let config = Config::default().with(|config| {
        config.max_flow_sources = 3;
        config.max_flow_definitions = 1;
    });
    let mut world = World::with(config);
    let id = world.watch("keys=source;value=frames;smooth=off");
    let definition = flow::Definition::new([flow::Key::Agent]);
    let error = world.registry.watch_flows(definition).unwrap_err();
    assert_eq!(error.limit, 1);
    let mut agent = Agent::new(1);
    for index in 0..10 {
        let mut sample = agent.sample(&[]);
        sample.source_id = DataSource::new(DataSourceKind::INTERFACE, index);
        agent.send(&mut world, &[Sample::Flow(sample)]);
    }
    assert_eq!(world.rows(id).len(), 3);
    assert_eq!(world.registry.health().flow_samples_refused, 7);
    assert_eq!(world.registry.samplers().count(), 3);
}

#[test]
fn addresses_are_limited() {
    let config = Config::default().with(|config| config.max_flow_addresses = 10);
    let mut world = World::with(config);
    let id = world.watch("keys=container.src;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    let macs: Vec<_> = (1..=20).map(mac).collect();
    agent.container(&mut world, 1, "web", &macs);
    assert_eq!(world.registry.health().flow_addresses_refused, 10);
    agent.see(&mut world, &Udp::between(10, 2).bytes(), 100);
    agent.see(&mut world, &Udp::between(11, 2).bytes(), 100);
    assert_eq!(world.rows(id), ["- 100", "web 100"]);
}

#[test]
fn known_flows_need_no_allocation() {
    let mut world = World::new();
    world.watch("keys=container.src,end.dst,service.src;value=bytes;filter=ip.protocol=udp");
    world.watch("keys=ip.src,ip.dst,port.src,port.dst;value=frames;filter=ip.src=10.*");
    world.watch("keys=ip.src;value=distinct(ip.dst)");
    let mut agent = Agent::new(1);
    agent.container(&mut world, 1, "web.1.rsm0h0ay4dbn6zbusp3ta9pf7", &[mac(1)]);
    let packets: Vec<_> = (1..=200)
        .map(|last| Udp::between(last, 201).bytes())
        .collect();
    let round = |world: &mut World, agent: &mut Agent| {
        let datagrams: Vec<_> = packets
            .iter()
            .map(|packet| {
                let records = [header(packet, 100)];
                let sample = agent.sample(&records);
                agent.encode(0.0, &[Sample::Flow(sample)])
            })
            .collect();
        allocation_counter::measure(|| {
            for bytes in &datagrams {
                agent.deliver(world, bytes);
            }
        })
    };
    let first = round(&mut world, &mut agent);
    assert!(first.count_total > 0);
    println!(
        "{} bytes for 601 flows, 200 of them with sketches",
        first.bytes_current
    );
    assert_eq!(round(&mut world, &mut agent).count_total, 0);
}

#[test]
fn samples_without_definition_need_no_allocation() {
    let mut world = World::new();
    let mut agent = Agent::new(1);
    let packet = Udp::between(1, 2).bytes();
    agent.see(&mut world, &packet, 100);
    let records = [header(&packet, 100)];
    let sample = agent.sample(&records);
    let bytes = agent.encode(0.0, &[Sample::Flow(sample)]);
    let cost = allocation_counter::measure(|| agent.deliver(&mut world, &bytes));
    assert_eq!(cost.count_total, 0);
    assert_eq!(world.registry.health().flow_samples, 2);
}

#[test]
fn flood_of_flows_is_limited() {
    const FLOWS: usize = 2_000;
    let config = Config::default().with(|config| config.max_flow_keys = FLOWS);
    let mut world = World::with(config);
    let definition = "keys=ip.src,ip.dst,ip.protocol,port.src,port.dst;value=bytes";
    let id = world.watch(definition);
    let mut agent = Agent::new(1);
    let cost = allocation_counter::measure(|| {
        for number in 0..100_000_u32 {
            let [_, a, b, c] = number.to_be_bytes();
            let packet = Udp {
                ips: ([10, a, b, c], [10, 0, 0, 1]),
                ..Udp::between(1, 2)
            };
            agent.see(&mut world, &packet.bytes(), 100);
        }
    });
    let bytes = cost.bytes_current / FLOWS as i64;
    println!("{bytes} bytes for each flow");
    assert!((1..=300).contains(&bytes), "{bytes} bytes for each flow");
    assert_eq!(world.answer(id).tracked, FLOWS);
}

#[test]
fn distinct_values_use_limited_memory() {
    const FLOWS: usize = 100;
    let config = Config::default().with(|config| config.max_flow_keys = 8 * FLOWS);
    let bytes = |values: u8, definition: &str| {
        let mut world = World::with(config.clone());
        let id = world.watch(definition);
        let mut agent = Agent::new(1);
        let cost = allocation_counter::measure(|| {
            // Two periods or windows, and twice as many flows as are kept.
            for (second, values) in [(3.0, values), (13.0, values)] {
                world.now = second;
                for (flow, value) in (0..200).flat_map(|flow| (0..values).map(move |it| (flow, it)))
                {
                    let packet = Udp {
                        ips: ([10, 0, 0, flow], [10, 0, second as u8, value]),
                        ports: (u16::from(value % 3), 80),
                        ..Udp::between(1, 2)
                    };
                    agent.see(&mut world, &packet.bytes(), 100);
                }
            }
        });
        let answer = world.answer(id);
        assert_eq!(answer.tracked, FLOWS, "{definition}");
        cost.bytes_current / FLOWS as i64
    };
    for definition in [
        "keys=ip.src;value=distinct(ip.dst,port.src);smooth=10s",
        "keys=ip.src;value=distinct(ip.dst,port.src)[10s tumbling]",
    ] {
        let (few, many) = (bytes(5, definition), bytes(250, definition));
        println!("{few} bytes for each flow with 5 values, {many} with 250: {definition}");
        assert!((1..=900).contains(&few), "{few} bytes: {definition}");
        assert!(
            (1_000..=3_000).contains(&many),
            "{many} bytes: {definition}"
        );
    }
}

#[test]
fn forgotten_agent_has_no_samplers() {
    let mut world = World::new();
    let mut agent = Agent::new(1);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    assert_eq!(world.registry.samplers().count(), 1);
    world.registry.expire(crate::support::at(100_000.0));
    assert_eq!(world.registry.samplers().count(), 0);
    world.now = 100_000.0;
    Agent::new(2).see(&mut world, &Udp::between(1, 2).bytes(), 100);
    let sampler = world.registry.samplers().next().unwrap();
    assert_eq!(sampler.agent.address.to_string(), "10.99.0.2");
    assert_eq!((sampler.samples, sampler.missing), (1, 0));
}
