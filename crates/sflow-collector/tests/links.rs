//! File formats, link layers and headers around a datagram.

mod forge;

use std::io::Cursor;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use forge::{
    Order, PAYLOAD, SEEN, SOURCE_PORT, block, enhanced, ethernet, interface, ipv4, ipv6, micros,
    option, pcap, pcapng, section,
};
use sflow_collector::capture::{Capture, CaptureStats, Port};

const VLAN: [u8; 4] = [0x81, 0x00, 0x00, 0x07];
const SERVICE_VLAN: [u8; 4] = [0x88, 0xa8, 0x00, 0x09];

fn open(file: Vec<u8>) -> Capture {
    Capture::from_reader(Cursor::new(file)).unwrap()
}

/// The lengths of the datagrams, and the counts.
fn read(file: Vec<u8>) -> (Vec<usize>, CaptureStats) {
    let mut capture = open(file);
    let mut lengths = Vec::new();
    while let Some(received) = capture.next_datagram().unwrap() {
        lengths.push(received.bytes.len());
    }
    let stats = capture.stats();
    let counted = stats.datagrams
        + stats.other_ports
        + stats.fragments
        + stats.not_udp
        + stats.malformed
        + stats.unknown_link;
    assert_eq!(
        counted, stats.packets,
        "every packet is counted once: {stats:?}"
    );
    (lengths, stats)
}

#[test]
fn payload_is_found_in_every_link_layer_and_format() {
    let (v4, v6) = (ipv4(PAYLOAD), ipv6(&[], PAYLOAD));
    let cooked = |ether_type: [u8; 2], packet: &[u8]| [&[0; 14][..], &ether_type, packet].concat();
    let cooked_2 =
        |ether_type: [u8; 2], packet: &[u8]| [&ether_type[..], &[0; 18], packet].concat();
    let packets: [(u16, Vec<u8>); 23] = [
        (1, ethernet(&[], 0x0800, &v4)),
        (1, ethernet(&[], 0x86dd, &v6)),
        (1, ethernet(&VLAN, 0x0800, &v4)),
        (1, ethernet(&VLAN, 0x86dd, &v6)),
        (1, ethernet(&[SERVICE_VLAN, VLAN].concat(), 0x0800, &v4)),
        (1, [&ethernet(&[], 0x0800, &v4)[..], &[0; 9]].concat()),
        (0, [&[2, 0, 0, 0][..], &v4].concat()),
        (0, [&[0, 0, 0, 2][..], &v4].concat()),
        (0, [&[30, 0, 0, 0][..], &v6].concat()),
        (108, [&[0, 0, 0, 2][..], &v4].concat()),
        (108, [&[0, 0, 0, 24][..], &v6].concat()),
        (101, v4.clone()),
        (101, v6.clone()),
        (12, v4.clone()),
        (12, v6.clone()),
        (14, v4.clone()),
        (228, v4.clone()),
        (229, v6.clone()),
        (113, cooked([0x08, 0x00], &v4)),
        (113, cooked([0x86, 0xdd], &v6)),
        (
            113,
            cooked([0x81, 0x00], &[&[0, 7, 0x08, 0x00][..], &v4].concat()),
        ),
        (276, cooked_2([0x08, 0x00], &v4)),
        (276, cooked_2([0x86, 0xdd], &v6)),
    ];
    for (link, packet) in packets {
        let is_v6 = packet
            .windows(4)
            .any(|window| window == [0x20, 1, 0xd, 0xb8]);
        let source = match is_v6 {
            false => SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), SOURCE_PORT)),
            true => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), SOURCE_PORT).into(),
        };
        for order in [Order::Little, Order::Big] {
            for file in [
                pcap(order, false, link.into(), &[&packet, &packet]),
                pcap(order, true, link.into(), &[&packet, &packet]),
                pcapng(order, link, &[&packet, &packet]),
            ] {
                let mut capture = open(file);
                for _ in 0..2 {
                    let received = capture.next_datagram().unwrap().expect("a datagram");
                    assert_eq!(received.bytes, PAYLOAD, "link type {link}, {order:?}");
                    assert_eq!(received.source, source);
                    assert_eq!(received.received_at, SystemTime::UNIX_EPOCH + SEEN);
                }
                assert_eq!(capture.next_datagram().unwrap(), None);
            }
        }
    }
}

