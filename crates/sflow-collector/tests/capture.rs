//! Capture files: the real ones, each link type and byte order, and broken ones.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor};
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use proptest::prelude::*;
use sflow_collector::{Capture, CaptureError, CaptureStats, Port};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures");
/// When the packets of the hand-made captures were seen.
const SEEN: Duration = Duration::new(1_795_406_699, 856_750_000);

#[test]
fn real_captures_agree_with_sflowtool() {
    for (name, count) in [("hsflowd-swarm", 1448), ("openvswitch", 106)] {
        let oracle = File::open(format!("{CAPTURES}/{name}.sflowtool.jsonl.gz")).unwrap();
        let lines = BufReader::new(GzDecoder::new(oracle)).lines();
        let mut capture = Capture::open(format!("{CAPTURES}/{name}.pcap")).unwrap();
        let mut compared = 0;
        for line in lines {
            let theirs: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let ours = capture.next().unwrap().unwrap();
            assert_eq!(theirs["datagramSize"], ours.bytes.len().to_string());
            let since = ours.received_at.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(theirs["pcapTimestamp_uS"], since.subsec_micros().to_string());
            compared += 1;
        }
        assert_eq!(capture.next().unwrap(), None);
        let all = CaptureStats { packets: count, datagrams: count, ..CaptureStats::default() };
        assert_eq!((compared, capture.stats()), (count, all));
    }
}

#[test]
fn every_link_type_leads_to_the_payload() {
    let ip = ipv4(b"telemetry");
    let ether = |tags: &[u8]| [&[2; 12][..], tags, &[0x08, 0x00], &ip].concat();
    let packets: [(u32, Vec<u8>); 10] = [
        (1, ether(&[])),
        (1, ether(&[0x81, 0x00, 0x00, 0x07])),
        (1, ether(&[0x88, 0xa8, 0x00, 0x09, 0x81, 0x00, 0x00, 0x07])),
        (0, [&[2, 0, 0, 0][..], &ip].concat()),
        (101, ip.clone()),
        (12, ip.clone()),
        (101, ipv6(b"telemetry")),
        (113, [&[0; 14][..], &[0x08, 0x00], &ip].concat()),
        (276, [&[0x08, 0x00][..], &[0; 18], &ip].concat()),
        (228, ip.clone()),
    ];
    for (link, packet) in packets {
        for file in [
            pcap(Order::Little, false, link, &[&packet]),
            pcap(Order::Big, false, link, &[&packet]),
            pcap(Order::Little, true, link, &[&packet]),
            pcap(Order::Big, true, link, &[&packet]),
            pcapng(link, &[&packet]),
        ] {
            let mut capture = Capture::read(Cursor::new(file)).unwrap();
            let received = capture.next().unwrap().expect("a datagram");
            assert_eq!(received.bytes, b"telemetry", "link type {link}");
            assert_eq!(received.source.port(), 40_000);
            assert_eq!(received.received_at, SystemTime::UNIX_EPOCH + SEEN);
            assert_eq!(capture.next().unwrap(), None);
        }
    }
}

#[test]
fn what_is_no_datagram_is_counted_by_cause() {
    let good = ipv4(b"telemetry");
    let mut fragment = good.clone();
    fragment[6] = 0x20;
    let mut tcp = good.clone();
    tcp[9] = 6;
    let mut other_port = good.clone();
    other_port[22..24].copy_from_slice(&53u16.to_be_bytes());
    let file = pcap(
        Order::Little,
        false,
        101,
        &[&good, &fragment, &tcp, &other_port, &good[..good.len() - 4], &[], &good],
    );
    let mut capture = Capture::read(Cursor::new(file.clone())).unwrap();
    let mut sizes = Vec::new();
    while let Some(received) = capture.next().unwrap() {
        sizes.push(received.bytes.len());
    }
    assert_eq!(sizes, [9, 5, 9]);
    let expected = CaptureStats {
        packets: 7,
        datagrams: 3,
        cut: 1,
        other_ports: 1,
        fragments: 1,
        not_udp: 2,
        unknown_link: 0,
    };
    assert_eq!(capture.stats(), expected);

    let mut capture = Capture::read(Cursor::new(file)).unwrap().with_port(Port::To(53));
    assert_eq!(capture.next().unwrap().unwrap().bytes, b"telemetry");
    assert_eq!(capture.next().unwrap(), None);

    let mut capture =
        Capture::read(Cursor::new(pcap(Order::Little, false, 9999, &[&good]))).unwrap();
    assert_eq!(capture.next().unwrap(), None);
    assert_eq!(capture.stats().unknown_link, 1);
}

