//! The conventions of the public API: conversions, thread safety, iteration by name, the encoder.

use proptest::prelude::*;
use sflow_v5::counter::{HostCpu, VirtCpu};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::field::Value;
use sflow_v5::sample::{Encoding, Record};
use sflow_v5::types::{Counter32, Counter64, Gauge32, Gauge64, Opaque, Text};
use sflow_v5::{
    CounterRecord, CountersSample, DataFormat, DataSource, Datagram, EncodeError, Encoder, Error,
    ErrorKind, FlowRecord, FlowSample, Frame, Header, Interface, Records, Sample, Structure,
};

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Datagram<'static>>();
    check::<sflow_v5::Samples<'static>>();
    check::<Sample<'static>>();
    check::<Records<'static, CounterRecord<'static>>>();
    check::<Records<'static, FlowRecord<'static>>>();
    check::<sflow_v5::sample::RecordIter<'static, FlowRecord<'static>>>();
    check::<sflow_v5::sample::RecordEncoder<'static, 'static, FlowRecord<'static>>>();
    check::<Frame<'static>>();
    check::<Encoder<'static>>();
    check::<sflow_v5::wire::Writer<'static>>();
    check::<sflow_v5::wire::DecodeError>();
    check::<(Error, ErrorKind, EncodeError, sflow_v5::types::ParseError)>();
    check::<sflow_v5::types::List<'static, u32>>();
    check::<Value<'static>>();
    #[cfg(feature = "bytes")]
    check::<sflow_v5::DatagramBuf>();
    #[cfg(feature = "packet")]
    check::<(
        sflow_v5::packet::Packet<'static>,
        sflow_v5::packet::Layers<'static>,
        sflow_v5::packet::Layer<'static>,
    )>();
}

#[test]
fn errors_are_errors() {
    fn check<T: std::error::Error + Copy + Send + Sync + 'static>() {}
    check::<Error>();
    check::<EncodeError>();
    check::<sflow_v5::types::ParseError>();
}

proptest! {
    #[test]
    fn counter_difference_inverts_addition(start: u32, add: u32, long_start: u64, long_add: u64) {
        let (earlier, later) = (Counter32(start), Counter32(start.wrapping_add(add)));
        let are_known = earlier.known().is_some() && later.known().is_some();
        prop_assert_eq!(later.difference(earlier), are_known.then_some(add));
        let earlier = Counter64(long_start);
        let later = Counter64(long_start.wrapping_add(long_add));
        let are_known = earlier.known().is_some() && later.known().is_some();
        prop_assert_eq!(later.difference(earlier), are_known.then_some(long_add));
    }
}

#[test]
fn unknown_counter_has_no_difference() {
    assert_eq!(Counter32(7).difference(Counter32::UNKNOWN), None);
    assert_eq!(Counter32::UNKNOWN.difference(Counter32(7)), None);
    assert_eq!(Counter64(7).difference(Counter64::UNKNOWN), None);
    assert_eq!(Counter64::UNKNOWN.difference(Counter64(7)), None);
    assert_eq!(Counter32(7).difference(Counter32(7)), Some(0));
}

#[test]
fn known_has_one_meaning() {
    let cpu = HostCpu::default();
    for (index, field) in HostCpu::FIELDS.iter().enumerate() {
        let by_name = cpu.known_fields().find(|(known, _)| known == &field);
        assert_eq!(cpu.known(index), by_name.map(|(_, value)| value));
    }
    assert_eq!((Gauge32(0).known(), Gauge32(0).nonzero()), (Some(0), None));
    assert_eq!((Gauge64(0).known(), Gauge64(0).nonzero()), (Some(0), None));
    assert_eq!(
        (Gauge64(u64::MAX).known(), Gauge64(u64::MAX).nonzero()),
        (None, None)
    );
    assert_eq!(cpu.cpu_num.known(), Some(0));
    assert_eq!(cpu.load_one.known(), None);
}