#[test]
fn packets_without_datagrams_are_counted_by_cause() {
    let good = ipv4(PAYLOAD);
    let changed = |at: usize, bytes: &[u8]| {
        let mut packet = good.clone();
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        packet
    };
    let first_fragment = changed(6, &[0x20, 0x00]);
    let last_fragment = changed(6, &[0x00, 0x10]);
    let tcp = changed(9, &[6]);
    let other_port = changed(22, &53u16.to_be_bytes());
    let short_header = changed(0, &[0x44]);
    let version_7 = changed(0, &[0x75]);
    let packets = [
        &good[..],
        &first_fragment,
        &last_fragment,
        &tcp,
        &other_port,
        &short_header,
        &version_7,
        &good[..good.len() - 4],
        &good[..27],
        &good[..10],
        &[],
        &good,
    ];
    let (lengths, stats) = read(pcap(Order::Little, false, 101, &packets));
    assert_eq!(lengths, [9, 5, 9]);
    let mut expected = CaptureStats::default();
    expected.packets = 12;
    expected.datagrams = 3;
    expected.cut = 1;
    expected.other_ports = 1;
    expected.fragments = 2;
    expected.not_udp = 1;
    expected.malformed = 5;
    assert_eq!(stats, expected);
    assert_eq!(read(pcapng(Order::Big, 101, &packets)).1, expected);

    let (lengths, stats) = read(pcap(Order::Little, false, 9999, &[&good, &good]));
    assert_eq!((lengths.len(), stats.unknown_link), (0, 2));

    let arp = ethernet(&[], 0x0806, &[0; 28]);
    let (_, stats) = read(pcap(Order::Little, false, 1, &[&arp, &arp[..9]]));
    assert_eq!((stats.not_udp, stats.malformed), (1, 1));
}

#[test]
fn ipv6_extension_headers_are_skipped() {
    let options: [u8; 8] = [17, 0, 1, 4, 0, 0, 0, 0];
    let (lengths, _) = read(pcap(Order::Little, false, 101, &[&ipv6(&options, PAYLOAD)]));
    assert_eq!(lengths, [9]);

    let mut fragment = ipv6(&[17, 0, 0, 1, 0, 0, 0, 9], PAYLOAD);
    fragment[6] = 44;
    let (_, stats) = read(pcap(Order::Little, false, 101, &[&fragment]));
    assert_eq!(stats.fragments, 1);
}

#[test]
fn invalid_lengths_affect_only_their_datagram() {
    let good = ipv4(PAYLOAD);
    for (at, length, expected) in [
        (2, 0u16, &[9, 9][..]),
        (2, 20, &[9]),
        (2, u16::MAX, &[9, 9]),
        (24, 0, &[9, 9]),
        (24, 7, &[9, 9]),
        (24, 8, &[0, 9]),
        (24, 10, &[2, 9]),
        (24, u16::MAX, &[9, 9]),
    ] {
        let mut invalid = good.clone();
        invalid[at..at + 2].copy_from_slice(&length.to_be_bytes());
        let (lengths, stats) = read(pcap(Order::Little, false, 101, &[&invalid, &good]));
        assert_eq!(lengths, expected, "{length} at {at}: {stats:?}");
    }
}

#[test]
fn other_ports_are_returned_on_request() {
    let mut to_53 = ipv4(PAYLOAD);
    to_53[22..24].copy_from_slice(&53u16.to_be_bytes());
    let file = pcap(Order::Little, false, 101, &[&ipv4(b"sflow"), &to_53]);
    for (port, expected) in [
        (Port::default(), &[5][..]),
        (Port::To(53), &[9]),
        (Port::Any, &[5, 9]),
        (Port::To(1), &[]),
    ] {
        let mut capture = open(file.clone()).with_port(port);
        for length in expected {
            assert_eq!(
                capture.next_datagram().unwrap().unwrap().bytes.len(),
                *length,
                "{port:?}"
            );
        }
        assert_eq!(capture.next_datagram().unwrap(), None);
        assert_eq!(capture.stats().other_ports, 2 - expected.len() as u64);
    }
}

#[test]
fn check_sequence_length_is_not_part_of_link_type() {
    let packet = ethernet(&[], 0x0800, &ipv4(PAYLOAD));
    assert_eq!(
        read(pcap(Order::Big, false, 0x5400_0001, &[&packet])).0,
        [9]
    );
}

#[test]
fn pcapng_times_have_unit_and_offset_of_interface() {
    let order = Order::Big;
    let packet = ipv4(PAYLOAD);
    for (options, units, expected) in [
        (&[][..], micros(), Some(SEEN)),
        (&[(9, &[6][..])], micros(), Some(SEEN)),
        (&[(9, &[9])], SEEN.as_nanos() as u64, Some(SEEN)),
        (&[(9, &[0])], 7, Some(Duration::from_secs(7))),
        (&[(9, &[0x80 | 1])], 7, Some(Duration::from_millis(3500))),
        (
            &[(9, &[0x80 | 32])],
            3 << 31,
            Some(Duration::from_millis(1500)),
        ),
        (
            &[(14, &60i64.to_be_bytes())],
            1_000_000,
            Some(Duration::from_secs(61)),
        ),
        (
            &[(14, &(-1i64).to_be_bytes())],
            1_000_000,
            Some(Duration::ZERO),
        ),
        (&[(14, &(-2i64).to_be_bytes())], 1_000_000, None),
        (&[(9, &[39])], 1_000_000, None),
        (&[(9, &[0]), (14, &i64::MAX.to_be_bytes())], u64::MAX, None),
        // Options of the wrong length are ignored.
        (
            &[(9, &[9, 9]), (2, b"\xff\xfe not UTF-8"), (10, &[0; 4])],
            micros(),
            Some(SEEN),
        ),
    ] {
        let file = [
            section(order),
            interface(order, 101, options),
            enhanced(order, 0, units, &packet, &[]),
        ];
        let mut capture = open(file.concat());
        let received = capture.next_datagram().unwrap().unwrap();
        let since = received
            .received_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(since, expected.unwrap_or_default(), "{options:?}");
        assert_eq!(
            capture.stats().untimed,
            u64::from(expected.is_none()),
            "{options:?}"
        );
    }
}

