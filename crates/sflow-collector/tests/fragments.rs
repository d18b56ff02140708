//! Datagrams in IP fragments.

mod forge;

use std::io::Cursor;

use forge::{Order, ethernet, pcap, udp};
use sflow_collector::capture::{Capture, PassedOver};

/// A payload whose bytes differ by position.
fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place % 251) as u8).collect()
}

/// A fragment of an IPv4 packet.
fn fragment4(id: u16, offset: usize, has_more: bool, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + data.len()).unwrap().to_be_bytes();
    let position = u16::try_from(offset / 8).unwrap() | u16::from(has_more) << 13;
    let (id, position) = (id.to_be_bytes(), position.to_be_bytes());
    let mut packet = vec![
        0x45,
        0,
        length[0],
        length[1],
        id[0],
        id[1],
        position[0],
        position[1],
    ];
    packet.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(data);
    packet
}

/// A fragment of an IPv6 packet, after a hop-by-hop header.
fn fragment6(id: u16, offset: usize, has_more: bool, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(16 + data.len()).unwrap().to_be_bytes();
    let position = (u16::try_from(offset).unwrap() | u16::from(has_more)).to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], 0, 64];
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend([44, 0, 1, 4, 0, 0, 0, 0]);
    packet.extend([17, 0, position[0], position[1], 0, 0]);
    packet.extend(id.to_be_bytes());
    packet.extend(data);
    packet
}

type Fragment = fn(u16, usize, bool, &[u8]) -> Vec<u8>;

/// The fragments of a datagram, each of `size` bytes.
fn fragments(make: Fragment, id: u16, datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
    let whole = udp(datagram);
    let count = whole.len().div_ceil(size);
    whole
        .chunks(size)
        .enumerate()
        .map(|(number, data)| make(id, number * size, number + 1 < count, data))
        .collect()
}

/// The datagrams and the counts of a file of IP packets.
fn read(packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, PassedOver) {
    read_link(101, packets)
}

fn read_link(link: u32, packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, PassedOver) {
    let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
    let file = pcap(Order::Little, false, link, &packets);
    let mut capture = Capture::from_reader(Cursor::new(file)).unwrap();
    let mut datagrams = Vec::new();
    while let Some(received) = capture.next_datagram().unwrap() {
        datagrams.push(received.bytes.to_vec());
    }
    let stats = capture.stats();
    assert_eq!(
        stats.datagrams + stats.reassembled + stats.passed_over(),
        stats.packets,
        "every packet is counted once: {stats:?}"
    );
    (datagrams, capture.passed_over())
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(count - 1) {
        for place in 0..count {
            let mut order = order.clone();
            order.insert(place, count - 1);
            all.push(order);
        }
    }
    all
}

#[test]
fn fragments_in_any_order_become_the_datagram() {
    let datagram = payload(1100);
    for make in [fragment4 as Fragment, fragment6] {
        let parts = fragments(make, 7, &datagram, 296);
        assert_eq!(parts.len(), 4);
        for order in orders(4) {
            let packets: Vec<_> = order.iter().map(|part| parts[*part].clone()).collect();
            let (datagrams, passed_over) = read(&packets);
            assert_eq!(datagrams, std::slice::from_ref(&datagram), "{order:?}");
            assert!(passed_over.is_empty(), "{passed_over}");
            assert_eq!(passed_over.stats.reassembled, 3);
        }
    }
}

#[test]
fn datagrams_of_any_length_are_reassembled() {
    for make in [fragment4 as Fragment, fragment6] {
        for length in [9, 100, 1473, 9000, 65_000] {
            let datagram = payload(length);
            let (datagrams, _) = read(&fragments(
                make,
                7,
                &datagram,
                1480.min(length.next_multiple_of(8)),
            ));
            assert!(datagrams == [datagram], "{length}");
        }
    }
}