#[test]
fn known_fields_have_names_kinds_and_units() {
    let cpu = VirtCpu {
        state: DomainState::RUNNING,
        cpu_time: Counter32::UNKNOWN,
        nr_virt_cpu: 2.into(),
    };
    let record = CounterRecord::from(cpu);
    let known: Vec<_> = record
        .known_fields()
        .map(|(field, value)| (field.name, value.to_string()))
        .collect();
    let expected = [("state", "1".to_owned()), ("nrVirtCpu", "2".to_owned())];
    assert_eq!(known, expected);
    assert!(cpu.known_fields().eq(record.known_fields()));
    let unknown = CounterRecord::Unknown(Frame::default());
    assert_eq!(unknown.known_fields().count(), 0);
}

#[test]
fn text_compares_with_str() {
    let text = Text::from("web-1");
    let equal = [
        text == "web-1",
        "web-1" == text,
        text == *"web-1",
        *"web-1" == text,
    ];
    assert_eq!(equal, [true; 4]);
    assert_ne!(text, "web-2");
    assert_ne!(Text::from(&[0xff][..]), "\u{fffd}");
}

#[test]
fn opaque_converts_from_bytes() {
    let bytes = vec![1, 2, 3];
    assert_eq!(Opaque::from(&bytes[..]), Opaque(&bytes));
    assert_eq!(Opaque::from(b"abc").as_ref(), b"abc");
}

fn counters_sample() -> CountersSample<'static> {
    CountersSample {
        source_id: DataSource::new(DataSourceKind::LOGICAL, 7),
        ..CountersSample::default()
    }
}

fn virt_cpu(cpu_time: u32) -> VirtCpu {
    VirtCpu {
        cpu_time: cpu_time.into(),
        ..VirtCpu::default()
    }
}

