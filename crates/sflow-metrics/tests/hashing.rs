//! T19: keys from the wire cannot be chosen so that they collide, since nobody knows the hash.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sflow_metrics::{AgentKey, flow};
use sflow_v5::{Address, Mac};

/// Values that differ in the places where a careless hash looks away.
const CHOSEN: u32 = 50_000;

fn t19_all_bits_count_and_the_key_is_random<K: Hash>(name: &str, key: impl Fn(u32) -> K) {
    let (one, other) = (RandomState::new(), RandomState::new());
    let hashes: HashSet<u64> = (0..CHOSEN)
        .map(|number| one.hash_one(key(number)))
        .collect();
    assert_eq!(hashes.len(), CHOSEN as usize, "{name}: keys that collide");
    // Who has found keys that fall together in one table has found nothing for another.
    // About 195 keys, in about 136 of 256 places: too many to be few by chance.
    let same_low_bits = (0..CHOSEN)
        .filter(|number| one.hash_one(key(*number)) & 0xff == 0)
        .map(|number| other.hash_one(key(number)) & 0xff)
        .collect::<HashSet<u64>>();
    assert!(same_low_bits.len() > 64, "{name}: {same_low_bits:?}");
}

#[test]
fn t19_keys_from_the_wire_do_not_collide_on_purpose() {
    let agent = |address: Address, sender: IpAddr, sub_agent: u32| AgentKey {
        address,
        sub_agent,
        instance: 0,
        sender,
    };
    let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    t19_all_bits_count_and_the_key_is_random("sub-agents", |number| {
        agent(Address::V4([10, 0, 0, 1]), nobody, number << 12)
    });
    t19_all_bits_count_and_the_key_is_random("senders", |number| {
        let sender = Ipv6Addr::from_bits(u128::from(number) << 90);
        agent(Address::V4([10, 0, 0, 1]), sender.into(), 0)
    });
    t19_all_bits_count_and_the_key_is_random("agents", |number| {
        let address = (u128::from(number) << 70).to_be_bytes();
        agent(Address::V6(address), nobody, 0)
    });
    // The same 32 bits in two places.
    t19_all_bits_count_and_the_key_is_random("both", |number| {
        agent(Address::V4(number.to_be_bytes()), nobody, number)
    });
    t19_all_bits_count_and_the_key_is_random("hardware addresses", |number| {
        let [a, b, c, d] = number.to_be_bytes();
        flow::NetworkAddress::Mac(Mac([a, b, 0, 0, c, d]))
    });
    t19_all_bits_count_and_the_key_is_random("addresses", |number| {
        flow::NetworkAddress::Ip(Ipv6Addr::from_bits(u128::from(number) << 60).into())
    });
}
