//! Serialisation of answers and definitions.
#![cfg(feature = "serde")]

use serde_json::{Value, json};
use sflow_metrics::flow;

use crate::world::{Agent, Udp, World};

#[test]
fn answer_is_serialised() {
    let mut world = World::new();
    let id = world.watch("keys=ip.src,ip.protocol,vlan,source,tcp.flags;value=frames;smooth=off");
    let mut agent = Agent::new(1);
    agent.see(&mut world, &Udp::between(1, 2).bytes(), 100);
    let answer = serde_json::to_value(world.answer(id)).unwrap();
    assert_eq!(
        answer["keys"],
        json!(["ip.src", "ip.protocol", "vlan", "data_source", "tcp.flags"])
    );
    assert_eq!(
        answer["rows"][0]["keys"],
        json!(["10.0.0.1", "udp", null, "0:3", null])
    );
    assert_eq!(answer["total"], json!(100.0));
    let sampler = world.registry.samplers().next().unwrap();
    assert_eq!(
        serde_json::to_value(sampler).unwrap()["stated_rate"],
        json!(100)
    );
}

#[test]
fn definition_is_serialised_as_text() {
    let text = "keys=container.src;value=bytes.net;filter=ip.protocol=6;smooth=10s";
    let definition: flow::Definition = serde_json::from_value(json!(text)).unwrap();
    assert_eq!(
        serde_json::to_value(&definition).unwrap(),
        Value::from(text)
    );
    let error = serde_json::from_value::<flow::Definition>(json!("keys=x")).unwrap_err();
    assert!(error.to_string().starts_with("unknown key `x`"), "{error}");
}
