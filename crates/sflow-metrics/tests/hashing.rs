//! T19: keys from the wire cannot be chosen so that they collide, because the hash is randomly keyed.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sflow_metrics::AgentKey;
use sflow_v5::Address;

/// Number of keys, which differ in bits that a weak hash could ignore.
const KEYS: u32 = 50_000;

fn assert_random_hashes<K: Hash>(name: &str, key: impl Fn(u32) -> K) {
    let (one, other) = (RandomState::new(), RandomState::new());
    let hashes: HashSet<u64> = (0..KEYS).map(|number| one.hash_one(key(number))).collect();
    assert_eq!(hashes.len(), KEYS as usize, "{name}: keys collide");
    // Keys with equal low bits under one hash key have different ones under another: about 195 keys
    // in about 136 of 256 places.
    let same_low_bits = (0..KEYS)
        .filter(|number| one.hash_one(key(*number)) & 0xff == 0)
        .map(|number| other.hash_one(key(number)) & 0xff)
        .collect::<HashSet<u64>>();
    assert!(same_low_bits.len() > 64, "{name}: {same_low_bits:?}");
}

#[test]
fn t19_agent_keys_do_not_collide() {
    let agent = |address: Address, sender: IpAddr, sub_agent: u32| AgentKey {
        address,
        sub_agent,
        instance: 0,
        sender,
    };
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    assert_random_hashes("sub-agents", |number| {
        agent(Address::V4([10, 0, 0, 1]), any, number << 12)
    });
    assert_random_hashes("senders", |number| {
        let sender = Ipv6Addr::from_bits(u128::from(number) << 90);
        agent(Address::V4([10, 0, 0, 1]), sender.into(), 0)
    });
    assert_random_hashes("agents", |number| {
        let address = (u128::from(number) << 70).to_be_bytes();
        agent(Address::V6(address), any, 0)
    });
    assert_random_hashes("the same 32 bits twice", |number| {
        agent(Address::V4(number.to_be_bytes()), any, number)
    });
}

#[cfg(feature = "flows")]
#[test]
fn t19_network_addresses_do_not_collide() {
    use sflow_metrics::flow::NetworkAddress;
    use sflow_v5::Mac;

    assert_random_hashes("MAC addresses", |number| {
        let [a, b, c, d] = number.to_be_bytes();
        NetworkAddress::Mac(Mac([a, b, 0, 0, c, d]))
    });
    assert_random_hashes("IP addresses", |number| {
        NetworkAddress::Ip(Ipv6Addr::from_bits(u128::from(number) << 60).into())
    });
}
