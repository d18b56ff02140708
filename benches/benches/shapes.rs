//! The cost of different interfaces: the counter records of `hsflowd-swarm`, read with the interface
//! of the crate and with alternatives. `sflow_v5::design` explains the decisions.
//!
//! All shapes read the same bytes with the same structures. A time is for all records of the
//! capture; the throughput is in records.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sflow_benches::{Datagrams, Input, is_measuring};
use sflow_v5::counter::{
    AppResources, EthernetCounters, HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory,
    HostNetIo, HostParent, IfCounters, Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup,
    OfPort, OvsDpStats, PortName, VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo, VirtNode,
};
use sflow_v5::wire::Wire;
use sflow_v5::{CountersSample, DataFormat, Datagram, Error, Frame, Sample, Structure};

criterion_group!(shapes, records, leaves, framing);
criterion_main!(shapes);

/// The records of one counters sample: their bytes and their number.
#[derive(Clone, Copy)]
struct List<'a> {
    bytes: &'a [u8],
    count: u32,
}

impl<'a> List<'a> {
    /// The next frame, as the crate splits it off.
    #[inline(always)]
    fn next(&mut self) -> Option<(DataFormat, &'a [u8])> {
        self.count = self.count.checked_sub(1)?;
        let (head, behind) = self.bytes.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_be_bytes([e, f, g, h]) as usize;
        let (body, rest) = behind.split_at_checked(length)?;
        self.bytes = if length.is_multiple_of(4) {
            rest
        } else {
            rest.get(4 - length % 4..).unwrap_or(&[])
        };
        Some((DataFormat(u32::from_be_bytes([a, b, c, d])), body))
    }
}

/// A type with the given lifetime, if it has a lifetime parameter.
macro_rules! applied {
    ($name:ident) => { $name };
    ($name:ident <$declared:lifetime> $life:lifetime) => { $name<$life> };
}

