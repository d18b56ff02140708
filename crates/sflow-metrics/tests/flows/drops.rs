//! Dropped packets.

use sflow_v5::enums::DropReason;
use sflow_v5::{Interface, Sample};

use crate::world::{Agent, Udp, World, header};

#[test]
fn notifications_count_one_each() {
    let mut world = World::new();
    let reasons = world.watch("keys=drop.reason,ip.src;value=drops;smooth=off");
    let bytes = world.watch("keys=input;value=drops.bytes;smooth=off;filter=drop.reason=acl");
    let samples = world.watch("keys=;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    let packet = Udp::between(1, 2).bytes();
    for _ in 0..3 {
        agent.drop(&mut world, DropReason::ACL, 0, &packet);
    }
    agent.drop(&mut world, DropReason::TTL_EXCEEDED, 0, &packet);
    assert_eq!(
        world.rows(reasons),
        ["acl 10.0.0.1 3", "ttl_exceeded 10.0.0.1 1"]
    );
    assert_eq!(world.rows(bytes), ["3 312"]);
    assert_eq!(world.answer(samples).samples, 0);
    assert_eq!(world.answer(reasons).unreported, 0.0);
    assert_eq!(world.answer(reasons).total_sampling_error, 0.0);
    assert_eq!(world.registry.health().discarded_packets, 4);
}

#[test]
fn what_was_not_reported_is_told() {
    let mut world = World::new();
    let id = world.watch("keys=drop.reason;value=drops;smooth=off");
    let filtered = world.watch("keys=;value=drops;smooth=off;filter=agent!=10.99.0.1");
    let mut agent = Agent::new(1);
    let packet = Udp::between(1, 2).bytes();
    agent.drop(&mut world, DropReason::ACL, 7, &packet);
    assert_eq!(
        world.answer(id).unreported,
        0.0,
        "before the first nobody knows"
    );
    agent.drop(&mut world, DropReason::ACL, 40, &packet);
    // Two notifications are lost on the way.
    agent.samples += 2;
    agent.drop(&mut world, DropReason::ACL, 40, &packet);
    let answer = world.answer(id);
    assert_eq!((answer.total, answer.unreported), (3.0, 35.0));
    assert_eq!(world.registry.health().drops_unreported, 35);
    let of_others = world.answer(filtered).unreported;
    assert_eq!(of_others, 0.0, "what is not reported is like what is");
    // The agent starts to count again.
    agent.samples = 0;
    agent.drop(&mut world, DropReason::ACL, 0, &packet);
    assert_eq!(world.answer(id).unreported, 35.0);
    // A sample that came again does not count again.
    agent.samples = 0;
    agent.drop(&mut world, DropReason::ACL, 0, &packet);
    assert_eq!(world.answer(id).total, 4.0);
    assert_eq!(world.registry.health().flow_samples_old, 1);
}

#[test]
fn a_sampled_packet_may_have_been_dropped() {
    let mut world = World::new();
    let id = world.watch("keys=drop.reason;value=frames;smooth=off");
    let drops = world.watch("keys=drop.reason;value=drops;smooth=off");
    let mut agent = Agent::new(1);
    let packet = Udp::between(1, 2).bytes();
    let records = [header(&packet, 100)];
    let mut sample = agent.sample(&records);
    sample.output = Interface {
        format: 1,
        value: DropReason::ACL.0,
    };
    agent.send(&mut world, &[Sample::Flow(sample)]);
    agent.see(&mut world, &packet, 100);
    assert_eq!(world.rows(id), ["- 100", "acl 100"]);
    assert_eq!(world.answer(drops).samples, 0);
}
