//! Compressed captures.

mod forge;

use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::process::{Command, Stdio};

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use forge::{Order, PAYLOAD, chain, ipv4, pcap, pcapng};
use sflow_collector::capture::{Capture, CaptureError};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut writer = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

type Compress = fn(&[u8]) -> Vec<u8>;

const FORMATS: [(&str, Compress); 5] = [
    ("gzip", gzip),
    ("zstd", zstd),
    ("xz", xz),
    ("bzip2", bzip2),
    ("LZ4", lz4),
];

fn file(count: usize) -> Vec<u8> {
    let packet = ipv4(PAYLOAD);
    pcap(Order::Little, false, 101, &vec![&packet[..]; count])
}

/// The number of datagrams, and the error at the end.
fn read(bytes: &[u8]) -> (u64, Result<(), CaptureError>) {
    let mut capture = match Capture::from_reader(Cursor::new(bytes.to_vec())) {
        Ok(capture) => capture,
        Err(error) => return (0, Err(error)),
    };
    let end = loop {
        match capture.next_datagram() {
            Ok(Some(received)) => assert_eq!(received.bytes, PAYLOAD),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(
        matches!(capture.next_datagram(), Ok(None)),
        "no datagram follows the error"
    );
    (capture.stats().datagrams, end)
}

#[test]
fn compression_is_detected_by_content() {
    for (name, compress) in FORMATS {
        for bytes in [
            file(3000),
            pcapng(Order::Big, 101, &[&ipv4(PAYLOAD)[..]; 3000]),
        ] {
            let (count, end) = read(&compress(&bytes));
            assert!(end.is_ok(), "{name}: {end:?}");
            assert_eq!(count, 3000, "{name}");
        }
    }
}

#[test]
fn concatenated_members_and_frames_are_read() {
    let bytes = file(3000);
    let skipped = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"hello"].concat();
    for (name, compress) in FORMATS {
        let members = bytes.chunks(50_001).map(compress).collect::<Vec<_>>();
        assert!(members.len() > 2);
        let (count, end) = read(&members.concat());
        assert!(end.is_ok(), "{name}: {end:?}");
        assert_eq!(count, 3000, "{name}");
        // Skippable frames, which parallel compressors write.
        if matches!(name, "zstd" | "LZ4") {
            let (count, end) = read(&members.join(&skipped[..]));
            assert!(end.is_ok() && count == 3000, "{name}: {end:?}");
            let (count, end) = read(&[&skipped, &members.concat()[..], &skipped].concat());
            assert!(end.is_ok() && count == 3000, "{name}: {end:?}");
        }
    }
}

#[test]
fn truncated_compressed_file_yields_its_start_and_one_error() {
    for (name, compress) in FORMATS {
        let whole = compress(&file(50));
        for length in (4..whole.len()).step_by(3) {
            let (count, end) = read(&whole[..length]);
            assert!(count <= 50, "{name}");
            let error = end.expect_err(&format!("{name}, cut at {length} of {}", whole.len()));
            assert!(
                matches!(error, CaptureError::Decompress { format, .. } if format == name),
                "{name} {length}: {error}"
            );
            let text = chain(&error);
            assert!(
                text.ends_with("the file is cut off; copy it again"),
                "{name} {length}: {text}"
            );
        }
    }
    // Large enough that most of the content precedes the cut.
    for (name, compress) in FORMATS {
        let mut bytes = file(0);
        let mut random = SplitMix64::seed_from_u64(1);
        let mut packets = Vec::new();
        for _ in 0..8_000 {
            let mut packet = ipv4(PAYLOAD);
            random.fill_bytes(&mut packet[4..6]);
            packet[6..8].copy_from_slice(&[0; 2]);
            packets.push(packet);
        }
        let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
        bytes.extend(&pcap(Order::Little, false, 101, &packets)[24..]);
        let whole = compress(&bytes);
        let (count, end) = read(&whole[..whole.len() - 9]);
        assert!(count > 1000 && end.is_err(), "{name}: {count}");
    }
}

#[test]
fn damaged_compressed_file_ends_without_panic() {
    for (name, compress) in FORMATS {
        let whole = compress(&file(20));
        for at in 0..whole.len() {
            for change in [0x01, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                // The content may be unchanged or different; reading must end.
                let Ok(mut capture) = Capture::from_reader(Cursor::new(bytes)) else {
                    continue;
                };
                let mut count = 0;
                while let Ok(Some(_)) = capture.next_datagram() {
                    count += 1;
                }
                assert!(count <= 10_000, "{name}");
            }
        }
    }
}

/// The content is far larger than the file; the buffer stays bounded.
#[test]
fn decompression_bomb_is_read_in_bounded_memory() {
    let order = Order::Little;
    let start = [
        pcapng(order, 101, &[&ipv4(PAYLOAD)]),
        order.u32s([9, 40_000_000]),
    ]
    .concat();
    let bomb = Cursor::new(start).chain(io::repeat(0).take(39_999_992));
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::copy(&mut { bomb }, &mut writer).unwrap();
    let bytes = writer.finish().unwrap();
    assert!(bytes.len() < 400_000);
    let mut capture = Capture::from_reader(Cursor::new(bytes.clone())).unwrap();
    assert!(capture.next_datagram().unwrap().is_some());
    // The trailer of the block contains a different length than the header.
    assert!(matches!(
        capture.next_datagram(),
        Err(CaptureError::Broken { .. })
    ));
    assert!(capture.bytes_read() <= bytes.len() as u64);
}

/// A window or dictionary above the limit is rejected before it is allocated.
#[test]
fn windows_beyond_the_bound_are_refused() {
    // A frame without a size, with a large window, and one empty block.
    let window = |log: u8| [0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3, 1, 0, 0];
    for log in [28, 31, 41] {
        let (_, end) = read(&window(log));
        let text = chain(&end.unwrap_err());
        assert!(
            text.contains(
                "decompression needs more than 128 MiB of memory; decompress the file first"
            ),
            "{text}"
        );
    }
    let (_, end) = read(&window(27));
    assert!(matches!(end, Err(CaptureError::NotACapture { start, .. }) if start.is_empty()));

    let mut options = lzma_rust2::XzOptions::with_preset(0);
    options.lzma_options.dict_size = 512 << 20;
    let mut header = xz(&file(1));
    // The size of the dictionary is the only property of the only filter, and is followed by
    // padding and a checksum.
    let block = 12;
    let size = (usize::from(header[block]) + 1) * 4;
    header[block + 4] = 37;
    let sum = crc32(&header[block..block + size - 4]).to_le_bytes();
    header[block + size - 4..block + size].copy_from_slice(&sum);
    let (_, end) = read(&header);
    let text = chain(&end.unwrap_err());
    assert!(
        text.contains("decompression needs more than 128 MiB of memory"),
        "{text}"
    );
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn compression_inside_compression_is_reported() {
    for (outer, compress_outer) in FORMATS {
        for (inner, compress_inner) in FORMATS {
            let (_, end) = read(&compress_outer(&compress_inner(&file(3))));
            let text = chain(&end.unwrap_err());
            let content = format!("not a capture file: the content of the {outer} file starts");
            let advice = format!("({inner}: compressed twice, decompress it first)");
            assert!(
                text.starts_with(&content) && text.contains(&advice),
                "{text}"
            );
        }
    }
    let (_, end) = read(&gzip(b"no capture"));
    let text = chain(&end.unwrap_err());
    assert!(
        text.contains("not a capture file: the content of the gzip file starts with 6e 6f 20 63"),
        "{text}"
    );
}

/// Files of the usual compression programs, also in their strongest settings.
#[test]
fn files_of_usual_programs_are_read() {
    for (program, arguments) in [
        ("gzip", &["-9"][..]),
        ("zstd", &["-19"]),
        ("zstd", &["--ultra", "-22", "--long=27"]),
        ("xz", &["-9"]),
        ("xz", &["--check=sha256", "--block-size=4096"]),
        ("bzip2", &["-9"]),
        ("lz4", &["-9"]),
        ("lz4", &["-BD", "-B7"]),
        ("lz4", &["-1", "--no-frame-crc"]),
    ] {
        let child = Command::new(program)
            .args(arguments)
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("skipped: {program} is not installed");
            continue;
        };
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || stdin.write_all(&file(3000)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        let (count, end) = read(&output.stdout);
        assert!(end.is_ok(), "{program} {arguments:?}: {end:?}");
        assert_eq!(count, 3000, "{program} {arguments:?}");
    }
}

#[test]
fn progress_of_compressed_file_counts_compressed_bytes() {
    let directory = tempfile::tempdir().unwrap();
    for (name, compress) in FORMATS {
        // The extension does not match the format.
        let path = directory.path().join("x.txt");
        fs::write(&path, compress(&file(5000))).unwrap();
        let mut capture = Capture::open(&path).unwrap();
        let mut before = 0;
        while capture.next_datagram().unwrap().is_some() {
            assert!(capture.bytes_read() >= before);
            before = capture.bytes_read();
        }
        assert_eq!(Some(capture.bytes_read()), capture.file_size(), "{name}");
    }
}
