//! The longest datagrams, each with the most work of its kind.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sflow_fuzz::{check_datagram, check_packet, check_round_trip};

const LONGEST: usize = 65_507;

#[test]
fn empty_records() {
    for format in [0, 1001, 2101] {
        check(&flow_sample(&u32s(&[format, 0]).repeat(8_000)));
    }
    check(&flow_sample(&u32s(&[1001, 0, 1016, 0]).repeat(4_000)));
}

#[test]
fn empty_samples() {
    for format in [1, 5, 999, 1991 << 12 | 1, 4300 << 12 | 1002] {
        let samples = u32s(&[format, 0]).repeat(8_000);
        check(&datagram(8_000, &samples));
    }
    let wrappers = u32s(&[1991 << 12 | 1, 8, 0, 0]).repeat(4_000);
    check(&datagram(1, &wrappers));
}

#[test]
fn lists() {
    let count = 16_000;
    let empty = u32s(&[0]).repeat(16_000);
    check(&flow_sample(&record(
        1016,
        &[u32s(&[count]), empty.clone()].concat(),
    )));
    check(&flow_sample(&record(
        1012,
        &[u32s(&[count]), empty.clone()].concat(),
    )));
    let segments = [u32s(&[0, 0, 0, 0, 8_000]), empty.clone(), u32s(&[0, 0])].concat();
    check(&flow_sample(&record(1003, &segments)));
    let values = [u32s(&[0, 5_000]), u32s(&[0, 1, 7]).repeat(5_000)].concat();
    check(&datagram(1, &record(4300 << 12 | 1002, &values)));
}

#[test]
fn nested_aggregations() {
    let deep = (0..3_000).fold(Vec::new(), |inside, _| {
        record(
            1016,
            &[u32s(&[1, u32::from(!inside.is_empty())]), inside].concat(),
        )
    });
    check(&flow_sample(&deep));
    let wide = (0..8).fold(u32s(&[1001, 0]), |inside, _| {
        let frames = [u32s(&[1]), inside].concat().repeat(3);
        record(1016, &[u32s(&[3]), frames].concat())
    });
    check(&flow_sample(&wide[..wide.len().min(60_000)]));
}

#[test]
fn longest_name() {
    let name = [u32s(&[65_000]), vec![b'<'; 65_000]].concat();
    check(&flow_sample(&record(1038, &name)));
}

#[test]
fn random_bytes() {
    let mut bytes = vec![0; LONGEST];
    Xoshiro256PlusPlus::seed_from_u64(1).fill_bytes(&mut bytes);
    check_packet(&bytes);
    check(&bytes);
    // Also with a valid datagram header, and as a valid sample.
    bytes[..8].copy_from_slice(&u32s(&[5, 1]));
    check(&bytes);
    bytes[24..36].copy_from_slice(&u32s(&[1, 1, 65_000]));
    check(&bytes);
}

fn check(datagram: &[u8]) {
    assert!(datagram.len() <= LONGEST, "{} bytes", datagram.len());
    check_datagram(datagram);
    check_round_trip(datagram);
}

/// A datagram with a flow sample of the maximum length.
fn flow_sample(records: &[u8]) -> Vec<u8> {
    let body = [u32s(&[1, 1, 400, 4000, 0, 1, 2, 20_000]), records.to_vec()].concat();
    datagram(1, &record(1, &body))
}

fn datagram(count: u32, samples: &[u8]) -> Vec<u8> {
    [
        u32s(&[5, 1, 0x0a00_0001, 0, 1, 1000, count]),
        samples.to_vec(),
    ]
    .concat()
}

fn record(format: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [u32s(&[format, length]), body.to_vec()].concat()
}

fn u32s(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