#[test]
fn missing_fragment_is_counted_and_does_not_affect_other_datagrams() {
    let datagram = payload(1100);
    for make in [fragment4 as Fragment, fragment6] {
        for missing in 0..4 {
            let mut packets = fragments(make, 7, &datagram, 296);
            packets.remove(missing);
            packets.extend(fragments(make, 8, &datagram, 592));
            let (datagrams, passed_over) = read(&packets);
            assert_eq!(
                datagrams,
                std::slice::from_ref(&datagram),
                "without {missing}"
            );
            assert_eq!(
                (passed_over.stats.fragments, passed_over.incomplete),
                (3, 1)
            );
            assert_eq!(
                passed_over.to_string(),
                "passed over 3 of 5 packets: 3 IP fragments (1 incomplete packet)"
            );
        }
    }
}

#[test]
fn duplicate_fragments_do_not_repeat_the_datagram() {
    let datagram = payload(1100);
    for make in [fragment4 as Fragment, fragment6] {
        // As in a capture on all interfaces.
        let parts = fragments(make, 7, &datagram, 592);
        let packets: Vec<_> = parts
            .iter()
            .flat_map(|part| [part.clone(), part.clone()])
            .collect();
        let (datagrams, passed_over) = read(&packets);
        assert_eq!(datagrams, std::slice::from_ref(&datagram));
        assert_eq!((passed_over.duplicates, passed_over.incomplete), (2, 0));
    }
}

/// Some senders use the identification 0 for all packets.
#[test]
fn datagrams_with_constant_identification_are_reassembled() {
    for make in [fragment4 as Fragment, fragment6] {
        let expected: Vec<_> = (0..50).map(|number| payload(1100 + number)).collect();
        let packets = expected
            .iter()
            .flat_map(|datagram| fragments(make, 0, datagram, 592))
            .collect::<Vec<_>>();
        let (datagrams, passed_over) = read(&packets);
        assert_eq!(datagrams, expected, "{passed_over}");
        assert!(passed_over.is_empty(), "{passed_over}");
    }
}

#[test]
fn overlapping_fragments_reject_the_datagram() {
    let whole = udp(&payload(1100));
    for make in [fragment4 as Fragment, fragment6] {
        let good = fragments(make, 8, &payload(300), 160);
        for (name, packets) in [
            (
                "overlapping the end",
                vec![
                    make(7, 0, true, &whole[..600]),
                    make(7, 592, false, &whole[592..]),
                ],
            ),
            (
                "overlapping the start",
                vec![
                    make(7, 592, false, &whole[592..]),
                    make(7, 0, true, &whole[..600]),
                ],
            ),
            (
                "inside another (teardrop)",
                vec![
                    make(7, 0, true, &whole[..600]),
                    make(7, 24, false, &whole[24..28]),
                ],
            ),
            (
                "different bytes at the same offset",
                vec![
                    make(7, 0, true, &whole[..600]),
                    make(7, 0, true, &whole[8..608]),
                    make(7, 600, false, &whole[600..]),
                ],
            ),
            (
                "after the end",
                vec![
                    make(7, 592, false, &whole[592..]),
                    make(7, 2000, true, &whole[..592]),
                    make(7, 0, true, &whole[..592]),
                ],
            ),
            (
                "two ends",
                vec![
                    make(7, 592, false, &whole[592..]),
                    make(7, 1200, false, &whole[..9]),
                    make(7, 0, true, &whole[..592]),
                ],
            ),
            (
                "longer than a packet can be",
                vec![
                    make(7, 0, true, &whole[..592]),
                    make(7, 65_528, false, &whole[..592]),
                ],
            ),
            (
                "a length that is not a multiple of 8",
                vec![
                    make(7, 0, true, &whole[..595]),
                    make(7, 592, false, &whole[592..]),
                ],
            ),
            (
                "an empty fragment",
                vec![
                    make(7, 0, true, &[]),
                    make(7, 0, true, &whole[..592]),
                    make(7, 592, false, &whole[592..]),
                ],
            ),
        ] {
            let count = packets.len() as u64;
            let (datagrams, passed_over) = read(&[packets, good.clone()].concat());
            assert_eq!(datagrams, [payload(300)], "{name}");
            assert_eq!(
                (
                    passed_over.stats.fragments,
                    passed_over.overlapping,
                    passed_over.incomplete
                ),
                (count, 1, 0),
                "{name}"
            );
        }
    }
}

