//! Capture files that are damaged or cut off, and other files.

mod forge;

use std::fs;
use std::io::{self, Cursor, Read};

use forge::{
    Order, PAYLOAD, block, chain, enhanced, interface, ipv4, micros, pcap, pcapng, section,
};
use proptest::prelude::*;
use sflow_collector::capture::{Capture, CaptureError, Damage};

fn open(file: &[u8]) -> Result<Capture, CaptureError> {
    Capture::from_reader(Cursor::new(file.to_vec()))
}

/// The number of datagrams, and the error at the end.
fn read(mut capture: Capture) -> (u64, Result<(), CaptureError>) {
    let mut count = 0;
    let end = loop {
        match capture.next_datagram() {
            Ok(Some(received)) => {
                assert_eq!(received.bytes, PAYLOAD);
                count += 1;
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(
        matches!(capture.next_datagram(), Ok(None)),
        "no datagram follows the error"
    );
    (count, end)
}

#[test]
fn truncated_file_yields_complete_packets_and_one_error() {
    let packet = ipv4(PAYLOAD);
    let packets: [&[u8]; 3] = [&packet, &packet, &packet];
    for order in [Order::Little, Order::Big] {
        for (file, header, record) in [
            (pcap(order, false, 101, &packets), 24, 16 + packet.len()),
            (pcap(order, true, 101, &packets), 24, 16 + packet.len()),
            (
                pcapng(order, 101, &packets),
                28 + 20,
                32 + packet.len().next_multiple_of(4),
            ),
        ] {
            assert_eq!(file.len(), header + 3 * record);
            let is_pcapng = header != 24;
            for length in 0..=file.len() {
                let case = format!("{length} bytes of {}, {order:?}", file.len());
                let whole = length.saturating_sub(header) / record;
                let in_packet = whole as u64 + 1;
                let offset = length as u64;
                let (count, end) = match open(&file[..length]) {
                    Ok(capture) => read(capture),
                    Err(CaptureError::NotACapture { start, .. }) if length < 4 => {
                        assert_eq!(start, file[..length], "{case}");
                        continue;
                    }
                    Err(error) => (0, Err(error)),
                };
                assert_eq!(count, whole as u64, "{case}");
                match end {
                    Ok(()) if length < header => assert!(is_pcapng && length == 28, "{case}"),
                    Ok(()) => assert_eq!((length - header) % record, 0, "{case}"),
                    Err(CaptureError::CutOff {
                        packet: 0,
                        offset: end,
                    }) => {
                        assert!(!is_pcapng && length < header && end == offset, "{case}");
                    }
                    Err(CaptureError::CutOff {
                        packet,
                        offset: end,
                    }) => {
                        assert_eq!((packet, end), (in_packet, offset), "{case}");
                        assert!(length > 0 && (length < header || (length - header) % record != 0));
                    }
                    other => panic!("{case}: {other:?}"),
                }
            }
        }
    }
}

/// Flips every bit of a small file.
#[test]
fn flipped_bit_does_not_panic_or_affect_earlier_packets() {
    let packet = ipv4(PAYLOAD);
    for file in [
        pcap(Order::Little, false, 101, &[&packet, &packet]),
        pcapng(Order::Big, 101, &[&packet, &packet]),
    ] {
        let second = file.len() - (file.len() - if file[0] == 0x0a { 48 } else { 24 }) / 2;
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut file = file.clone();
                file[at] ^= 1 << bit;
                let Ok(mut capture) = open(&file) else {
                    continue;
                };
                let first = capture.next_datagram().map(|received| received.is_some());
                assert!(
                    at < second || matches!(first, Ok(true)),
                    "bit {bit} of byte {at}"
                );
                while let Ok(Some(_)) = capture.next_datagram() {}
            }
        }
    }
}

#[test]
fn invalid_record_length_is_an_error() {
    let packet = ipv4(PAYLOAD);
    for order in [Order::Little, Order::Big] {
        let file = pcap(order, false, 101, &[&packet, &packet]);
        let second = 24 + 16 + packet.len();
        for (length, is_cut_off) in [
            (u32::MAX, false),
            (1 << 31, false),
            (262_145, false),
            (262_144, true),
            (packet.len() as u32 + 1, true),
        ] {
            let mut file = file.clone();
            file[second + 8..second + 12].copy_from_slice(&order.u32(length));
            let (count, end) = read(open(&file).unwrap());
            assert_eq!(count, 1, "{length}");
            match end.unwrap_err() {
                CaptureError::CutOff { packet: 2, offset } if is_cut_off => {
                    assert_eq!(offset, file.len() as u64);
                }
                CaptureError::Broken {
                    packet: 2,
                    offset,
                    damage,
                } if !is_cut_off => {
                    assert_eq!(offset, second as u64);
                    assert_eq!(
                        damage,
                        Damage::TooLong {
                            length,
                            longest: 262_144
                        }
                    );
                }
                other => panic!("{length}: {other:?}"),
            }
        }
    }
}

#[test]
fn empty_record_is_a_malformed_packet() {
    let packet = ipv4(PAYLOAD);
    let mut capture = open(&pcap(Order::Little, false, 101, &[&[], &packet, &[]])).unwrap();
    assert!(capture.next_datagram().unwrap().is_some());
    assert!(capture.next_datagram().unwrap().is_none());
    assert_eq!((capture.stats().packets, capture.stats().malformed), (3, 2));
}

#[test]
fn invalid_block_length_is_an_error() {
    let packet = ipv4(PAYLOAD);
    let (order, whole) = (Order::Big, 32 + packet.len().next_multiple_of(4) as u32);
    let start = 48 + whole as usize;
    let file = pcapng(order, 101, &[&packet, &packet]);
    for (length, expected) in [
        (0, Some(Damage::BlockLength { length: 0 })),
        (4, Some(Damage::BlockLength { length: 4 })),
        (8, Some(Damage::BlockLength { length: 8 })),
        (whole + 1, Some(Damage::BlockLength { length: whole + 1 })),
        (
            whole - 4,
            Some(Damage::BlockEnd {
                first: whole - 4,
                last: 0x7900_0000,
            }),
        ),
        (whole + 4, None),
        (1 << 20, None),
        (
            (1 << 20) + 4,
            Some(Damage::TooLong {
                length: (1 << 20) + 4,
                longest: 1 << 20,
            }),
        ),
        (
            u32::MAX - 3,
            Some(Damage::TooLong {
                length: u32::MAX - 3,
                longest: 1 << 20,
            }),
        ),
    ] {
        let mut file = file.clone();
        file[start + 4..start + 8].copy_from_slice(&length.to_be_bytes());
        let (count, end) = read(open(&file).unwrap());
        assert_eq!(count, 1, "{length}");
        match (end.unwrap_err(), expected) {
            (
                CaptureError::Broken {
                    packet: 2,
                    offset,
                    damage,
                },
                Some(expected),
            ) => {
                assert_eq!((offset, damage), (start as u64, expected));
            }
            (CaptureError::CutOff { packet: 2, .. }, None) => {}
            (other, _) => panic!("{length}: {other:?}"),
        }
    }
}

#[test]
fn invalid_packet_block_affects_only_its_packet() {
    let (order, packet) = (Order::Little, ipv4(PAYLOAD));
    let good = enhanced(order, 0, micros(), &packet, &[]);
    let mut kept_too_long = good.clone();
    kept_too_long[20..24].copy_from_slice(&order.u32(packet.len() as u32 + 4));
    let mut kept_without_end = good.clone();
    kept_without_end[20..24].copy_from_slice(&order.u32(u32::MAX));
    for bad in [
        kept_too_long,
        kept_without_end,
        enhanced(order, 1, micros(), &packet, &[]),
        enhanced(order, u32::MAX, micros(), &packet, &[]),
        block(order, 6, &[]),
        block(order, 6, &[0; 16]),
        block(order, 2, &[0; 16]),
        block(order, 3, &[]),
    ] {
        let file = [
            section(order),
            interface(order, 101, &[]),
            good.clone(),
            bad,
            good.clone(),
        ];
        let mut capture = open(&file.concat()).unwrap();
        assert!(capture.next_datagram().unwrap().is_some());
        assert!(capture.next_datagram().unwrap().is_some());
        assert!(capture.next_datagram().unwrap().is_none());
        assert_eq!((capture.stats().packets, capture.stats().malformed), (3, 1));
    }
}

#[test]
fn invalid_section_or_interface_is_an_error() {
    let order = Order::Little;
    let version_2 = [
        &order.u32(0x1a2b_3c4d)[..],
        &order.u16(2),
        &order.u16(0),
        &[0xff; 8],
    ];
    for (bad, expected) in [
        (
            block(order, 0x0a0d_0d0a, &[7; 16]),
            Damage::ByteOrder { mark: [7; 4] },
        ),
        (
            block(order, 0x0a0d_0d0a, &version_2.concat()),
            Damage::Version { major: 2 },
        ),
        (
            block(order, 0x0a0d_0d0a, &order.u32(0x1a2b_3c4d)),
            Damage::BlockLength { length: 16 },
        ),
        (block(order, 1, &[0; 4]), Damage::BlockLength { length: 16 }),
    ] {
        let file = [pcapng(order, 101, &[&ipv4(PAYLOAD)]), bad].concat();
        match read(open(&file).unwrap()) {
            (
                1,
                Err(CaptureError::Broken {
                    packet: 2, damage, ..
                }),
            ) => {
                assert_eq!(damage, expected);
            }
            other => panic!("{expected:?}: {other:?}"),
        }
    }
}

#[test]
fn error_texts_contain_position_and_cause() {
    for (start, expected) in [
        (
            &b""[..],
            "not a capture file: the file is empty; expected pcap or pcapng",
        ),
        (
            b"\n",
            "not a capture file: the file starts with 0a; expected pcap or pcapng",
        ),
        (
            b"GET / HTTP",
            "not a capture file: the file starts with 47 45 54 20; expected pcap or pcapng",
        ),
        (
            b"PK\x03\x04\x14",
            "not a capture file: the file starts with 50 4b 03 04 (zip: decompress it first); \
             expected pcap or pcapng",
        ),
        #[cfg(not(feature = "compressed"))]
        (
            b"\x1f\x8b\x08\x00\x00",
            "not a capture file: the file starts with 1f 8b 08 00 (gzip: decompress it first); \
             expected pcap or pcapng",
        ),
    ] {
        assert_eq!(open(start).unwrap_err().to_string(), expected);
    }
    assert_eq!(
        open(&pcap(Order::Little, false, 1, &[])[..13])
            .unwrap_err()
            .to_string(),
        "the capture was cut off: it ends at byte 13, inside the file header"
    );
    let mut file = pcap(Order::Little, false, 101, &[&ipv4(PAYLOAD)]);
    file.extend([0xff; 16]);
    assert_eq!(
        chain(&read(open(&file).unwrap()).1.unwrap_err()),
        "the capture is broken at byte 77, at packet 2: \
         a length of 4294967295 bytes, more than the maximum of 262144 bytes"
    );
    let error = Capture::open("/nonexistent/sflow.pcap").unwrap_err();
    assert!(
        chain(&error).starts_with("cannot open /nonexistent/sflow.pcap: "),
        "{error}"
    );
    let error = Capture::open(env!("CARGO_MANIFEST_DIR")).unwrap_err();
    assert!(error.to_string().starts_with("cannot "), "{error}");
}

#[test]
fn read_error_contains_position() {
    struct Failing(Cursor<Vec<u8>>);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("bad sector")),
                length => Ok(length),
            }
        }
    }
    let file = pcap(Order::Little, false, 101, &[&ipv4(PAYLOAD)]);
    let (count, end) = read(Capture::from_reader(Failing(Cursor::new(file))).unwrap());
    assert_eq!(count, 1);
    assert_eq!(
        chain(&end.unwrap_err()),
        "cannot read the capture at byte 77: bad sector"
    );
}

