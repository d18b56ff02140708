//! The containers and hosts at both ends of packets.

use sflow_metrics::{Config, Registry};
use sflow_v5::enums::DataSourceKind;
use sflow_v5::flow::ExtendedEntities;
use sflow_v5::{Mac, Sample};

use crate::world::{Agent, Udp, World, header, mac, vxlan};

const WEB: &str = "web.1.rsm0h0ay4dbn6zbusp3ta9pf7";
const DB: &str = "db.1.oqtqmjcikzag3dgfumgkfqljs";
const BRIDGE: Mac = mac(0xb0);

#[test]
fn container_is_found_by_reported_adapter() {
    let mut world = World::new();
    let id = world.watch("keys=container.src,container.dst,host.src;value=bytes;smooth=off");
    let services = world.watch("keys=service.src,service.dst;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.host(&mut world, "node1", &[BRIDGE]);
    agent.container(&mut world, 1, WEB, &[mac(1)]);
    agent.container(&mut world, 2, DB, &[mac(2)]);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 150);
    agent.see(&mut world, &Udp::between(2, 1).bytes(), 1500);
    assert_eq!(
        world.rows(id),
        [
            format!("{DB} {WEB} node1 150000"),
            format!("{WEB} {DB} node1 15000"),
        ]
    );
    assert_eq!(world.rows(services), ["db web 100", "web db 100"]);
}

#[test]
fn observed_address_names_container_at_other_devices() {
    let mut world = World::new();
    let id = world.watch(
        "keys=container.src,container.dst,host.src,host.dst;value=frames;smooth=off;\
         filter=tunnel=vxlan",
    );
    let (mut first, mut second) = (Agent::new(1), Agent::new(2));
    first.host(&mut world, "node1", &[mac(8)]);
    second.host(&mut world, "node2", &[mac(9)]);
    first.container(&mut world, 1, WEB, &[mac(1)]);
    second.container(&mut world, 1, DB, &[mac(2)]);
    // Each address is observed at its own device once.
    first.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    second.see(&mut world, &Udp::between(2, 1).bytes(), 100);
    // Between hosts in a tunnel that carries IP without Ethernet.
    let inner = Udp::between(1, 2).bytes();
    let mut routed = Udp {
        macs: (mac(0x51), mac(0x52)),
        ..Udp::between(1, 2)
    };
    let encapsulated = vxlan(7, &inner);
    let outer = |payload| Udp {
        macs: (mac(8), mac(9)),
        ips: ([10, 99, 0, 1], [10, 99, 0, 2]),
        ports: (40_000, 4789),
        payload,
    };
    first.see(&mut world, &outer(&encapsulated).bytes(), 200);
    let encapsulated = vxlan(7, &routed.bytes());
    second.see(&mut world, &outer(&encapsulated).bytes(), 200);
    assert_eq!(world.rows(id), [format!("{WEB} {DB} node1 node2 200")]);
    // The host is known by the outer address although the inner one is unknown.
    routed.ips.0 = [10, 7, 7, 7];
    let encapsulated = vxlan(7, &routed.bytes());
    second.see(&mut world, &outer(&encapsulated).bytes(), 200);
    assert_eq!(world.rows(id)[1], format!("- {DB} node1 node2 100"));
}