#[test]
fn fragments_after_tags_and_inside_tunnels_are_found() {
    let datagram = payload(1100);
    let parts = fragments(fragment4, 7, &datagram, 592);
    let wrap = |wrap: &dyn Fn(&[u8]) -> Vec<u8>| -> Vec<Vec<u8>> {
        parts.iter().map(|part| wrap(part)).collect()
    };
    let gre = |packet: &[u8]| {
        let length = u16::try_from(24 + packet.len()).unwrap().to_be_bytes();
        let mut outer = vec![0x45, 0, length[0], length[1], 0, 9, 0, 0, 64, 47, 0, 0];
        outer.extend([192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 8, 0]);
        outer.extend(packet);
        outer
    };
    for (name, packets) in [
        ("plain", wrap(&|part| ethernet(&[], 0x0800, part))),
        (
            "padded",
            wrap(&|part| [ethernet(&[], 0x0800, part), vec![0; 12]].concat()),
        ),
        (
            "tagged",
            wrap(&|part| ethernet(&[0x81, 0, 0, 7], 0x0800, part)),
        ),
        (
            "tagged twice",
            wrap(&|part| ethernet(&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 7], 0x0800, part)),
        ),
        ("in GRE", wrap(&|part| ethernet(&[], 0x0800, &gre(part)))),
        (
            "labelled",
            wrap(&|part| ethernet(&[], 0x8847, &[&[0, 0x10, 1, 64][..], part].concat())),
        ),
    ] {
        let (datagrams, passed_over) = read_link(1, &packets);
        assert_eq!(
            datagrams,
            std::slice::from_ref(&datagram),
            "{name}: {passed_over}"
        );
    }
    // Fragments of tunnel packets that contain fragments of a datagram.
    let mut packets = Vec::new();
    for (number, part) in (0..).zip(&parts) {
        let outer = gre(part);
        let data = &outer[20..];
        for (offset, has_more) in [(320, false), (0, true)] {
            let data = if has_more { &data[..320] } else { &data[320..] };
            let mut fragment = fragment4(100 + number, offset, has_more, data);
            fragment[9] = 47;
            packets.push(fragment);
        }
    }
    let (datagrams, passed_over) = read(&packets);
    assert_eq!(datagrams, [datagram]);
    assert_eq!(passed_over.stats.reassembled, 3);
}

#[test]
fn fragments_of_different_packets_are_not_mixed() {
    let (one, other) = (payload(1100), payload(900));
    let mut packets = Vec::new();
    let parts = fragments(fragment4, 7, &one, 592).into_iter();
    for (mut a, b) in parts.zip(fragments(fragment4, 7, &other, 592)) {
        // A different source with the same identification.
        a[15] = 9;
        packets.extend([a, b]);
    }
    let (datagrams, passed_over) = read(&packets);
    assert_eq!(datagrams, [one, other], "{passed_over}");
}

#[test]
fn truncated_fragment_leaves_its_packet_incomplete() {
    let mut packets = fragments(fragment4, 7, &payload(1100), 592);
    packets[1].truncate(100);
    let (datagrams, passed_over) = read(&packets);
    assert!(datagrams.is_empty());
    assert_eq!(
        (passed_over.stats.fragments, passed_over.incomplete),
        (2, 1)
    );
}

#[test]
fn fragments_of_other_protocols_are_not_buffered() {
    let mut packet = fragment4(7, 0, true, &payload(592));
    packet[9] = 6;
    let (_, passed_over) = read(&[packet]);
    assert_eq!((passed_over.stats.not_udp, passed_over.incomplete), (1, 0));
}

#[test]
fn flood_of_fragments_does_not_end_the_reading() {
    let mut packets = Vec::new();
    for number in 0..20_000_u16 {
        let mut packet = fragment4(number, 0, true, &payload(592));
        packet[14..16].copy_from_slice(&(number / 50).to_be_bytes());
        packets.push(packet);
    }
    let datagram = payload(1100);
    packets.extend(fragments(fragment4, 7, &datagram, 592));
    let (datagrams, passed_over) = read(&packets);
    assert_eq!(datagrams, [datagram]);
    assert_eq!(passed_over.incomplete, 20_000);
}
