//! Decoding: floors, this crate, and two other crates, all over the same datagrams.

use std::hint::black_box;

use sflow_fuzz::Decoder as _;
use sflow_fuzz::decoders::{FlowparserSflow, Ours, SflowParser};
use sflow_v5::counter::{
    EthernetCounters, HostCpu, HostDescr, HostMemory, IfCounters, VirtCpu, VirtMemory, VirtNetIo,
};
use sflow_v5::flow::{ExtendedGateway, ExtendedRouter, ExtendedSwitch, SampledHeader};
use sflow_v5::{
    CounterRecord, CounterStructure, CountersSample, Datagram, FlowRecord, FlowSample,
    FlowStructure, Frame, Sample,
};

use crate::Datagrams;
use crate::floor::{sum, walk_lengths, walk_words, walk_words_checked};

/// One way to process datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// Its name in tables.
    pub name: &'static str,
    /// Processes all datagrams.
    pub run: fn(&Datagrams),
    /// Whether it accepts a datagram as valid. Floors check only what they read.
    pub accepts: fn(&[u8]) -> bool,
}

/// Sums all bytes.
pub const SUM: Contender = Contender {
    name: "floor: sum all bytes",
    run: |datagrams| each(datagrams, sum),
    accepts: |_| true,
};

/// Walks from frame to frame, checks each length, and reads nothing else.
pub const LENGTHS: Contender = Contender {
    name: "floor: walk the lengths",
    run: |datagrams| each(datagrams, walk_lengths),
    accepts: |datagram| walk_lengths(datagram).is_some(),
};

/// [`LENGTHS`], and sums every 32-bit word of every sample and record; the compiler vectorises it.
pub const WORDS: Contender = Contender {
    name: "floor: walk and read every word",
    run: |datagrams| each(datagrams, walk_words),
    accepts: |datagram| walk_words(datagram).is_some(),
};

/// [`WORDS`] with a bounds check for each word, as in a decoder that reads field by field.
pub const CHECKED_WORDS: Contender = Contender {
    name: "floor: the same, each word checked",
    run: |datagrams| each(datagrams, walk_words_checked),
    accepts: |datagram| walk_words_checked(datagram).is_some(),
};

/// Decodes every record, matches on it and reads one or two of its fields.
pub const MATCH: Contender = Contender {
    name: "sflow-v5: match on every record",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| total(sample.records().map(|record| counter_field(&record))),
                |sample| total(sample.records().map(|record| flow_field(&record))),
            )
        });
    },
    accepts: is_valid,
};

/// Matches on the number of every frame and decodes the same fields as [`MATCH`].
pub const MATCH_FRAMES: Contender = Contender {
    name: "sflow-v5: match on every frame",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| total(sample.frames().map(|frame| counter_frame_field(&frame))),
                |sample| total(sample.frames().map(|frame| flow_frame_field(&frame))),
            )
        });
    },
    accepts: is_valid,
};

/// Decodes every field of every record into the iterator's item, in memory.
pub const TYPED: Contender = Contender {
    name: "sflow-v5: every field of every record",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| {
                    black_box(sample);
                    let mut records = sample.records();
                    while black_box(&records.next()).is_some() {}
                    0
                },
                |sample| {
                    black_box(sample);
                    let mut records = sample.records();
                    while black_box(&records.next()).is_some() {}
                    0
                },
            )
        });
    },
    accepts: is_valid,
};

/// Passes a reference to every record to a function that is not inlined.
pub const PASS: Contender = Contender {
    name: "sflow-v5: pass &record",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| {
                    for record in sample.records() {
                        opaque(&record);
                    }
                    0
                },
                |sample| {
                    for record in sample.records() {
                        opaque(&record);
                    }
                    0
                },
            )
        });
    },
    accepts: is_valid,
};

/// [`PASS`] for frames.
pub const PASS_FRAMES: Contender = Contender {
    name: "sflow-v5: pass &frame",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| {
                    for frame in sample.frames() {
                        opaque(&frame);
                    }
                    0
                },
                |sample| {
                    for frame in sample.frames() {
                        opaque(&frame);
                    }
                    0
                },
            )
        });
    },
    accepts: is_valid,
};