macro_rules! registry {
    ($($format:literal $variant:ident $(<$life:lifetime>)?,)*) => {
        /// Decoded, unknown and malformed records in one enum.
        #[allow(dead_code, reason = "the contents are not inspected")]
        enum Flat<'a> {
            $($variant($variant $(<$life>)?),)*
            Unknown(Frame<'a>),
            Malformed(Frame<'a>, Error),
        }

        /// Decoded and unknown records; errors are separate.
        #[allow(dead_code, reason = "the contents are not inspected")]
        enum Good<'a> {
            $($variant($variant $(<$life>)?),)*
            Unknown(Frame<'a>),
        }

        /// Undecoded records: the bytes, whose length was checked, behind the name of the structure.
        #[allow(dead_code, reason = "the contents are not inspected")]
        enum Lazy<'a> {
            $($variant(&'a [u8]),)*
            Unknown(DataFormat, &'a [u8]),
            Malformed(DataFormat, &'a [u8]),
        }

        #[inline(always)]
        fn lazy(format: DataFormat, bytes: &[u8]) -> Option<Lazy<'_>> {
            Some(match format.0 {
                $($format => {
                    type Variant = applied!($variant $(<$life> 'static)?);
                    const LENGTH: usize = <Variant as Wire<'static>>::SIZE.minimum();
                    if bytes.len() < LENGTH {
                        Lazy::Malformed(format, bytes)
                    } else {
                        Lazy::$variant(bytes)
                    }
                })*
                _ => Lazy::Unknown(format, bytes),
            })
        }

        $(
            impl<'a> From<applied!($variant $(<$life> 'a)?)> for Good<'a> {
                fn from(record: applied!($variant $(<$life> 'a)?)) -> Self {
                    Self::$variant(record)
                }
            }
        )*

        registry! { @flat #[inline(never)] flat_in_one_function; $($format $variant $(<$life>)?)* }
        registry! { @flat #[inline(always)] flat_inlined; $($format $variant $(<$life>)?)* }

        #[inline(never)]
        fn nested(
            format: DataFormat,
            bytes: &[u8],
        ) -> Option<Result<Good<'_>, (Frame<'_>, Error)>> {
            match format.0 {
                $($format => nested_arm::<applied!($variant $(<$life> '_)?)>(format, bytes),)*
                _ => Some(Ok(Good::Unknown(Frame { format, bytes }))),
            }
        }

        #[inline(never)]
        fn visit(format: DataFormat, bytes: &[u8], visitor: &mut impl Visitor) {
            match format.0 {
                $($format => visit_arm::<applied!($variant $(<$life> '_)?)>(format, bytes, visitor),)*
                _ => visitor.unknown(Frame { format, bytes }),
            }
        }
    };
    (@flat #[$inline:meta] $name:ident; $($format:literal $variant:ident $(<$life:lifetime>)?)*) => {
        #[$inline]
        fn $name(format: DataFormat, bytes: &[u8]) -> Option<Flat<'_>> {
            match format.0 {
                $($format => match $variant::from_bytes(bytes) {
                    Some(record) => Some(Flat::$variant(record)),
                    None => malformed::<applied!($variant $(<$life> '_)?)>(format, bytes),
                },)*
                _ => Some(Flat::Unknown(Frame { format, bytes })),
            }
        }
    };
}

registry! {
    1 IfCounters,
    2 EthernetCounters,
    1004 OfPort,
    1005 PortName<'a>,
    2000 HostDescr<'a>,
    2001 HostAdapters<'a>,
    2002 HostParent,
    2003 HostCpu,
    2004 HostMemory,
    2005 HostDiskIo,
    2006 HostNetIo,
    2007 Mib2IpGroup,
    2008 Mib2IcmpGroup,
    2009 Mib2TcpGroup,
    2010 Mib2UdpGroup,
    2100 VirtNode,
    2101 VirtCpu,
    2102 VirtMemory,
    2103 VirtDiskIo,
    2104 VirtNetIo,
    2203 AppResources,
    2207 OvsDpStats,
}

#[cold]
#[inline(never)]
fn malformed<'a, T: Structure<'a>>(format: DataFormat, bytes: &'a [u8]) -> Option<Flat<'a>> {
    Some(Flat::Malformed(Frame { format, bytes }, T::diagnose(bytes)))
}

#[inline(never)]
fn nested_arm<'a, T: Structure<'a> + Into<Good<'a>>>(
    format: DataFormat,
    bytes: &'a [u8],
) -> Option<Result<Good<'a>, (Frame<'a>, Error)>> {
    match T::from_bytes(bytes) {
        Some(record) => Some(Ok(record.into())),
        None => nested_error::<T>(format, bytes),
    }
}

#[cold]
#[inline(never)]
fn nested_error<'a, T: Structure<'a>>(
    format: DataFormat,
    bytes: &'a [u8],
) -> Option<Result<Good<'a>, (Frame<'a>, Error)>> {
    Some(Err((Frame { format, bytes }, T::diagnose(bytes))))
}

/// A callback for each record, with a reference to its structure.
trait Visitor {
    fn visit<'a, T: Structure<'a>>(&mut self, record: &T);
    fn unknown(&mut self, frame: Frame<'_>);
    fn malformed(&mut self, frame: Frame<'_>, error: Error);
}

#[inline(never)]
fn visit_arm<'a, T: Structure<'a>>(
    format: DataFormat,
    bytes: &'a [u8],
    visitor: &mut impl Visitor,
) {
    match T::from_bytes(bytes) {
        Some(record) => visitor.visit(&record),
        None => visitor.malformed(Frame { format, bytes }, T::diagnose(bytes)),
    }
}

struct Sink(usize);

impl Visitor for Sink {
    #[inline]
    fn visit<'a, T: Structure<'a>>(&mut self, record: &T) {
        black_box(record);
        self.0 += 1;
    }

    fn unknown(&mut self, frame: Frame<'_>) {
        black_box(frame);
        self.0 += 1;
    }

    fn malformed(&mut self, frame: Frame<'_>, error: Error) {
        black_box((frame, error));
        self.0 += 1;
    }
}

fn records(criterion: &mut Criterion) {
    let datagrams = swarm();
    let samples: Vec<_> = datagrams.iter().flat_map(counters_samples).collect();
    let lists: Vec<_> = datagrams.iter().flat_map(lists).collect();
    let count: usize = samples.iter().map(|sample| sample.records().count()).sum();
    assert_eq!(
        count,
        lists.iter().map(|list| list.count as usize).sum::<usize>()
    );

    let mut group = criterion.benchmark_group("records");
    group.throughput(Throughput::Elements(count as u64));
    let mut shape = |name, read: &dyn Fn() -> usize| {
        assert!(read() > 0);
        group.bench_function(name, |bencher| bencher.iter(read));
    };

    // Items stay in the place that the iterator writes them to.
    shape("records, in place", &|| {
        let mut count = 0;
        for sample in &samples {
            let mut records = sample.records();
            while black_box(&records.next()).is_some() {
                count += 1;
            }
        }
        count
    });
    // Every record is moved out of the iterator's item.
    shape("records, moved", &|| {
        let mut count = 0;
        for sample in &samples {
            for record in sample.records() {
                black_box(&record);
                count += 1;
            }
        }
        count
    });
    shape("one structure found", &|| {
        samples
            .iter()
            .filter(|sample| black_box(sample.find::<VirtCpu>()).is_some())
            .count()
            + 1
    });
    shape("one function for all structures", &|| {
        each(&lists, |list| {
            black_box(&item(list, flat_in_one_function)).is_some()
        })
    });
    shape("inlined into the loop", &|| {
        each(&lists, |list| {
            black_box(&item(list, flat_inlined)).is_some()
        })
    });
    shape("nested Result", &|| {
        each(&lists, |list| black_box(&item(list, nested)).is_some())
    });
    shape("visitor", &|| {
        let mut sink = Sink(0);
        for mut list in lists.iter().copied() {
            while let Some((format, bytes)) = list.next() {
                visit(format, bytes, &mut sink);
            }
        }
        sink.0
    });
    shape("lazy enum, inlined into the loop", &|| {
        each(&lists, |list| black_box(&item(list, lazy)).is_some())
    });
    shape("frames", &|| {
        each(&lists, |list| black_box(list.next()).is_some())
    });
    group.finish();
}

/// The recorded datagrams of hosts and containers.
fn swarm() -> Datagrams {
    let most = if is_measuring() { usize::MAX } else { 20 };
    let datagrams = Input::Capture("hsflowd-swarm").datagrams(most);
    datagrams.expect("a capture of the repository")
}

/// The next item of an iterator over records.
#[inline(always)]
fn item<'a, T>(list: &mut List<'a>, read: impl Fn(DataFormat, &'a [u8]) -> Option<T>) -> Option<T> {
    match list.next() {
        Some((format, bytes)) => read(format, bytes),
        None => None,
    }
}

fn each<'a>(lists: &[List<'a>], mut step: impl FnMut(&mut List<'a>) -> bool) -> usize {
    let mut count = 0;
    for mut list in lists.iter().copied() {
        while step(&mut list) {
            count += 1;
        }
    }
    count
}

/// Nineteen fields, read with the number parsers of nom and of the crate.
fn leaves(criterion: &mut Criterion) {
    let bytes: [u8; 88] = std::array::from_fn(|place| place as u8);
    let mut group = criterion.benchmark_group("leaves");
    group.bench_function(BenchmarkId::new("if_counters", "sflow-v5"), |bencher| {
        bencher.iter(|| black_box(&IfCounters::from_bytes(black_box(&bytes))).is_some());
    });
    group.bench_function(BenchmarkId::new("if_counters", "nom"), |bencher| {
        bencher.iter(|| black_box(&nom_if_counters(black_box(&bytes))).is_ok());
    });
    group.finish();
}

type Parsed<'a, T> = nom::IResult<&'a [u8], T>;

/// `if_counters` with nom only.
fn nom_if_counters(input: &[u8]) -> Parsed<'_, IfCounters> {
    use nom::Parser;
    use nom::number::complete::{be_u32 as word, be_u64 as long};
    let (input, (if_index, if_type, speed, direction, status)) =
        (word, word, long, word, word).parse_complete(input)?;
    let (input, (in_octets, a, b, c, d, e, f)) =
        (long, word, word, word, word, word, word).parse_complete(input)?;
    let (input, (out_octets, g, h, i, j, k, promiscuous)) =
        (long, word, word, word, word, word, word).parse_complete(input)?;
    let record = IfCounters {
        if_index,
        if_type,
        if_speed: speed.into(),
        if_direction: sflow_v5::enums::IfDirection(direction),
        if_status: status.into(),
        if_in_octets: in_octets.into(),
        if_in_ucast_pkts: a.into(),
        if_in_multicast_pkts: b.into(),
        if_in_broadcast_pkts: c.into(),
        if_in_discards: d.into(),
        if_in_errors: e.into(),
        if_in_unknown_protos: f.into(),
        if_out_octets: out_octets.into(),
        if_out_ucast_pkts: g.into(),
        if_out_multicast_pkts: h.into(),
        if_out_broadcast_pkts: i.into(),
        if_out_discards: j.into(),
        if_out_errors: k.into(),
        if_promiscuous_mode: promiscuous.into(),
    };
    Ok((input, record))
}

/// Walks from frame to frame.
fn framing(criterion: &mut Criterion) {
    let datagrams = swarm();
    let lists: Vec<_> = datagrams.iter().flat_map(lists).collect();
    let count: u64 = lists.iter().map(|list| u64::from(list.count)).sum();
    let mut group = criterion.benchmark_group("framing");
    group.throughput(Throughput::Elements(count));
    group.bench_function("by hand", |bencher| {
        bencher.iter(|| each(&lists, |list| black_box(list.next()).is_some()));
    });
    group.bench_function("nom: be_u32 and length_data", |bencher| {
        bencher.iter(|| each(&lists, |list| black_box(nom_next(list)).is_some()));
    });
    group.bench_function("nom: combinators of the crate's parsers", |bencher| {
        bencher.iter(|| each(&lists, |list| black_box(leaf_next(list)).is_some()));
    });
    group.finish();
}

#[inline(always)]
fn nom_next<'a>(list: &mut List<'a>) -> Option<(DataFormat, &'a [u8])> {
    use nom::Parser;
    use nom::bytes::complete::take;
    use nom::multi::length_data;
    use nom::number::complete::be_u32;
    list.count = list.count.checked_sub(1)?;
    let framed: Parsed<'_, _> = (be_u32, length_data(be_u32)).parse_complete(list.bytes);
    let (rest, (format, body)) = framed.ok()?;
    let padding = (body.len().wrapping_neg() & 3).min(rest.len());
    let padded: Parsed<'_, _> = take(padding).parse_complete(rest);
    list.bytes = padded.ok()?.0;
    Some((DataFormat(format), body))
}

#[inline(always)]
fn leaf_next<'a>(list: &mut List<'a>) -> Option<(DataFormat, &'a [u8])> {
    use nom::Parser;
    list.count = list.count.checked_sub(1)?;
    let framed = (leaf_word, leaf_opaque).parse_complete(list.bytes);
    let (rest, (format, body)) = framed.ok()?;
    list.bytes = rest;
    Some((DataFormat(format), body))
}

#[inline(always)]
fn leaf_word(input: &[u8]) -> Parsed<'_, u32> {
    match input.split_first_chunk() {
        Some((bytes, rest)) => Ok((rest, u32::from_be_bytes(*bytes))),
        None => Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Eof,
        ))),
    }
}

#[inline(always)]
fn leaf_opaque(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (behind, length) = leaf_word(input)?;
    match behind.split_at_checked(length as usize) {
        Some((bytes, rest)) if length.is_multiple_of(4) => Ok((rest, bytes)),
        Some((bytes, rest)) => {
            let padding = (bytes.len().wrapping_neg() & 3).min(rest.len());
            Ok((rest.get(padding..).unwrap_or(&[]), bytes))
        }
        None => Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Eof,
        ))),
    }
}

fn counters_samples<'a>(bytes: &'a [u8]) -> impl Iterator<Item = CountersSample<'a>> + use<'a> {
    let datagram = Datagram::parse(bytes).expect("a datagram");
    datagram.samples().filter_map(|sample| match sample {
        Sample::Counters(sample) => Some(sample),
        _ => None,
    })
}

/// The record lists of the counters samples, without the crate's decoder.
fn lists<'a>(bytes: &'a [u8]) -> impl Iterator<Item = List<'a>> + use<'a> {
    let word = |bytes: &[u8]| u32::from_be_bytes(*bytes.first_chunk().expect("a word"));
    let mut samples = List {
        bytes: &bytes[28..],
        count: word(&bytes[24..]),
    };
    std::iter::from_fn(move || samples.next()).filter_map(move |(format, body)| {
        let fixed = match format.format() {
            2 => 12,
            4 => 16,
            _ => return None,
        };
        Some(List {
            bytes: &body[fixed..],
            count: word(&body[fixed - 4..]),
        })
    })
}
