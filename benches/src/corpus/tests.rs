use std::collections::BTreeMap;

use sflow_v5::{DataFormat, Datagram, Encoder, Sample};

use super::agent::LONGEST;
use super::{AGENTS, Corpus};

fn some(corpus: Corpus, seed: u64) -> Vec<Vec<u8>> {
    let datagrams = corpus.datagrams(seed).take(200);
    datagrams.map(|sent| sent.bytes).collect()
}

/// FNV-1a.
fn hash<'a>(datagrams: impl IntoIterator<Item = &'a Vec<u8>>) -> u64 {
    datagrams
        .into_iter()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        })
}

/// Figures are compared over time and between machines, so the corpora must not change unnoticed.
/// After an intended change, note it where figures are quoted.
#[test]
fn bytes_are_unchanged() {
    let pinned = Corpus::ALL.map(|corpus| {
        let datagrams = some(corpus, 1);
        let bytes: usize = datagrams.iter().map(Vec::len).sum();
        (corpus.name(), bytes, hash(&datagrams))
    });
    assert_eq!(
        pinned,
        [
            ("flows", 261_012, 0x7180326641762903),
            ("counters", 252_000, 0x357ce8215c193321),
            ("host", 160_864, 0x46930acb01db669e),
            ("containers", 242_400, 0xd7927ee1cb697937),
            ("mixed", 255_296, 0x75e88924137e1268),
        ]
    );
}

#[test]
fn different_seeds_give_different_datagrams() {
    for corpus in Corpus::ALL {
        assert_ne!(hash(&some(corpus, 1)), hash(&some(corpus, 2)));
    }
}

#[test]
fn datagrams_are_valid_and_known_and_fit() {
    for corpus in Corpus::ALL {
        for bytes in some(corpus, 1) {
            assert!(bytes.len() <= LONGEST);
            let datagram = Datagram::parse(&bytes).unwrap();
            datagram.validate().unwrap();
            for sample in datagram.samples() {
                assert!(sample.name().is_some(), "{sample:?}");
            }
        }
    }
}

/// Decoding and encoding again gives the same bytes.
#[test]
fn encoded_datagrams_equal_the_input() {
    let mut buffer = [0; LONGEST];
    for corpus in Corpus::ALL {
        for bytes in some(corpus, 3) {
            let datagram = Datagram::parse(&bytes).unwrap();
            let mut encoder = Encoder::new(&mut buffer, &datagram.header).unwrap();
            for sample in datagram.samples() {
                encoder.push(&sample).unwrap();
            }
            assert!(encoder.finish() == bytes, "{}", corpus.name());
        }
    }
}

/// The numbers of samples and records of each kind in 2,000 datagrams.
#[test]
fn corpora_contain_documented_mix() {
    let formats = |corpus: Corpus| {
        let mut formats = BTreeMap::<DataFormat, u32>::new();
        let mut records = BTreeMap::<DataFormat, u32>::new();
        for sent in corpus.datagrams(1).take(2_000) {
            for sample in Datagram::parse(&sent.bytes).unwrap().samples() {
                *formats.entry(sample.format()).or_default() += 1;
                match sample {
                    Sample::Flow(sample) => sample
                        .records()
                        .for_each(|record| *records.entry(record.format()).or_default() += 1),
                    Sample::Counters(sample) => sample
                        .records()
                        .for_each(|record| *records.entry(record.format()).or_default() += 1),
                    other => panic!("{other:?}"),
                }
            }
        }
        (formats, records)
    };
    let each = |samples: u32, numbers: &[u32]| -> BTreeMap<_, _> {
        let records = numbers.iter();
        records
            .map(|number| (DataFormat::new(0, *number), samples))
            .collect()
    };
    let sample = |number| DataFormat::new(0, number);

    let (samples, records) = formats(Corpus::Counters);
    assert_eq!(samples, each(14_000, &[2]));
    assert_eq!(records, each(14_000, &[1, 2]));

    let (samples, records) = formats(Corpus::Host);
    assert_eq!(samples, each(2_000, &[2]));
    let numbers = [
        2000, 2001, 2003, 2004, 2005, 2006, 2007, 2008, 2009, 2010, 2100,
    ];
    assert_eq!(records, each(2_000, &numbers));

    let (samples, records) = formats(Corpus::Containers);
    assert_eq!(samples, each(8_000, &[2]));
    assert_eq!(
        records,
        each(8_000, &[2000, 2001, 2002, 2101, 2102, 2103, 2104])
    );

    let (samples, records) = formats(Corpus::Flows);
    assert_eq!(samples.keys().copied().collect::<Vec<_>>(), [sample(1)]);
    let flows = samples[&sample(1)];
    assert_eq!(
        [records[&sample(1)], records[&sample(1001)]],
        [flows, flows]
    );
    assert!((10..20).contains(&(records[&sample(1002)] * 100 / flows)));
    assert!((3..8).contains(&(records[&sample(1003)] * 100 / flows)));

    let (samples, _) = formats(Corpus::Mixed);
    let numbers = [1, 2, 3, 4].map(sample);
    assert!(samples.keys().eq(&numbers), "{samples:?}");
}

#[test]
fn all_agents_send() {
    let mut sources: Vec<_> = Corpus::Mixed
        .datagrams(1)
        .take(500)
        .map(|sent| sent.source)
        .collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources.len(), usize::from(AGENTS));
}