/// Collects the records of each sample into a vector that is reused, so that the allocator is not
/// measured.
pub const COLLECT: Contender = Contender {
    name: "sflow-v5: collect records",
    run: |datagrams| {
        let (mut counter_records, mut flow_records) = (Vec::new(), Vec::new());
        for datagram in datagrams.iter() {
            samples(
                black_box(datagram),
                |sample| {
                    counter_records.clear();
                    counter_records.extend(sample.records());
                    opaque(&counter_records);
                    0
                },
                |sample| {
                    flow_records.clear();
                    flow_records.extend(sample.records());
                    opaque(&flow_records);
                    0
                },
            );
        }
    },
    accepts: is_valid,
};

/// [`COLLECT`] for frames.
pub const COLLECT_FRAMES: Contender = Contender {
    name: "sflow-v5: collect frames",
    run: |datagrams| {
        let (mut counter_frames, mut flow_frames) = (Vec::new(), Vec::new());
        for datagram in datagrams.iter() {
            samples(
                black_box(datagram),
                |sample| {
                    counter_frames.clear();
                    counter_frames.extend(sample.frames());
                    opaque(&counter_frames);
                    0
                },
                |sample| {
                    flow_frames.clear();
                    flow_frames.extend(sample.frames());
                    opaque(&flow_frames);
                    0
                },
            );
        }
    },
    accepts: is_valid,
};

/// Finds one structure in each sample and reads the data source; all other records are skipped.
pub const FIND: Contender = Contender {
    name: "sflow-v5: find VirtCpu or SampledHeader",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| {
                    black_box(sample.source_id);
                    black_box(sample.find::<VirtCpu>());
                    0
                },
                |sample| {
                    black_box(sample.source_id);
                    black_box(sample.find::<SampledHeader<'_>>());
                    0
                },
            )
        });
    },
    accepts: is_valid,
};

/// Finds the interface counters in each counters sample.
pub const FIND_INTERFACE: Contender = Contender {
    name: "sflow-v5: find IfCounters",
    run: |datagrams| {
        each(datagrams, |datagram| {
            samples(
                datagram,
                |sample| {
                    let counters = sample.find::<IfCounters>();
                    counters.map_or(0, |counters| counters.if_in_octets.0)
                },
                |_| 0,
            )
        });
    },
    accepts: is_valid,
};

/// The crate flowparser-sflow, into owned values.
pub const FLOWPARSER_SFLOW: Contender = Contender {
    name: "flowparser-sflow: decode",
    run: |datagrams| each(datagrams, |datagram| FlowparserSflow.decode(datagram)),
    accepts: |datagram| FlowparserSflow.decode(datagram).is_ok(),
};

/// The crate sflow-parser, into owned values.
pub const SFLOW_PARSER: Contender = Contender {
    name: "sflow-parser: decode",
    run: |datagrams| each(datagrams, |datagram| SflowParser.decode(datagram)),
    accepts: |datagram| SflowParser.decode(datagram).is_ok(),
};

/// All of them.
pub const CONTENDERS: [Contender; 15] = [
    SUM,
    LENGTHS,
    WORDS,
    CHECKED_WORDS,
    MATCH,
    MATCH_FRAMES,
    TYPED,
    PASS,
    PASS_FRAMES,
    COLLECT,
    COLLECT_FRAMES,
    FIND,
    FIND_INTERFACE,
    FLOWPARSER_SFLOW,
    SFLOW_PARSER,
];

#[inline(always)]
fn each<T>(datagrams: &Datagrams, work: impl Fn(&[u8]) -> T) {
    for datagram in datagrams.iter() {
        black_box(work(black_box(datagram)));
    }
}

fn is_valid(datagram: &[u8]) -> bool {
    Ours.decode(datagram).is_ok()
}