#[test]
fn routing_host_does_not_name_forwarded_packets() {
    let mut world = World::new();
    let id = world.watch("keys=host.src,end.src,end.dst;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.host(&mut world, "node1", &[BRIDGE]);
    agent.container(&mut world, 1, WEB, &[mac(1)]);
    let mut packet = Udp {
        macs: (BRIDGE, mac(1)),
        ips: ([192, 0, 2, 1], [10, 0, 0, 1]),
        ..Udp::between(1, 1)
    };
    agent.see(&mut world, &packet.bytes(), 100);
    assert_eq!(world.rows(id), [format!("- 192.0.2.1 {WEB} 100")]);
    packet.ips.0 = agent.address;
    agent.see(&mut world, &packet.bytes(), 100);
    assert_eq!(world.rows(id)[1], format!("node1 node1 {WEB} 100"));
}

#[test]
fn same_address_on_two_hosts_has_two_owners() {
    let mut world = World::new();
    let id = world.watch("keys=agent,container.src;value=frames;smooth=off");
    let (mut first, mut second, mut third) = (Agent::new(1), Agent::new(2), Agent::new(3));
    first.container(&mut world, 1, WEB, &[mac(1)]);
    second.container(&mut world, 1, DB, &[mac(1)]);
    for agent in [&mut first, &mut second, &mut third] {
        agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    }
    assert_eq!(
        world.rows(id),
        [
            format!("10.99.0.1 {WEB} 100"),
            format!("10.99.0.2 {DB} 100"),
            "10.99.0.3 - 100".to_owned(),
        ]
    );
    assert_eq!(world.registry.health().flow_address_conflicts, 0);
    first.container(&mut world, 2, "other", &[mac(1)]);
    assert_eq!(world.registry.health().flow_address_conflicts, 1);
}

#[test]
fn container_without_adapter_is_named_after_address_is_assigned() {
    let mut world = World::new();
    let id = world.watch("keys=container.src,service.src;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.host(&mut world, "node1", &[BRIDGE]);
    agent.container(&mut world, 1, WEB, &[]);
    let packet = Udp {
        macs: (mac(1), BRIDGE),
        ..Udp::between(1, 9)
    };
    agent.see(&mut world, &packet.bytes(), 100);
    // One container and one address are left; that is not sufficient.
    agent.see(&mut world, &packet.bytes(), 100);
    assert_eq!(world.rows(id), ["- - 200"]);
    // The other container reports its address; one is left for the first.
    agent.container(&mut world, 2, DB, &[mac(2)]);
    agent.see(&mut world, &packet.bytes(), 100);
    assert_eq!(world.rows(id), ["- - 300"]);
    let container = world.registry.entities(crate::support::at(0.0));
    let container = container
        .filter(|known| known.name() == WEB)
        .map(|known| known.id());
    let container = container.collect::<Vec<_>>()[0];
    assert!(world.registry.assign_address(container, mac(1)));
    agent.container(&mut world, 1, WEB, &[]);
    agent.see(&mut world, &packet.bytes(), 100);
    assert_eq!(
        world.rows(id),
        ["- - 300".to_owned(), format!("{WEB} web 100")]
    );
}

#[test]
fn address_of_other_device_names_nothing_where_containers_report_no_addresses() {
    let mut world = World::new();
    let id = world.watch("keys=container.src;value=frames;smooth=off");
    let (mut first, mut second) = (Agent::new(1), Agent::new(2));
    first.container(&mut world, 1, WEB, &[mac(1)]);
    second.container(&mut world, 1, DB, &[]);
    second.see(&mut world, &Udp::between(1, 9).bytes(), 100);
    assert_eq!(world.rows(id), ["- 100"]);
    second.container(&mut world, 1, DB, &[mac(3)]);
    second.see(&mut world, &Udp::between(1, 9).bytes(), 100);
    assert_eq!(world.rows(id), ["- 100".to_owned(), format!("{WEB} 100")]);
}

#[test]
fn removed_container_has_no_addresses() {
    let mut world = World::new();
    let id = world.watch("keys=container.src;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.container(&mut world, 1, WEB, &[mac(1)]);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    // Another container on the same data source, with another address.
    agent.container(&mut world, 1, "new", &[mac(3)]);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    agent.see(&mut world, &Udp::between(3, 2).bytes(), 100);
    let mut rows = world.rows(id);
    rows.sort();
    assert_eq!(
        rows,
        [
            "- 100".to_owned(),
            "new 100".to_owned(),
            format!("{WEB} 100")
        ]
    );
    world.now = 1000.0;
    world.registry.expire(crate::support::at(1000.0));
    agent.see(&mut world, &Udp::between(3, 2).bytes(), 100);
    let rows = world.rows(id);
    assert!(rows.contains(&"- 200".to_owned()), "{rows:?}");
}

#[test]
fn reported_entities_name_both_ends() {
    let mut world = World::new();
    let id = world.watch("keys=container.src,container.dst,host.dst;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.host(&mut world, "node1", &[]);
    agent.container(&mut world, 1, WEB, &[]);
    let entities = ExtendedEntities {
        src_ds_class: DataSourceKind::LOGICAL,
        src_ds_index: 100_001,
        dst_ds_class: DataSourceKind::PHYSICAL,
        dst_ds_index: 1,
    };
    let packet = Udp::between(7, 8).bytes();
    let records = [header(&packet, 100), entities.into()];
    let sample = agent.sample(&records);
    agent.send(&mut world, &[Sample::Flow(sample)]);
    assert_eq!(world.rows(id), [format!("{WEB} - node1 100")]);
}

#[test]
fn routing_container_does_not_name_forwarded_packets() {
    let mut world = World::new();
    let id = world.watch("keys=container.dst;value=frames;smooth=off");
    let (mut agent, mut elsewhere) = (Agent::new(1), Agent::new(2));
    agent.container(&mut world, 1, "gateway", &[mac(1)]);
    for last in 0..100 {
        let packet = Udp {
            ips: ([192, 0, 2, last], [10, 0, 0, 9]),
            ..Udp::between(1, 9)
        };
        agent.see(&mut world, &packet.bytes(), 100);
    }
    for last in 0..100 {
        let packet = Udp {
            ips: ([10, 0, 0, 9], [192, 0, 2, last]),
            ..Udp::between(7, 8)
        };
        elsewhere.see(&mut world, &packet.bytes(), 100);
    }
    assert_eq!(world.rows(id), ["- 20000"]);
    let home = Udp {
        ips: ([10, 0, 0, 9], [192, 0, 2, 1]),
        ..Udp::between(9, 1)
    };
    agent.see(&mut world, &home.bytes(), 100);
    assert_eq!(world.rows(id), ["- 20000", "gateway 100"]);
}

#[test]
fn service_is_container_name_without_grouping_function() {
    let mut world = World::new();
    world.registry = Registry::new(Config::default());
    let id = world.watch("keys=container.src,service.src;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.container(&mut world, 1, WEB, &[mac(1)]);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    assert_eq!(world.rows(id), [format!("{WEB} {WEB} 100")]);
    let separator = String::from(".");
    world
        .registry
        .group_containers_by(move |name| name.split(separator.as_str()).next());
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    assert!(world.rows(id).contains(&format!("{WEB} web 100")));
}