#[test]
fn records_iterate_by_reference_and_generically() {
    fn names<'a, R: Record<'a>>(records: &Records<'a, R>) -> Vec<&'static str> {
        let mut names = Vec::new();
        for record in records {
            names.extend(record.name());
            names.extend(record.known_fields().map(|(field, _)| field.name));
            assert_eq!(record.error(), None);
        }
        names
    }
    let items = [CounterRecord::from(virt_cpu(1))];
    let expected = ["virt_cpu", "state", "cpuTime", "nrVirtCpu"];
    assert_eq!(names(&Records::from(&items[..])), expected);
    assert!(names(&Records::<FlowRecord<'_>>::default()).is_empty());
}

#[test]
fn frames_are_read_as_structures() {
    let mut buffer = [0; 400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    let unknown = CounterRecord::Unknown(Frame {
        format: DataFormat::new(64_999, 1),
        bytes: &[0; 12],
    });
    encoder
        .counters_sample(&counters_sample(), |records| {
            records.push(&virt_cpu(7))?;
            records.push_record(&unknown)
        })
        .unwrap();
    let datagram = Datagram::try_from(encoder.finish()).unwrap();
    let sample = datagram.samples().next().unwrap();
    let frames: Vec<_> = sample.frames().collect();
    assert_eq!(
        frames.iter().map(|frame| frame.format).collect::<Vec<_>>(),
        [DataFormat::new(0, 2101), DataFormat::new(64_999, 1)]
    );
    assert_eq!(frames[0].read::<VirtCpu>(), Ok(virt_cpu(7)));
    assert_eq!(frames[1].read::<VirtCpu>().unwrap().cpu_time, Counter32(0));
    let error = frames[1].read::<HostCpu>().unwrap_err();
    assert_eq!(error.structure, "host_cpu");
    let Sample::Counters(counters) = sample else {
        panic!("{sample:?}");
    };
    assert!(counters.frames().eq(frames));
}

#[test]
fn frames_end_at_incomplete_frame() {
    let mut buffer = [0; 400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    encoder
        .counters_sample(&counters_sample(), |records| {
            records.push(&virt_cpu(7))?;
            records.push(&virt_cpu(8))
        })
        .unwrap();
    let bytes = encoder.finish();
    let datagram = Datagram::parse(&bytes[..bytes.len() - 4]).unwrap();
    let frames: usize = datagram.samples().map(|it| it.frames().count()).sum();
    assert_eq!(frames, 1);
}

/// The outcome of encoding a sample in the compact encoding.
fn encode(sample: &Sample<'_>) -> Result<(), EncodeError> {
    let mut buffer = [0; 400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    let result = encoder.push(sample);
    let by_closure = match sample {
        Sample::Flow(sample) => encoder.flow_sample(sample, |_| Ok(())),
        Sample::Counters(sample) => encoder.counters_sample(sample, |_| Ok(())),
        _ => result,
    };
    assert_eq!(result, by_closure);
    assert_eq!(encoder.samples(), if result.is_ok() { 2 } else { 0 });
    let datagram = Datagram::parse(encoder.finish()).unwrap();
    for decoded in datagram.samples() {
        assert_eq!(decoded, *sample);
    }
    result
}

#[test]
fn compact_encoding_refuses_what_does_not_fit() {
    let flow = FlowSample {
        encoding: Encoding::Compact,
        source_id: DataSource::new(DataSourceKind(0xff), 0x00ff_ffff),
        input: Interface {
            format: 3,
            value: 0x3fff_ffff,
        },
        output: Interface::INTERNAL,
        ..FlowSample::default()
    };
    let counters = CountersSample {
        encoding: Encoding::Compact,
        source_id: flow.source_id,
        ..CountersSample::default()
    };
    assert_eq!(encode(&Sample::Flow(flow)), Ok(()));
    assert_eq!(encode(&Sample::Counters(counters)), Ok(()));

    let refused = |field, value, maximum| {
        Err(EncodeError::OutOfRange {
            field,
            value,
            maximum,
        })
    };
    for value in [0x0100_0000, u32::MAX] {
        let source_id = DataSource::new(DataSourceKind::LOGICAL, value);
        let expected = refused("source_id.index", value, 0x00ff_ffff);
        let sample = Sample::Flow(FlowSample { source_id, ..flow });
        assert_eq!(encode(&sample), expected);
        let sample = CountersSample {
            source_id,
            ..counters
        };
        assert_eq!(encode(&Sample::Counters(sample)), expected);
    }
    for value in [0x100, u32::MAX] {
        let source_id = DataSource::new(DataSourceKind(value), 1);
        let expected = refused("source_id.kind", value, 0xff);
        let sample = Sample::Flow(FlowSample { source_id, ..flow });
        assert_eq!(encode(&sample), expected);
        let sample = CountersSample {
            source_id,
            ..counters
        };
        assert_eq!(encode(&Sample::Counters(sample)), expected);
    }
    for value in [0x4000_0000, u32::MAX] {
        let interface = Interface { format: 0, value };
        let sample = Sample::Flow(FlowSample {
            input: interface,
            ..flow
        });
        assert_eq!(encode(&sample), refused("input.value", value, 0x3fff_ffff));
        let sample = Sample::Flow(FlowSample {
            output: interface,
            ..flow
        });
        assert_eq!(encode(&sample), refused("output.value", value, 0x3fff_ffff));
    }
    for format in [4, u32::MAX] {
        let interface = Interface { format, value: 0 };
        let sample = Sample::Flow(FlowSample {
            input: interface,
            ..flow
        });
        assert_eq!(encode(&sample), refused("input.format", format, 3));
        let sample = Sample::Flow(FlowSample {
            output: interface,
            ..flow
        });
        assert_eq!(encode(&sample), refused("output.format", format, 3));
    }
}

#[test]
fn expanded_encoding_takes_any_value() {
    let interface = Interface {
        format: u32::MAX,
        value: u32::MAX,
    };
    let source_id = DataSource::new(DataSourceKind(u32::MAX), u32::MAX);
    let flow = FlowSample {
        source_id,
        input: interface,
        output: interface,
        ..FlowSample::default()
    };
    let counters = CountersSample {
        source_id,
        ..CountersSample::default()
    };
    assert_eq!(encode(&Sample::Flow(flow)), Ok(()));
    assert_eq!(encode(&Sample::Counters(counters)), Ok(()));
}

#[test]
fn pushed_records_follow_those_of_the_sample() {
    let own = [CounterRecord::from(virt_cpu(1))];
    let sample = CountersSample {
        records: Records::from(&own[..]),
        ..counters_sample()
    };
    let mut buffer = [0; 400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    encoder
        .counters_sample(&sample, |records| records.push(&virt_cpu(2)))
        .unwrap();
    let datagram = Datagram::parse(encoder.finish()).unwrap();
    let Some(Sample::Counters(decoded)) = datagram.samples().next() else {
        panic!("{datagram:?}");
    };
    let times = decoded.frames().map(|frame| frame.read::<VirtCpu>());
    assert!(times.eq([Ok(virt_cpu(1)), Ok(virt_cpu(2))]));
}

#[test]
fn full_buffer_writes_no_part_of_a_sample() {
    for size in 0..200 {
        let mut buffer = vec![0; size];
        let Ok(mut encoder) = Encoder::new(&mut buffer, &Header::default()) else {
            continue;
        };
        let result = encoder.counters_sample(&counters_sample(), |records| {
            records.push(&virt_cpu(1))?;
            records.push(&virt_cpu(2))
        });
        let samples = encoder.samples();
        assert_eq!(samples, usize::from(result.is_ok()));
        let bytes = encoder.finish();
        let datagram = Datagram::parse(bytes).unwrap();
        assert_eq!(datagram.samples().count(), samples, "{size} bytes");
        assert_eq!(datagram.validate(), Ok(()), "{size} bytes");
    }
}

#[test]
fn encoded_samples_are_appended_as_they_are() {
    let mut first = [0; 400];
    let mut encoder = Encoder::new(&mut first, &Header::default()).unwrap();
    for time in 1..=2 {
        encoder
            .counters_sample(&counters_sample(), |records| records.push(&virt_cpu(time)))
            .unwrap();
    }
    let first = encoder.finish();
    let (samples, count) = Datagram::parse(first).unwrap().encoded_samples();

    let mut buffer = vec![0; first.len()];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    encoder.push_encoded(samples, count).unwrap();
    let full = encoder.push_encoded(&samples[..samples.len() / 2], 1);
    assert_eq!(full, Err(EncodeError::BufferFull));
    assert_eq!(encoder.samples(), 2);
    assert_eq!(encoder.finish(), first);
}

#[test]
fn sample_can_omit_records_that_do_not_fit() {
    for size in 24..200 {
        let mut buffer = vec![0; size];
        let Ok(mut encoder) = Encoder::new(&mut buffer, &Header::default()) else {
            continue;
        };
        let mut written = 0;
        let result = encoder.counters_sample(&counters_sample(), |records| {
            while records.push(&virt_cpu(written)).is_ok() {
                written += 1;
            }
            Ok(())
        });
        let datagram = Datagram::parse(encoder.finish()).unwrap();
        let frames: usize = datagram.samples().map(|it| it.frames().count()).sum();
        match result {
            Ok(()) => assert_eq!(u32::try_from(frames), Ok(written), "{size} bytes"),
            Err(error) => assert_eq!((error, frames), (EncodeError::BufferFull, 0)),
        }
        assert_eq!(datagram.validate(), Ok(()), "{size} bytes");
    }
}

#[test]
fn error_of_the_closure_takes_the_sample_back() {
    let mut buffer = [0; 400];
    let mut encoder = Encoder::new(&mut buffer, &Header::default()).unwrap();
    let result = encoder.counters_sample(&counters_sample(), |records| {
        records.push(&virt_cpu(1))?;
        Err(EncodeError::BufferFull)
    });
    assert_eq!(result, Err(EncodeError::BufferFull));
    assert_eq!(encoder.samples(), 0);
    let datagram = Datagram::parse(encoder.finish()).unwrap();
    assert_eq!(datagram.samples().count(), 0);
}