/// Calls a function for each counters sample and each flow sample; the sum of what they return.
#[inline(always)]
fn samples<'a>(
    datagram: &'a [u8],
    mut counters: impl FnMut(&CountersSample<'a>) -> u64,
    mut flow: impl FnMut(&FlowSample<'a>) -> u64,
) -> u64 {
    let Ok(datagram) = Datagram::parse(datagram) else {
        return 0;
    };
    let mut total = 0_u64;
    for sample in datagram.samples() {
        total = total.wrapping_add(match sample {
            Sample::Counters(sample) => counters(&sample),
            Sample::Flow(sample) => flow(&sample),
            _ => 0,
        });
    }
    total
}

#[inline(always)]
fn total(numbers: impl Iterator<Item = u64>) -> u64 {
    let mut total = 0_u64;
    for number in numbers {
        total = total.wrapping_add(number);
    }
    total
}

/// A function of which the caller knows nothing.
#[inline(never)]
fn opaque<T>(value: &T) {
    black_box(value);
}

/// One or two fields of a counter record.
#[inline(always)]
fn counter_field(record: &CounterRecord<'_>) -> u64 {
    match record {
        CounterRecord::IfCounters(record) => octets(record),
        CounterRecord::EthernetCounters(record) => record.dot3_stats_fcs_errors.0.into(),
        CounterRecord::HostCpu(record) => record.cpu_user.0.into(),
        CounterRecord::HostMemory(record) => record.mem_free.0,
        CounterRecord::HostDescr(record) => record.hostname.as_bytes().len() as u64,
        CounterRecord::VirtCpu(record) => record.cpu_time.0.into(),
        CounterRecord::VirtMemory(record) => record.memory.0,
        CounterRecord::VirtNetIo(record) => record.rx_bytes.0,
        _ => 1,
    }
}

/// The same fields as [`counter_field`].
#[inline(always)]
fn counter_frame_field(frame: &Frame<'_>) -> u64 {
    match frame.format {
        IfCounters::FORMAT => frame.read().map_or(1, |record: IfCounters| octets(&record)),
        EthernetCounters::FORMAT => frame.read().map_or(1, |record: EthernetCounters| {
            record.dot3_stats_fcs_errors.0.into()
        }),
        HostCpu::FORMAT => frame
            .read()
            .map_or(1, |record: HostCpu| record.cpu_user.0.into()),
        HostMemory::FORMAT => frame
            .read()
            .map_or(1, |record: HostMemory| record.mem_free.0),
        HostDescr::FORMAT => frame.read().map_or(1, |record: HostDescr<'_>| {
            record.hostname.as_bytes().len() as u64
        }),
        VirtCpu::FORMAT => frame
            .read()
            .map_or(1, |record: VirtCpu| record.cpu_time.0.into()),
        VirtMemory::FORMAT => frame.read().map_or(1, |record: VirtMemory| record.memory.0),
        VirtNetIo::FORMAT => frame
            .read()
            .map_or(1, |record: VirtNetIo| record.rx_bytes.0),
        _ => 1,
    }
}

#[inline(always)]
fn octets(record: &IfCounters) -> u64 {
    let (received, sent) = (record.if_in_octets.0, record.if_out_octets.0);
    received.wrapping_add(sent)
}

/// One or two fields of a flow record.
#[inline(always)]
fn flow_field(record: &FlowRecord<'_>) -> u64 {
    match record {
        FlowRecord::SampledHeader(record) => lengths(record),
        FlowRecord::ExtendedSwitch(record) => record.src_vlan.0.into(),
        FlowRecord::ExtendedRouter(record) => record.src_mask_len.into(),
        FlowRecord::ExtendedGateway(record) => record.as_number.into(),
        _ => 1,
    }
}

/// The same fields as [`flow_field`].
#[inline(always)]
fn flow_frame_field(frame: &Frame<'_>) -> u64 {
    match frame.format {
        SampledHeader::FORMAT => frame
            .read()
            .map_or(1, |record: SampledHeader<'_>| lengths(&record)),
        ExtendedSwitch::FORMAT => frame
            .read()
            .map_or(1, |record: ExtendedSwitch| record.src_vlan.0.into()),
        ExtendedRouter::FORMAT => frame
            .read()
            .map_or(1, |record: ExtendedRouter| record.src_mask_len.into()),
        ExtendedGateway::FORMAT => frame
            .read()
            .map_or(1, |record: ExtendedGateway<'_>| record.as_number.into()),
        _ => 1,
    }
}

#[inline(always)]
fn lengths(record: &SampledHeader<'_>) -> u64 {
    u64::from(record.frame_length) + record.header.len() as u64
}

#[cfg(test)]
mod tests {
    use super::{counter_field, counter_frame_field, flow_field, flow_frame_field, samples, total};
    use crate::Input;

    #[test]
    fn frames_and_records_yield_the_same_fields() {
        for input in Input::ALL {
            for datagram in input.datagrams(200).unwrap().iter() {
                let of_records = samples(
                    datagram,
                    |sample| total(sample.records().map(|record| counter_field(&record))),
                    |sample| total(sample.records().map(|record| flow_field(&record))),
                );
                let of_frames = samples(
                    datagram,
                    |sample| total(sample.frames().map(|frame| counter_frame_field(&frame))),
                    |sample| total(sample.frames().map(|frame| flow_frame_field(&frame))),
                );
                assert_eq!(of_records, of_frames, "{}", input.name());
                assert!(of_records > 0, "{}", input.name());
            }
        }
    }
}
