//! Sampled headers, dissected: every protocol, every cut, every lie.
#![cfg(feature = "packet")]

#[path = "packet/build.rs"]
mod build;
#[allow(dead_code, reason = "each test uses its part")]
mod capture;
#[path = "packet/captures.rs"]
mod captures;
#[path = "packet/cut.rs"]
mod cut;
#[path = "packet/guess.rs"]
mod guess;
#[path = "packet/link.rs"]
mod link;
#[path = "packet/network.rs"]
mod network;
#[path = "packet/questions.rs"]
mod questions;
#[path = "packet/robustness.rs"]
mod robustness;
#[cfg(feature = "serde")]
#[path = "packet/serialize.rs"]
mod serialize;
#[path = "packet/tunnel.rs"]
mod tunnel;

use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::Packet;

/// The names of the layers, and the packet in one line.
#[track_caller]
fn check(packet: Packet<'_>, layers: &str, line: &str) {
    let names: Vec<_> = packet.layers().map(|layer| layer.name()).collect();
    assert_eq!(
        (names.join(" ").as_str(), packet.to_string().as_str()),
        (layers, line)
    );
}

#[track_caller]
fn check_ethernet(bytes: &[u8], layers: &str, line: &str) {
    check(Packet::new(HeaderProtocol::ETHERNET, bytes), layers, line);
}

#[track_caller]
fn check_ip(bytes: &[u8], layers: &str, line: &str) {
    check(Packet::new(HeaderProtocol::IPV4, bytes), layers, line);
}
