//! Dissection of sampled headers: every protocol, truncation and wrong lengths.
#![cfg(feature = "packet")]

#[path = "packet/build.rs"]
mod build;
#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;
#[path = "packet/captures.rs"]
mod captures;
#[path = "packet/cut.rs"]
mod cut;
#[path = "packet/heuristic.rs"]
mod heuristic;
#[path = "packet/link.rs"]
mod link;
#[path = "packet/network.rs"]
mod network;
#[path = "packet/robustness.rs"]
mod robustness;
#[cfg(feature = "serde")]
#[path = "packet/serialize.rs"]
mod serialize;
#[path = "packet/summary.rs"]
mod summary;
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
