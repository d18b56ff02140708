//! Decoding: floors, this decoder, and two others, all over the same datagrams.

use std::hint::black_box;

use sflow_fuzz::Decoder as _;
use sflow_fuzz::decoders::{FlowparserSflow, Ours, SflowParser};
use sflow_v5::counter::VirtCpu;
use sflow_v5::flow::SampledHeader;
use sflow_v5::{Datagram, Sample};

use crate::Datagrams;
use crate::floor::{sum, walk_lengths, walk_words, walk_words_checked};

/// A way to go through datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// What it does, in a few words.
    pub name: &'static str,
    /// Goes through all datagrams.
    pub run: fn(&Datagrams),
    /// Whether it takes a datagram for what it is. A floor looks at no more than it must.
    pub accepts: fn(&[u8]) -> bool,
}

/// Touches all bytes.
pub const SUM: Contender = Contender {
    name: "floor: sum all bytes",
    run: |datagrams| each(datagrams, sum),
    accepts: |_| true,
};

/// Walks from frame to frame, each length checked, and reads nothing else.
pub const LENGTHS: Contender = Contender {
    name: "floor: walk the lengths",
    run: |datagrams| each(datagrams, walk_lengths),
    accepts: |datagram| walk_lengths(datagram).is_some(),
};

/// Walks the same, and reads every 32-bit word of every sample and record, as wide as the
/// compiler likes.
pub const WORDS: Contender = Contender {
    name: "floor: walk and read every word",
    run: |datagrams| each(datagrams, walk_words),
    accepts: |datagram| walk_words(datagram).is_some(),
};

/// The same, each word behind a check of its own, as a decoder does that reads field by field.
pub const CHECKED_WORDS: Contender = Contender {
    name: "floor: the same, each word checked",
    run: |datagrams| each(datagrams, walk_words_checked),
    accepts: |datagram| walk_words_checked(datagram).is_some(),
};

/// Every sample and record, as the typed value that a user matches on, where the iterator put
/// it.
pub const TYPED: Contender = Contender {
    name: "sflow-v5: every record typed",
    run: |datagrams| each(datagrams, every_record),
    accepts: is_valid,
};

/// The same, but each record is handed on by value: a copy of up to a hundred bytes more.
pub const MOVED: Contender = Contender {
    name: "sflow-v5: the same, each moved out",
    run: |datagrams| each(datagrams, every_record_moved),
    accepts: is_valid,
};

/// One structure of each sample, and whose it is; all others are passed over.
pub const FIND: Contender = Contender {
    name: "sflow-v5: find one record a sample",
    run: |datagrams| each(datagrams, find_one),
    accepts: is_valid,
};

/// The crate of that name, into owned values.
pub const FLOWPARSER_SFLOW: Contender = Contender {
    name: "flowparser-sflow: decode",
    run: |datagrams| each(datagrams, |datagram| FlowparserSflow.decode(datagram)),
    accepts: |datagram| FlowparserSflow.decode(datagram).is_ok(),
};

/// The crate of that name, into owned values.
pub const SFLOW_PARSER: Contender = Contender {
    name: "sflow-parser: decode",
    run: |datagrams| each(datagrams, |datagram| SflowParser.decode(datagram)),
    accepts: |datagram| SflowParser.decode(datagram).is_ok(),
};

/// All of them.
pub const CONTENDERS: [Contender; 9] = [
    SUM,
    LENGTHS,
    WORDS,
    CHECKED_WORDS,
    TYPED,
    MOVED,
    FIND,
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

fn every_record(datagram: &[u8]) {
    let Ok(datagram) = Datagram::parse(datagram) else {
        return;
    };
    for sample in datagram.samples() {
        match sample {
            Sample::Counters(sample) => {
                black_box(&sample);
                let mut records = sample.records();
                while black_box(&records.next()).is_some() {}
            }
            Sample::Flow(sample) => {
                black_box(&sample);
                let mut records = sample.records();
                while black_box(&records.next()).is_some() {}
            }
            _ => {}
        }
    }
}

fn every_record_moved(datagram: &[u8]) {
    let Ok(datagram) = Datagram::parse(datagram) else {
        return;
    };
    for sample in datagram.samples() {
        match sample {
            Sample::Counters(sample) => {
                black_box(&sample);
                sample.records().for_each(|record| {
                    black_box(&record);
                });
            }
            Sample::Flow(sample) => {
                black_box(&sample);
                sample.records().for_each(|record| {
                    black_box(&record);
                });
            }
            _ => {}
        }
    }
}

fn find_one(datagram: &[u8]) {
    let Ok(datagram) = Datagram::parse(datagram) else {
        return;
    };
    for sample in datagram.samples() {
        match sample {
            Sample::Counters(sample) => {
                black_box(sample.source_id);
                black_box(sample.find::<VirtCpu>());
            }
            Sample::Flow(sample) => {
                black_box(sample.source_id);
                black_box(sample.find::<SampledHeader<'_>>());
            }
            _ => {}
        }
    }
}
