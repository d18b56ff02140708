//! Rare samples: discarded packets, named values, wrappers around another sample, and aggregated
//! frames.

use proptest::collection::vec;
use proptest::prelude::*;
use sflow_v5::counter::VirtCpu;
use sflow_v5::enums::{DataSourceKind, DropReason};
use sflow_v5::flow::{Extended80211Aggregation, ExtendedFunction, ExtendedTimestamp, Pdu};
use sflow_v5::sample::{Encoding, FoundryAcl, Named, NamedValues, RtFlowValue, RtMetricValue};
use sflow_v5::types::{Ipv4Address, Ipv6Address, List, Text};
use sflow_v5::{
    CounterRecord, CountersSample, DataSource, Datagram, DiscardedPacket, Encoder, ErrorKind,
    FlowRecord, FlowSample, Frame, Header, Mac, Records, RtFlow, RtMetric, Sample, Structure,
};

const RTMETRIC: u32 = 4300 << 12 | 1002;
const RTFLOW: u32 = 4300 << 12 | 1003;
const FOUNDRY: u32 = 1991 << 12 | 1;
const AGGREGATION: u32 = 1016;

#[test]
fn every_type_of_named_value_is_encoded_and_decoded() {
    let metrics = [
        named("text", RtMetricValue::Text(Text::from("five"))),
        named("c32", RtMetricValue::Counter32(5.into())),
        named("c64", RtMetricValue::Counter64(6.into())),
        named("g32", RtMetricValue::Gauge32(7.into())),
        named("g64", RtMetricValue::Gauge64(8.into())),
        named("", RtMetricValue::Float(1.5)),
        named("d", RtMetricValue::Double(-2.5)),
    ];
    let fields = [
        named("text", RtFlowValue::Text(Text::from(""))),
        named("mac", RtFlowValue::Mac(Mac([1, 2, 3, 4, 5, 6]))),
        named("ip", RtFlowValue::Ipv4(Ipv4Address([10, 0, 0, 1]))),
        named("ip6", RtFlowValue::Ipv6(Ipv6Address([0xfe; 16]))),
        named("i32", RtFlowValue::Int32(-1)),
        named("i64", RtFlowValue::Int64(i64::MIN)),
        named("f", RtFlowValue::Float(0.25)),
        named("d", RtFlowValue::Double(f64::MAX)),
    ];
    let samples = [
        Sample::RtMetric(RtMetric {
            datasource: Text::from("app"),
            metrics: NamedValues::from(&metrics[..]),
        }),
        Sample::RtFlow(RtFlow {
            datasource: Text::from("app"),
            sampling_rate: 10,
            sample_pool: 1000,
            fields: NamedValues::from(&fields[..]),
        }),
    ];
    let bytes = encode(&samples);
    let datagram = Datagram::parse(&bytes).unwrap();
    assert!(datagram.samples().eq(samples));
    assert_eq!(datagram.validate(), Ok(()));
}

#[test]
fn named_value_of_unknown_type_ends_only_its_sample() {
    let mut body = opaque(b"app");
    body.extend(words(&[4]));
    body.extend(opaque(b"good"));
    body.extend(words(&[1, 7]));
    let start = body.len();
    body.extend(opaque(b"odd"));
    body.extend(words(&[99, 1, 2]));
    let rest = body[start..].to_vec();
    let bytes = datagram(&[(RTMETRIC, body), (FOUNDRY, words(&[1, 2]))], 1);
    let datagram = Datagram::parse(&bytes).unwrap();
    let samples: Vec<_> = datagram.samples().collect();
    let [Sample::RtMetric(sample), Sample::FoundryAcl(_)] = samples[..] else {
        // The wrapper is not counted: the datagram has one sample.
        assert_eq!(samples.len(), 1, "{samples:?}");
        let Sample::RtMetric(sample) = samples[0] else {
            panic!("{samples:?}")
        };
        return check(&sample, &rest);
    };
    check(&sample, &rest);

    fn check(sample: &RtMetric<'_>, rest: &[u8]) {
        let metrics: Vec<_> = sample.metrics.iter().collect();
        assert_eq!(metrics.len(), 2, "{metrics:?}");
        assert_eq!(metrics[0].value, RtMetricValue::Counter32(7.into()));
        let RtMetricValue::Malformed(left, error) = metrics[1].value else {
            panic!("{metrics:?}")
        };
        assert_eq!((left, metrics[1].name.to_str()), (rest, Ok("odd")));
        assert_eq!(error.kind, ErrorKind::ValueType(99));
        assert_eq!(
            error.to_string(),
            "rtmetric.type at byte 8: a value of unknown type 99"
        );
    }
}

