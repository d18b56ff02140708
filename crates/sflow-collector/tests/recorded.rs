//! Recorded captures, compared with the output of sflowtool.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use sflow_collector::capture::{Capture, CaptureStats};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/captures");
const RECORDED: [(&str, u64); 2] = [("hsflowd-swarm", 1448), ("openvswitch", 106)];

/// The length of a datagram, and its time in seconds since 1970 and microseconds.
type Seen = (String, u64, String);

#[test]
fn lengths_and_times_match_sflowtool() {
    for (name, count) in RECORDED {
        let mut capture = Capture::open(format!("{CAPTURES}/{name}.pcap")).unwrap();
        assert_eq!(seen(&mut capture), sflowtool(name), "{name}");

        let mut all = CaptureStats::default();
        (all.packets, all.datagrams) = (count, count);
        assert_eq!(capture.stats(), all, "{name}");
        let size = fs::metadata(format!("{CAPTURES}/{name}.pcap"))
            .unwrap()
            .len();
        assert_eq!(
            (capture.bytes_read(), capture.file_size()),
            (size, Some(size))
        );
    }
}

/// The pcapng file is written by the crate `pcap-file`.
#[test]
fn pcapng_of_same_packets_has_same_datagrams() {
    for (name, _) in RECORDED {
        let file = File::open(format!("{CAPTURES}/{name}.pcap")).unwrap();
        let mut reader = PcapReader::new(file).unwrap();
        let mut writer = PcapNgWriter::new(Vec::new()).unwrap();
        let link = reader.header().datalink;
        writer
            .write_pcapng_block(InterfaceDescriptionBlock::new(link, 0))
            .unwrap();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.unwrap();
            // `pcap-file` writes the number of nanoseconds as microseconds.
            let timestamp = Duration::from_nanos(packet.timestamp.as_micros() as u64);
            writer
                .write_pcapng_block(EnhancedPacketBlock {
                    interface_id: 0,
                    timestamp,
                    original_len: packet.orig_len,
                    data: packet.data,
                    options: Vec::new(),
                })
                .unwrap();
        }
        let mut capture = Capture::from_reader(Cursor::new(writer.into_inner())).unwrap();
        assert_eq!(seen(&mut capture), sflowtool(name), "{name}");
    }
}

#[test]
fn bytes_read_increase_from_header_to_end() {
    let path = format!("{CAPTURES}/openvswitch.pcap");
    let mut capture = Capture::open(&path).unwrap();
    let mut before = capture.bytes_read();
    assert_eq!(before, 24);
    while let Some(received) = capture.next_datagram().unwrap() {
        let length = received.bytes.len() as u64;
        let progress = capture.bytes_read() - before;
        assert!(
            progress > length && progress < length + 100,
            "{length} in {progress}"
        );
        before = capture.bytes_read();
    }
    assert_eq!(Some(before), capture.file_size());
}

/// As from a slow pipe.
#[test]
fn short_reads_are_accepted() {
    struct Drip(Cursor<Vec<u8>>);
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(7);
            self.0.read(&mut buffer[..length])
        }
    }
    let file = fs::read(format!("{CAPTURES}/openvswitch.pcap")).unwrap();
    let mut capture = Capture::from_reader(Drip(Cursor::new(file))).unwrap();
    assert_eq!(capture.file_size(), None);
    assert_eq!(seen(&mut capture), sflowtool("openvswitch"));
}

/// Repeats the records of a small capture.
struct Repeated {
    records: Vec<u8>,
    at: usize,
    times: u32,
}

impl Read for Repeated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.records.len() && self.times > 0 {
            (self.at, self.times) = (0, self.times - 1);
        }
        let length = (&self.records[self.at..]).read(buffer)?;
        self.at += length;
        Ok(length)
    }
}

#[test]
fn large_capture_is_read_in_pieces() {
    let mut header = fs::read(format!("{CAPTURES}/openvswitch.pcap")).unwrap();
    let records = header.split_off(24);
    let size = records.len() as u64;
    let reader = Cursor::new(header).chain(Repeated {
        records,
        at: 0,
        times: 99,
    });
    let mut capture = Capture::from_reader(reader).unwrap();
    while capture.next_datagram().unwrap().is_some() {}
    assert_eq!(capture.stats().datagrams, 100 * 106);
    assert_eq!(capture.bytes_read(), 24 + 100 * size);
}

fn seen(capture: &mut Capture) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(received) = capture.next_datagram().unwrap() {
        let since = received
            .received_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        seen.push((
            received.bytes.len().to_string(),
            since.as_secs(),
            since.subsec_micros().to_string(),
        ));
    }
    seen
}

fn sflowtool(name: &str) -> Vec<Seen> {
    let file = File::open(format!("{CAPTURES}/{name}.sflowtool.jsonl.gz")).unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |name: &str| {
            line[name]
                .as_str()
                .unwrap_or_else(|| panic!("{name}"))
                .to_owned()
        };
        seen.push((
            text("datagramSize"),
            seconds(&text("pcapTimestamp")),
            text("pcapTimestamp_uS"),
        ));
    }
    seen
}

/// Seconds since 1970 of a time such as `2026-11-23T04:04:59+0000`.
fn seconds(time: &str) -> u64 {
    let time = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", time).unwrap();
    time.as_second().try_into().unwrap()
}