#[test]
fn a_file_that_is_cut_off_anywhere_yields_what_is_whole_and_one_error() {
    let packet = ipv4(b"telemetry");
    for (file, header, record) in [
        (pcap(Order::Little, false, 101, &[&packet, &packet]), 24, 16 + packet.len()),
        (pcapng(101, &[&packet, &packet]), 28 + 20, 32 + packet.len().next_multiple_of(4)),
    ] {
        for length in header..file.len() {
            let mut capture = Capture::read(Cursor::new(file[..length].to_vec())).unwrap();
            let whole = (length - header) / record;
            for _ in 0..whole {
                assert_eq!(capture.next().unwrap().unwrap().bytes, b"telemetry");
            }
            let is_cut = (length - header) % record != 0;
            let next = capture.next().map(|received| received.is_some());
            match next {
                Err(CaptureError::CutOff { packet }) if is_cut => {
                    assert_eq!(packet, whole as u64 + 1);
                }
                Ok(false) if !is_cut => {}
                other => panic!("{length} bytes of {}: {other:?}", file.len()),
            }
            assert!(matches!(capture.next(), Ok(None)), "ends after its error");
        }
    }
}

#[test]
fn what_is_no_capture_says_what_it_starts_with() {
    for start in [&b""[..], b"\n", b"GET / HTTP/1.1\r\n\r\n", &[0; 100]] {
        let error = Capture::read(Cursor::new(start.to_vec())).unwrap_err();
        assert!(error.to_string().starts_with("not a capture file: it starts with"), "{error}");
    }
    let error = Capture::open("/nonexistent/sflow.pcap").unwrap_err();
    assert!(error.to_string().starts_with("cannot open /nonexistent/sflow.pcap"), "{error}");
}

#[test]
fn lengths_that_cannot_be_are_an_error_not_an_allocation() {
    let packet = ipv4(b"telemetry");
    for length in [u32::MAX, 1 << 31, 9_000_000, 1 << 20] {
        let mut file = pcap(Order::Little, false, 101, &[&packet]);
        file[24 + 8..24 + 12].copy_from_slice(&length.to_le_bytes());
        let mut capture = Capture::read(Cursor::new(file)).unwrap();
        assert!(capture.next().is_err());
        assert!(matches!(capture.next(), Ok(None)));
    }
    for length in [0u32, 4, 11, 13, 1 << 31, u32::MAX] {
        let mut file = pcapng(101, &[&packet]);
        file[48 + 4..48 + 8].copy_from_slice(&length.to_le_bytes());
        let mut capture = Capture::read(Cursor::new(file)).unwrap();
        assert!(capture.next().is_err(), "block length {length}");
        assert!(matches!(capture.next(), Ok(None)));
    }
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        start in prop_oneof![
            Just(pcap(Order::Big, false, 1, &[])),
            Just(pcap(Order::Little, true, 113, &[])),
            Just(pcapng(276, &[])),
        ],
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let file = [start, rest].concat();
        if let Ok(mut capture) = Capture::read(Cursor::new(file)) {
            while let Ok(Some(_)) = capture.next() {}
        }
    }
}

/// An IPv4 packet with a UDP datagram to port 6343.
fn ipv4(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(28 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(udp(payload));
    packet
}

/// The same in IPv6.
fn ipv6(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], 17, 64];
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(udp(payload));
    packet
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let head = [40_000u16, 6343, length, 0].map(u16::to_be_bytes).concat();
    [&head[..], payload].concat()
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn word(self, word: u32) -> [u8; 4] {
        match self {
            Self::Little => word.to_le_bytes(),
            Self::Big => word.to_be_bytes(),
        }
    }
}

fn pcap(order: Order, nanoseconds: bool, link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let version = match order {
        Order::Little => 0x0004_0002,
        Order::Big => 0x0002_0004,
    };
    let mut file = [magic, version, 0, 0, 65_535, link].map(|word| order.word(word)).concat();
    for packet in packets {
        let fraction = if nanoseconds { SEEN.subsec_nanos() } else { SEEN.subsec_micros() };
        let length = u32::try_from(packet.len()).unwrap();
        let seconds = u32::try_from(SEEN.as_secs()).unwrap();
        file.extend([seconds, fraction, length, length].map(|word| order.word(word)).concat());
        file.extend(*packet);
    }
    file
}

fn pcapng(link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(12 + body.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let section = [&0x1a2b_3c4du32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut file = block(0x0a0d_0d0a, &section);
    file.extend(block(1, &[&link.to_le_bytes()[..], &[0; 4]].concat()));
    for packet in packets {
        let micros = u64::try_from(SEEN.as_micros()).unwrap();
        let (high, low) = ((micros >> 32) as u32, micros as u32);
        let length = u32::try_from(packet.len()).unwrap();
        let mut body = [0, high, low, length, length].map(u32::to_le_bytes).concat();
        body.extend(*packet);
        body.resize(body.len().next_multiple_of(4), 0);
        file.extend(block(6, &body));
    }
    file
}