#[test]
fn missing_named_values_are_malformed() {
    let mut body = opaque(b"app");
    body.extend(words(&[1, 2, 2]));
    body.extend(opaque(b"m"));
    body.extend(words(&[1, 7]));
    let bytes = datagram(&[(RTFLOW, body.clone())], 1);
    let parsed = Datagram::parse(&bytes).unwrap();
    let values = flow_values(&parsed);
    // Type 1 is a MAC address of eight bytes: even the first value is incomplete.
    assert!(
        matches!(values[..], [RtFlowValue::Malformed(..)]),
        "{values:?}"
    );
    body.extend(words(&[8]));
    let bytes = datagram(&[(RTFLOW, body)], 1);
    let parsed = Datagram::parse(&bytes).unwrap();
    let values = flow_values(&parsed);
    let [RtFlowValue::Mac(_), RtFlowValue::Malformed([], error)] = values[..] else {
        panic!("{values:?}")
    };
    assert_eq!(
        error.to_string(),
        "rtflow.name at byte 0: 4 bytes needed, 0 available"
    );
    assert_eq!(parsed.validate(), Err(error));
}

fn flow_values<'a>(datagram: &Datagram<'a>) -> Vec<RtFlowValue<'a>> {
    let Some(Sample::RtFlow(flow)) = datagram.samples().next() else {
        panic!("{datagram:?}")
    };
    flow.fields.iter().map(|field| field.value).collect()
}

/// The sample is the next item, whether it is inside the frame of the wrapper or behind it.
#[test]
fn wrapped_sample_is_decoded_inside_and_behind_its_wrapper() {
    let wrapper = FoundryAcl {
        flags: 1,
        group_id: 2,
    };
    let sample = Sample::Flow(FlowSample {
        sequence_number: 9,
        ..FlowSample::default()
    });
    let behind = encode(&[Sample::FoundryAcl(wrapper), sample, sample]);
    let inner = &behind[24 + 16..24 + 16 + 52];
    let inside = [&words(&[1, 2])[..], inner].concat();
    let last = behind[24 + 16 + 52..].to_vec();
    let mut bytes = datagram(&[(FOUNDRY, inside)], 2);
    bytes.extend(last);
    for bytes in [&behind, &bytes] {
        assert_eq!(
            bytes[20..24],
            [0, 0, 0, 2],
            "the wrapper counts with what follows it"
        );
        let datagram = Datagram::parse(bytes).unwrap();
        let expected = [Sample::FoundryAcl(wrapper), sample, sample];
        assert!(datagram.samples().eq(expected), "{datagram:?}");
    }
}

