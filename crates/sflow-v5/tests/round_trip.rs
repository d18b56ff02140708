//! Encoded values are decoded to the same values, and decoded bytes are encoded to the same bytes.

#[allow(dead_code, reason = "each test uses a part of it")]
mod arbitrary;
#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;
#[allow(dead_code, reason = "each test uses a part of it")]
mod record;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use sflow_v5::counter::{Adapter, HostAdapters, HostDescr};
use sflow_v5::enums::{DataSourceKind, HeaderProtocol};
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::types::{List, Opaque, Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataFormat, DataSource, Datagram, EncodeError, Encoder,
    FlowRecord, FlowSample, Frame, Header, Interface, Mac, Records, Sample,
};

use arbitrary::{record_bytes, structures};
use record::{Read, Space};

/// Both captures are the same bytes after decoding and encoding, except for padding: the agents
/// send any bytes there, the encoder sends zeros.
#[test]
fn encoded_captures_equal_their_bytes() {
    for (capture, padding) in [("hsflowd-swarm", 10_514), ("openvswitch", 142)] {
        let mut different = 0;
        for bytes in capture::datagrams(capture) {
            let datagram = Datagram::parse(&bytes).unwrap();
            let mut buffer = [0xa5; 1500];
            let mut encoder = Encoder::new(&mut buffer, &datagram.header).unwrap();
            datagram
                .samples()
                .for_each(|sample| encoder.push(&sample).unwrap());
            let encoded = encoder.finish();
            assert_eq!(Datagram::parse(encoded).unwrap(), datagram);
            assert_eq!(encoded.len(), bytes.len());
            for (place, (ours, theirs)) in encoded.iter().zip(&bytes).enumerate() {
                if ours != theirs {
                    assert!(
                        *ours == 0 && place % 4 != 0,
                        "byte {place}: {ours}, was {theirs}"
                    );
                    different += 1;
                }
            }
        }
        assert_eq!(
            different, padding,
            "bytes of padding in {capture} that are not zero"
        );
    }
}