/// A block of 4 GiB is skipped without buffering it.
#[test]
fn longest_block_is_skipped_in_pieces() {
    let order = Order::Little;
    let start = [
        pcapng(order, 101, &[&ipv4(PAYLOAD)]),
        order.u32s([9, u32::MAX - 3]),
    ]
    .concat();
    let reader = Cursor::new(start).chain(io::repeat(0).take(50_000_000));
    let (count, end) = read(Capture::from_reader(reader).unwrap());
    assert_eq!(count, 1);
    assert!(matches!(end, Err(CaptureError::CutOff { packet: 2, .. })));
}

/// A recorded capture, cut off at every byte of its first three packets.
#[test]
fn truncated_recording_yields_complete_packets() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/captures/hsflowd-swarm.pcap"
    );
    let file = fs::read(path).unwrap();
    let mut ends = vec![24];
    for _ in 0..3 {
        let at = ends[ends.len() - 1];
        let length = u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap());
        ends.push(at + 16 + length as usize);
    }
    for length in 24..=ends[3] {
        let mut capture = open(&file[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count() - 1;
        for _ in 0..whole {
            assert!(capture.next_datagram().unwrap().is_some(), "{length}");
        }
        match capture.next_datagram() {
            Ok(None) => assert!(ends.contains(&length), "{length}"),
            Err(CaptureError::CutOff { .. }) => assert!(!ends.contains(&length), "{length}"),
            other => panic!("{length}: {other:?}"),
        };
    }
}

proptest! {
    #[test]
    fn arbitrary_file_does_not_panic(
        start in prop_oneof![
            Just(Vec::new()),
            Just(pcap(Order::Big, false, 1, &[])),
            Just(pcap(Order::Little, true, 113, &[])),
            Just(pcapng(Order::Little, 276, &[])),
            Just(pcapng(Order::Big, 0, &[])),
        ],
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Ok(mut capture) = open(&[start, rest].concat()) {
            while let Ok(Some(_)) = capture.next_datagram() {}
        }
    }

    /// Valid framing, so that the content of the blocks is parsed.
    #[test]
    fn arbitrary_packet_does_not_affect_the_next(
        link in prop_oneof![Just(0u16), Just(1), Just(101), Just(108), Just(113), Just(276)],
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        kind in 0u32..12,
        body in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let order = Order::Little;
        let file = [
            pcapng(order, 101, &[]),
            interface(order, link, &[]),
            enhanced(order, 1, 0, &bytes, &[]),
            block(order, kind, &body),
            enhanced(order, 0, micros(), &ipv4(PAYLOAD), &[]),
        ];
        let mut capture = open(&file.concat()).unwrap();
        let mut last = None;
        while let Ok(Some(received)) = capture.next_datagram() {
            last = Some(received.bytes.to_vec());
        }
        prop_assert!(last.is_some_and(|last| last == PAYLOAD) || kind == 1 && body.len() < 8);
    }
}