#[test]
fn wrapper_without_a_sample_is_decoded() {
    for (body, expected) in [
        (words(&[1]), "malformed"),
        (words(&[1, 2]), "wrapper"),
        (words(&[1, 2, 3, 4]), "wrapper"),
        (words(&[1, 2, 1, 8, 0]), "wrapper"),
    ] {
        let bytes = datagram(&[(FOUNDRY, body), (7, vec![])], 1);
        let datagram = Datagram::parse(&bytes).unwrap();
        let first = datagram.samples().next().unwrap();
        let word = match first {
            Sample::FoundryAcl(FoundryAcl {
                flags: 1,
                group_id: 2,
            }) => "wrapper",
            Sample::Malformed(..) => "malformed",
            other => panic!("{other:?}"),
        };
        assert_eq!(word, expected);
        assert!(datagram.samples().count() <= 2);
    }
    let many = datagram(&[(FOUNDRY, words(&[1, 2])), (FOUNDRY, words(&[3, 4]))], 1);
    let many = Datagram::parse(&many).unwrap();
    assert_eq!(many.samples().count(), 2);
    assert_eq!(many.validate(), Ok(()));
    // They are encoded and decoded again, although no sample follows.
    let samples: Vec<_> = many.samples().collect();
    let encoded = encode(&samples);
    assert!(Datagram::parse(&encoded).unwrap().samples().eq(samples));
}

#[test]
fn aggregated_frames_are_decoded() {
    let records = [
        FlowRecord::from(ExtendedTimestamp { nanoseconds: 7 }),
        FlowRecord::Unknown(Frame {
            format: sflow_v5::DataFormat::new(0, 999),
            bytes: b"four",
        }),
    ];
    let pdus = [
        Pdu {
            records: Records::from(&records[..]),
        },
        Pdu::default(),
    ];
    let aggregation = Extended80211Aggregation {
        pdus: List::from(&pdus[..]),
    };
    let inner = [FlowRecord::from(aggregation)];
    let outer = [Pdu {
        records: Records::from(&inner[..]),
    }];
    let outer = Extended80211Aggregation {
        pdus: List::from(&outer[..]),
    };
    let records = [FlowRecord::from(outer), records[0]];
    let sample = Sample::Flow(FlowSample {
        records: Records::from(&records[..]),
        ..FlowSample::default()
    });
    let bytes = encode(&[sample]);
    let datagram = Datagram::parse(&bytes).unwrap();
    assert!(datagram.samples().eq([sample]));
    let Some(Sample::Flow(decoded)) = datagram.samples().next() else {
        panic!("{datagram:?}")
    };
    let found = decoded.find::<Extended80211Aggregation<'_>>().unwrap();
    let inner = found.pdus.iter().next().unwrap().records.iter().next();
    assert_eq!(inner, Some(FlowRecord::from(aggregation)));
}

/// Eight nested aggregations are decoded, more are malformed: a datagram of nested aggregations
/// can neither exhaust the stack nor take long.
#[test]
fn aggregation_nested_too_deeply_is_malformed() {
    for depth in 1..40 {
        let bytes = nested(depth);
        let error = Extended80211Aggregation::parse(&bytes).map_err(|error| error.kind);
        assert_eq!(error.is_ok(), depth <= 9, "{depth}: {error:?}");
        if depth > 9 {
            assert_eq!(error, Err(ErrorKind::Nesting));
        }
    }
    let body = nested(3600);
    let mut sample = words(&[0, 0, 0, 0, 0, 0, 0, 1, AGGREGATION]);
    sample.extend(opaque(&body));
    let bytes = datagram(&[(1, sample)], 1);
    assert!((57_000..65_507).contains(&bytes.len()), "{}", bytes.len());
    let parsed = Datagram::parse(&bytes).unwrap();
    let error = parsed.validate().unwrap_err();
    assert_eq!(
        error.to_string(),
        "extended_80211_aggregation.pdus at byte 132: structures nested too deeply"
    );
    assert!(format!("{parsed:?}").len() < 500_000);
}