#[test]
fn truncated_option_is_ignored() {
    let order = Order::Little;
    for (code, length) in [(9, 1), (14, 8), (9, 60_000)] {
        let body = [
            order.u16(101),
            [0; 2],
            [0; 2],
            [0; 2],
            order.u16(code),
            order.u16(length),
        ];
        let file = [
            section(order),
            block(order, 1, &body.concat()),
            enhanced(order, 0, micros(), &ipv4(PAYLOAD), &[]),
        ];
        let mut capture = open(file.concat());
        let received = capture.next_datagram().unwrap().unwrap();
        assert_eq!(received.received_at, SystemTime::UNIX_EPOCH + SEEN);
    }
}

#[test]
fn all_packet_blocks_are_read_and_other_blocks_skipped() {
    let order = Order::Little;
    let packet = ipv4(PAYLOAD);
    let length = u32::try_from(packet.len()).unwrap();
    let simple = block(order, 3, &[&order.u32(length)[..], &packet].concat());
    let (high, low) = ((micros() >> 32) as u32, micros() as u32);
    let obsolete = [
        &[order.u16(1), order.u16(9)].concat()[..],
        &order.u32s([high, low, length, length]),
        &packet,
    ];
    let obsolete = block(order, 2, &obsolete.concat());
    let comment = option(order, 1, b"\xff not UTF-8");
    let names = block(order, 4, &[order.u16(1), order.u16(5)].concat());
    let file = [
        section(order),
        interface(order, 101, &[]),
        interface(order, 228, &[]),
        block(order, 0x0bad_cafe, &[7; 2_000_000]),
        simple.clone(),
        names,
        enhanced(order, 1, micros(), &packet, &comment),
        block(order, 5, &[0; 12]),
        obsolete,
        simple,
        enhanced(order, 2, micros(), &packet, &[]),
    ]
    .concat();
    let mut capture = open(file);
    for time in [Duration::ZERO, SEEN, SEEN, SEEN] {
        let received = capture.next_datagram().unwrap().unwrap();
        assert_eq!(received.bytes, PAYLOAD);
        assert_eq!(received.received_at, SystemTime::UNIX_EPOCH + time);
    }
    assert_eq!(capture.next_datagram().unwrap(), None);
    let stats = capture.stats();
    assert_eq!((stats.packets, stats.untimed, stats.malformed), (5, 2, 1));
}

#[test]
fn simple_packet_ends_at_its_length_or_snap_length() {
    let order = Order::Big;
    let packet = ipv4(PAYLOAD);
    let snap_length = |length: u32| block(order, 1, &order.u32s([101 << 16, length]));
    for (limit, length, expected) in [(0, 37, 9), (0, 36, 8), (36, 37, 8), (99, 37, 9)] {
        let body = [&order.u32(length)[..], &packet].concat();
        let file = [section(order), snap_length(limit), block(order, 3, &body)].concat();
        let (lengths, stats) = read(file);
        assert_eq!(lengths, [expected], "{limit} {length}");
        assert_eq!(stats.cut, u64::from(expected < 9));
    }
}

#[test]
fn sections_have_their_own_byte_order_and_interfaces() {
    let packet = ipv4(PAYLOAD);
    let tagged = ethernet(&[], 0x0800, &packet);
    let (little, big) = (Order::Little, Order::Big);
    let file = [
        pcapng(little, 101, &[&packet]),
        pcapng(big, 1, &[&tagged]),
        section(little),
        enhanced(little, 0, micros(), &packet, &[]),
    ];
    let (lengths, stats) = read(file.concat());
    assert_eq!(lengths, [9, 9]);
    assert_eq!(stats.malformed, 1, "the last section has no interface");
}

#[test]
fn number_of_interfaces_is_limited() {
    const MOST: u32 = 1 << 14;
    let order = Order::Little;
    let mut file = section(order);
    for _ in 0..MOST + 2 {
        file.extend(interface(order, 101, &[]));
    }
    for number in [0, MOST - 1, MOST, MOST + 1] {
        file.extend(enhanced(order, number, micros(), &ipv4(PAYLOAD), &[]));
    }
    let (lengths, stats) = read(file);
    assert_eq!(lengths, [9, 9]);
    assert_eq!(stats.malformed, 2);
}