/// Bytes behind a structure belong to a later version, and are ignored.
#[test]
fn encoded_structure_equals_its_bytes() {
    for structure in structures() {
        let (space, format) = (structure.space, structure.format);
        let optional = structure.has_optional_fields();
        let input = (structure.bytes, vec(any::<u8>(), 0..9));
        let outcome = runner(100).run(&input, |(bytes, tail)| {
            let read = Read::record(space, format, &bytes);
            prop_assert!(!read.malformed, "{:?}", read);
            prop_assert_eq!(&read.encoded, &bytes);
            prop_assert_eq!(
                &Read::record(space, format, &read.encoded).printed,
                &read.printed
            );
            let extended = [&bytes[..], &tail].concat();
            if !optional {
                prop_assert_eq!(Read::record(space, format, &extended).printed, read.printed);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{space:?} {format}: {error}"));
    }
}

#[test]
fn prefix_of_a_structure_is_decoded_or_malformed() {
    for structure in structures() {
        let (space, format) = (structure.space, structure.format);
        let optional = structure.has_optional_fields();
        let outcome = runner(12).run(&structure.bytes, |bytes| {
            for length in 0..bytes.len() {
                let read = Read::record(space, format, &bytes[..length]);
                // Padding at the end, and fields of later versions, may be missing.
                let may_be_short = bytes.len() - length <= 3 || optional;
                prop_assert!(
                    read.malformed || may_be_short,
                    "{} bytes: {:?}",
                    length,
                    read
                );
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{space:?} {format}: {error}"));
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn encoded_datagram_is_decoded_to_the_same(header in header(), samples in vec(sample(), 0..6)) {
        let mut buffer = vec![0; 16_384];
        let encoded = encode(&mut buffer, &header, &samples);
        let datagram = Datagram::parse(encoded).unwrap();
        prop_assert_eq!(datagram.validate(), Ok(()));
        prop_assert_eq!(datagram.header, header);
        prop_assert_eq!(datagram.samples().count(), samples.len());
        for (sample, given) in datagram.samples().zip(&samples) {
            prop_assert_eq!(&describe(&sample), &given.describe());
        }
        let mut buffer = vec![0; 16_384];
        let mut encoder = Encoder::new(&mut buffer, &datagram.header).unwrap();
        datagram.samples().for_each(|sample| encoder.push(&sample).unwrap());
        prop_assert_eq!(encoder.finish(), encoded);
    }

    #[test]
    fn full_buffer_contains_complete_samples_only(
        header in header(),
        samples in vec(sample(), 1..5),
        room in any::<Index>(),
    ) {
        let mut buffer = vec![0; 16_384];
        let needed = encode(&mut buffer, &header, &samples).len();
        let mut buffer = vec![0; room.index(needed)];
        let Ok(mut encoder) = Encoder::new(&mut buffer, &header) else { return Ok(()) };
        let pushed = samples.iter().take_while(|sample| sample.push(&mut encoder).is_ok()).count();
        prop_assert!(pushed < samples.len());
        prop_assert_eq!(encoder.samples(), pushed);
        let mut expected = vec![0; 16_384];
        let expected = encode(&mut expected, &header, &samples[..pushed]);
        prop_assert_eq!(encoder.finish(), expected, "nothing is left of what did not fit");
    }
}

#[test]
fn constructed_values_are_decoded_to_the_same() {
    let macs = [Mac([1, 2, 3, 4, 5, 6]), Mac([7, 8, 9, 10, 11, 12])];
    let adapters = [
        Adapter {
            if_index: 1,
            mac_address: List::from(&macs[..]),
        },
        Adapter {
            if_index: 2,
            mac_address: List::default(),
        },
    ];
    let host = HostDescr {
        hostname: Text::from("web.1"),
        uuid: Uuid([7; 16]),
        os_release: Text::from(&b"\xff\0"[..]),
        ..HostDescr::default()
    };
    let records = [
        CounterRecord::from(HostAdapters {
            adapters: List::from(&adapters[..]),
        }),
        CounterRecord::from(host),
    ];
    let counters = Sample::Counters(CountersSample {
        records: Records::from(&records[..]),
        ..CountersSample::default()
    });
    let packet = SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 1518,
        stripped: 4,
        header: Opaque(b"seventeen bytes.."),
    };
    let records = [FlowRecord::from(packet)];
    let flow = Sample::Flow(FlowSample {
        sampling_rate: 400,
        input: Interface::index(3),
        output: Interface::INTERNAL,
        encoding: Encoding::Compact,
        records: Records::from(&records[..]),
        ..FlowSample::default()
    });

    let mut buffer = [0; 512];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    encoder.push(&counters).unwrap();
    encoder.push(&flow).unwrap();
    let datagram = Datagram::parse(encoder.finish()).unwrap();
    assert_eq!(datagram.samples().collect::<Vec<_>>(), [counters, flow]);
}

/// A generated sample: the fields before its records, and the bytes of the records.
#[derive(Clone, Debug)]
struct Given {
    space: Space,
    encoding: Encoding,
    numbers: [u32; 4],
    source_id: DataSource,
    ports: [Interface; 2],
    records: Vec<(DataFormat, Vec<u8>)>,
}

impl Given {
    fn push(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        let [sequence_number, sampling_rate, sample_pool, drops] = self.numbers;
        let frames = self.records.iter().map(|(format, bytes)| Frame {
            format: *format,
            bytes,
        });
        let (source_id, encoding) = (self.source_id, self.encoding);
        match self.space {
            Space::Flow => {
                let [input, output] = self.ports;
                let records: Vec<_> = frames.map(FlowRecord::Unknown).collect();
                encoder.push(&Sample::Flow(FlowSample {
                    sequence_number,
                    source_id,
                    sampling_rate,
                    sample_pool,
                    drops,
                    input,
                    output,
                    encoding,
                    records: Records::from(&records[..]),
                }))
            }
            Space::Counters => {
                let records: Vec<_> = frames.map(CounterRecord::Unknown).collect();
                encoder.push(&Sample::Counters(CountersSample {
                    sequence_number,
                    source_id,
                    encoding,
                    records: Records::from(&records[..]),
                }))
            }
        }
    }

    /// The expected result of [`describe`] for the decoded sample.
    fn describe(&self) -> String {
        let records = self.records.iter();
        let records =
            records.map(|(format, bytes)| Read::record(self.space, *format, bytes).printed);
        let records = records.collect::<Vec<_>>().join(", ");
        let (encoding, source_id) = (self.encoding, self.source_id);
        match self.space {
            Space::Flow => {
                format!(
                    "{encoding:?} {source_id} {:?} {:?} {records}",
                    self.numbers, self.ports
                )
            }
            Space::Counters => format!("{encoding:?} {source_id} {} {records}", self.numbers[0]),
        }
    }
}

fn describe(sample: &Sample<'_>) -> String {
    match sample {
        Sample::Flow(sample) => {
            let numbers = [
                sample.sequence_number,
                sample.sampling_rate,
                sample.sample_pool,
                sample.drops,
            ];
            let ports = [sample.input, sample.output];
            let records: Vec<_> = sample
                .records()
                .map(|record| format!("{record:?}"))
                .collect();
            let (encoding, source_id) = (sample.encoding, sample.source_id);
            format!(
                "{encoding:?} {source_id} {numbers:?} {ports:?} {}",
                records.join(", ")
            )
        }
        Sample::Counters(sample) => {
            let records: Vec<_> = sample
                .records()
                .map(|record| format!("{record:?}"))
                .collect();
            let (encoding, source_id) = (sample.encoding, sample.source_id);
            format!(
                "{encoding:?} {source_id} {} {}",
                sample.sequence_number,
                records.join(", ")
            )
        }
        other => format!("{other:?}"),
    }
}

fn encode<'b>(buffer: &'b mut [u8], header: &Header, samples: &[Given]) -> &'b [u8] {
    let mut encoder = Encoder::new(buffer, header).unwrap();
    samples
        .iter()
        .for_each(|sample| sample.push(&mut encoder).unwrap());
    encoder.finish()
}

fn header() -> impl Strategy<Value = Header> {
    let address = prop_oneof![
        Just(Address::Unknown),
        any::<[u8; 4]>().prop_map(Address::V4),
        any::<[u8; 16]>().prop_map(Address::V6),
    ];
    (address, any::<[u32; 3]>()).prop_map(
        |(agent_address, [sub_agent_id, sequence_number, uptime])| Header {
            agent_address,
            sub_agent_id,
            sequence_number,
            uptime,
        },
    )
}

fn sample() -> impl Strategy<Value = Given> {
    let records = vec(record_bytes(), 0..5);
    let numbers = any::<[u32; 4]>();
    (
        any::<bool>(),
        any::<bool>(),
        numbers,
        any::<[u32; 6]>(),
        records,
    )
        .prop_map(
            |(flow, compact, numbers, [kind, index, a, b, c, d], records)| {
                let space = if flow { Space::Flow } else { Space::Counters };
                // Limited to the bits of the compact encoding.
                let (encoding, [kind_bits, index_bits, format_bits, value_bits]) = if compact {
                    (Encoding::Compact, [0xff, 0x00ff_ffff, 3, 0x3fff_ffff])
                } else {
                    (Encoding::Expanded, [u32::MAX; 4])
                };
                let port = |format, value| Interface {
                    format: format & format_bits,
                    value: value & value_bits,
                };
                Given {
                    space,
                    encoding,
                    numbers,
                    source_id: DataSource::new(
                        DataSourceKind(kind & kind_bits),
                        index & index_bits,
                    ),
                    ports: [port(a, b), port(c, d)],
                    records: records
                        .into_iter()
                        .filter(|(of, ..)| matches!(of, Space::Flow) == flow)
                        .map(|(_, format, bytes)| (format, bytes))
                        .collect(),
                }
            },
        )
}
