//! The UDP payloads of the captures of real agents.

use std::fs::File;
use std::path::PathBuf;

use pcap_file::pcap::PcapReader;

/// Headers of Ethernet, IPv4 without options and UDP: all that these captures contain.
const HEADERS: usize = 14 + 20 + 8;

/// A file below `testdata/` of the workspace.
pub(crate) fn testdata(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(name)
}

/// The sFlow datagrams of a capture, in order.
pub(crate) fn datagrams(name: &str) -> Vec<Vec<u8>> {
    let path = testdata("captures").join(name).with_extension("pcap");
    let mut reader = PcapReader::new(File::open(&path).unwrap()).unwrap();
    let mut datagrams = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        assert_eq!(
            packet.data[12..15],
            [0x08, 0x00, 0x45],
            "plain IPv4 in {}",
            path.display()
        );
        let length = usize::from(u16::from_be_bytes([packet.data[38], packet.data[39]]));
        datagrams.push(packet.data[HEADERS..34 + length].to_vec());
    }
    datagrams
}