/// A malformed record inside an aggregation does not affect the aggregation.
#[test]
fn malformed_aggregated_record_affects_its_record_only() {
    let good = words(&[1043, 8, 0, 1]);
    let short = words(&[1043, 4, 0]);
    let body = [words(&[1, 2]), short, good.clone()].concat();
    let aggregation = Extended80211Aggregation::parse(&body).unwrap();
    let pdu = aggregation.pdus.iter().next().unwrap();
    let records: Vec<_> = pdu.records.iter().collect();
    assert!(
        matches!(
            records[..],
            [FlowRecord::Malformed(..), FlowRecord::ExtendedTimestamp(_)]
        ),
        "{records:?}"
    );
    // A count or length beyond the end of the record makes the record itself malformed.
    for body in [
        words(&[u32::MAX]),
        words(&[1, u32::MAX]),
        words(&[1, 1 << 29]),
        words(&[1, 1, 1043, u32::MAX, 0, 1]),
        words(&[2, 0]),
    ] {
        assert!(Extended80211Aggregation::parse(&body).is_err(), "{body:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn discarded_packet_is_encoded_and_decoded(numbers in any::<[u32; 7]>(), symbol in vec(any::<u8>(), 0..40)) {
        let [sequence_number, kind, index, drops, input_if_index, output_if_index, reason] = numbers;
        let records = [FlowRecord::from(ExtendedFunction { symbol: Text::from(&symbol[..]) })];
        let sample = Sample::Discarded(DiscardedPacket {
            sequence_number,
            source_id: DataSource::new(DataSourceKind(kind), index),
            drops,
            input_if_index,
            output_if_index,
            reason: DropReason(reason),
            records: Records::from(&records[..]),
        });
        let bytes = encode(&[sample]);
        prop_assert!(Datagram::parse(&bytes).unwrap().samples().eq([sample]));
    }

    /// The samples around any body are intact, and the body is encoded and decoded to the same.
    #[test]
    fn any_bytes_are_decoded_as_named_values(
        format in prop_oneof![Just(RTMETRIC), Just(RTFLOW)],
        head in prop_oneof![Just(vec![]), Just([opaque(b"ab"), words(&[2])].concat())],
        tail in vec(prop_oneof![Just(0u8), Just(1), Just(4), any::<u8>()], 0..80),
    ) {
        let body = [head, tail].concat();
        let bytes = datagram(&[(7, vec![1]), (format, body), (7, vec![2])], 3);
        let parsed = Datagram::parse(&bytes).unwrap();
        let samples: Vec<_> = parsed.samples().collect();
        prop_assert_eq!(samples.len(), 3);
        prop_assert!(matches!(samples[0], Sample::Unknown(frame) if frame.bytes == [1]));
        prop_assert!(matches!(samples[2], Sample::Unknown(frame) if frame.bytes == [2]));
        let encoded = encode(&samples);
        let again = Datagram::parse(&encoded).unwrap();
        // Padding may have been missing, and is encoded: compare the decoded values alone.
        prop_assert_eq!(format!("{:?}", again.samples().nth(1)), format!("{:?}", Some(samples[1])));
    }
}

/// `depth` nested aggregations, each with a single frame.
fn nested(depth: usize) -> Vec<u8> {
    let length = |level: usize| u32::try_from(level * 16 + 4).unwrap();
    let mut bytes = Vec::new();
    for level in (1..depth).rev() {
        bytes.extend(words(&[1, 1, AGGREGATION, length(level - 1)]));
    }
    bytes.extend(words(&[0]));
    bytes
}

fn named<'a, V>(name: &'a str, value: V) -> Named<'a, V> {
    Named {
        name: Text::from(name),
        value,
    }
}

fn encode(samples: &[Sample<'_>]) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    for sample in samples {
        encoder.push(sample).unwrap();
    }
    encoder.finish().to_vec()
}

fn datagram(samples: &[(u32, Vec<u8>)], count: u32) -> Vec<u8> {
    let mut bytes = words(&[5, 0, 0, 0, 0, count]);
    for (format, body) in samples {
        bytes.extend(words(&[*format]));
        bytes.extend(opaque(body));
    }
    bytes
}

fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut opaque = words(&[u32::try_from(bytes.len()).unwrap()]);
    opaque.extend(bytes);
    opaque.resize(opaque.len().next_multiple_of(4), 0);
    opaque
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn record_number_is_separate_for_flows_and_counters() {
    let timestamp = words(&[1043, 8, 0, 7]);
    let body = [words(&[1, 0, 1]), timestamp].concat();
    let bytes = datagram(&[(2, body)], 1);
    let parsed = Datagram::parse(&bytes).unwrap();
    let Some(Sample::Counters(sample)) = parsed.samples().next() else {
        panic!("{parsed:?}")
    };
    let record = sample.records().next();
    assert!(matches!(record, Some(CounterRecord::Unknown(frame)) if frame.bytes.len() == 8));
}

/// The complete records of a truncated last sample are decoded, and the rest is an item of its
/// own.
#[test]
fn truncated_last_sample_has_its_complete_records() {
    let cpu = |number: u32| {
        let cpu = VirtCpu {
            cpu_time: number.into(),
            ..VirtCpu::default()
        };
        CounterRecord::from(cpu)
    };
    let timestamp = |nanoseconds| FlowRecord::from(ExtendedTimestamp { nanoseconds });
    let flows = [1, 2, 3].map(timestamp);
    let counters = [1, 2, 3].map(cpu);
    let metrics = [1_u32, 2, 3].map(|it| named("four", RtMetricValue::Gauge32(it.into())));
    let fields = [1, 2, 3].map(|it| named("four", RtFlowValue::Int32(it)));
    type Make<'a> = Box<dyn Fn(usize) -> Sample<'a> + 'a>;
    let flow = |encoding| {
        let flows = &flows;
        move |count: usize| {
            Sample::Flow(FlowSample {
                encoding,
                records: Records::from(&flows[..count]),
                ..FlowSample::default()
            })
        }
    };
    let counted = |encoding| {
        let counters = &counters;
        move |count: usize| {
            Sample::Counters(CountersSample {
                encoding,
                records: Records::from(&counters[..count]),
                ..CountersSample::default()
            })
        }
    };
    let kinds: [Make<'_>; 7] = [
        Box::new(flow(Encoding::Compact)),
        Box::new(flow(Encoding::Expanded)),
        Box::new(counted(Encoding::Compact)),
        Box::new(counted(Encoding::Expanded)),
        Box::new(|count| {
            Sample::Discarded(DiscardedPacket {
                records: Records::from(&flows[..count]),
                ..DiscardedPacket::default()
            })
        }),
        Box::new(|count| {
            Sample::RtMetric(RtMetric {
                datasource: Text::from("app."),
                metrics: NamedValues::from(&metrics[..count]),
            })
        }),
        Box::new(|count| {
            Sample::RtFlow(RtFlow {
                datasource: Text::from("app."),
                fields: NamedValues::from(&fields[..count]),
                ..RtFlow::default()
            })
        }),
    ];
    for make in &kinds {
        let first = make(2);
        let bytes = encode(&[first, make(3)]);
        let ends = [1, 2, 3].map(|count| encode(&[first, make(count)]).len());
        let start = encode(&[first]).len();
        for length in start..bytes.len() {
            let cut = Datagram::parse(&bytes[..length]).unwrap();
            let samples: Vec<_> = cut.samples().collect();
            let whole = ends.iter().filter(|end| **end <= length).count();
            let case = format!("{length} of {}: {samples:?}", bytes.len());
            assert_eq!(samples.first(), Some(&first), "{case}");
            let Some(Sample::Malformed(frame, error)) = samples.last() else {
                panic!("not flagged: {case}");
            };
            assert_eq!(cut.validate(), Err(*error), "{case}");
            if whole == 0 {
                assert_eq!(samples.len(), 2, "{case}");
                continue;
            }
            assert_eq!(samples[1..2], [make(whole)], "{case}");
            assert_eq!(samples.len(), 3, "{case}");
            assert_eq!(frame.bytes, &bytes[ends[whole - 1]..length], "{case}");
            assert!(matches!(error.kind, ErrorKind::Length { .. }), "{case}");
        }
        assert!(Datagram::parse(&bytes).unwrap().validate().is_ok());
    }
}
