//! Builds packets, from the innermost header outwards.

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const GRE: u8 = 47;
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const MPLS: u16 = 0x8847;
pub(crate) const BRIDGED: u16 = 0x6558;

pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    join(&[&addresses, &kind.to_be_bytes(), payload])
}

/// A VLAN tag without its own EtherType, which is in the header before it.
pub(crate) fn vlan(id: u16, kind: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&(0x6000 | id).to_be_bytes(), &kind.to_be_bytes(), payload])
}

pub(crate) fn mpls(label: u32, bottom: bool, payload: &[u8]) -> Vec<u8> {
    let entry = label << 12 | u32::from(bottom) << 8 | 64;
    join(&[&entry.to_be_bytes(), payload])
}

/// 10.0.0.1 to 10.0.0.2.
pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap();
    ipv4_with(0x45, total, 0, protocol, payload)
}

pub(crate) fn ipv4_with(
    first: u8,
    total: u16,
    fragment: u16,
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    join(&[
        &[first, 0xb9],
        &total.to_be_bytes(),
        &[0x12, 0x34],
        &fragment.to_be_bytes(),
        &[64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
        payload,
    ])
}

/// 2001:db8::1 to 2001:db8::2.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    ipv6_with(u16::try_from(payload.len()).unwrap(), next, payload)
}

pub(crate) fn ipv6_with(length: u16, next: u8, payload: &[u8]) -> Vec<u8> {
    let address = |last| {
        [
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last,
        ]
    };
    join(&[
        &[0x6b, 0x90, 0, 7],
        &length.to_be_bytes(),
        &[next, 64],
        &address(1),
        &address(2),
        payload,
    ])
}

/// An extension header of IPv6 of eight bytes.
pub(crate) fn extension(next: u8, payload: &[u8]) -> Vec<u8> {
    join(&[&[next, 0, 1, 4, 0, 0, 0, 0], payload])
}

/// From port 80 to port 4711.
pub(crate) fn tcp(flags: u8, payload: &[u8]) -> Vec<u8> {
    join(&[
        &[0, 80, 0x12, 0x67, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags],
        &[0x10, 0, 0, 0, 0, 0],
        payload,
    ])
}

pub(crate) fn udp(destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    join(&[
        &50_000_u16.to_be_bytes(),
        &destination.to_be_bytes(),
        &length.to_be_bytes(),
        &[0, 0],
        payload,
    ])
}

pub(crate) fn vxlan(vni: u32, payload: &[u8]) -> Vec<u8> {
    join(&[&[8, 0, 0, 0], &(vni << 8).to_be_bytes(), payload])
}

pub(crate) fn geneve(vni: u32, protocol: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = u8::try_from(options.len() / 4).unwrap();
    let [high, low] = protocol.to_be_bytes();
    let network = (vni << 8).to_be_bytes();
    join(&[&[words, 0, high, low], &network, options, payload])
}

pub(crate) fn gre(flags: u8, protocol: u16, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    join(&[&[flags, 0], &protocol.to_be_bytes(), optional, payload])
}

/// IPv4 and TCP with a payload: the inner packet of most tests.
pub(crate) fn web() -> Vec<u8> {
    ipv4(TCP, &tcp(0x12, b"payload"))
}
