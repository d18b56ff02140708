//! Every kind of sample, valid and damaged, and combinations of them.

use super::Seeds;
use super::wire::{
    COUNTERS, DISCARDED, FLOW, RTFLOW, RTMETRIC, WRAPPER, counted, datagram, frame, good, long,
    switch, text, u32s, virt_cpu,
};

pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut keep = |name: String, bytes: Vec<u8>| assert!(seeds.insert(name, bytes).is_none());
    for (name, format, body) in [
        ("discarded-packet", 5, DISCARDED.body(1, &[switch()])),
        ("rtmetric", RTMETRIC, rtmetric()),
        ("rtflow", RTFLOW, rtflow()),
        ("foundry-acl", WRAPPER, u32s(&[1, 2])),
    ] {
        // A wrapper is not counted.
        let between = |sample: Vec<u8>| match format {
            WRAPPER => counted(2, &[good(), sample, good()]),
            _ => datagram(&[good(), sample, good()]),
        };
        let length = u32::try_from(body.len()).unwrap();
        keep(format!("sample-{name}"), between(frame(format, &body)));
        for (what, length) in [
            ("max", u32::MAX),
            ("rounds-up-to-zero", u32::MAX - 3),
            ("parent-plus-1", length + 1),
            ("parent-plus-4", length + 4),
        ] {
            let last = long(format, length, &body);
            keep(
                format!("length-of-sample-{what}-{name}"),
                datagram(&[good(), last]),
            );
        }
        let bad = |bytes: &[u8]| datagram(&[good(), frame(format, bytes), good()]);
        keep(format!("length-of-sample-zero-{name}"), bad(&[]));
        keep(
            format!("sample-too-short-for-its-fixed-part-{name}"),
            bad(&body[..4]),
        );
        let longer = [&body[..], &[0xff; 5]].concat();
        if format != WRAPPER {
            keep(format!("left-over-in-the-sample-{name}"), bad(&longer));
        }
    }
    for (name, body) in broken_values() {
        let (format, body) = body;
        keep(
            name.into(),
            datagram(&[good(), frame(format, &body), good()]),
        );
    }
    for (name, count) in [
        ("max", u32::MAX),
        ("one-more", 2),
        ("2-29-plus-1", (1 << 29) + 1),
    ] {
        let sample = DISCARDED.counted(count, &[switch()]);
        let bytes = datagram(&[good(), sample, good()]);
        keep(format!("count-of-records-{name}-discarded-packet"), bytes);
    }
    for (name, bytes) in wrappers() {
        keep(format!("wrapper-{name}"), bytes);
    }
    for (name, bytes) in records() {
        keep(name.into(), bytes);
    }
    seeds
}

/// All types of values.
fn rtmetric() -> Vec<u8> {
    metrics(&[
        named("text", 0, &text(b"up")),
        named("counter32", 1, &u32s(&[5])),
        named("counter64", 2, &u32s(&[1, 2])),
        named("gauge32", 3, &u32s(&[u32::MAX])),
        named("gauge64", 4, &u32s(&[0, 7])),
        named("float", 5, &2.5_f32.to_be_bytes()),
        named("double", 6, &f64::NEG_INFINITY.to_be_bytes()),
    ])
}

fn metrics(values: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(values.len()).unwrap();
    [text(b"app"), u32s(&[count]), values.concat()].concat()
}

fn rtflow() -> Vec<u8> {
    flow(&[
        named("text", 0, &text(b"tcp")),
        named("mac", 1, &[2, 0, 0x5e, 0, 0, 1, 0xff, 0xff]),
        named("ip", 2, &[10, 0, 0, 1]),
        named("ip6", 3, &[0x20; 16]),
        named("int32", 4, &u32s(&[u32::MAX])),
        named("int64", 5, &u32s(&[u32::MAX, 0])),
        named("float", 6, &f32::NAN.to_be_bytes()),
        named("double", 7, &0.1_f64.to_be_bytes()),
    ])
}

fn flow(values: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(values.len()).unwrap();
    [text(b"fl1"), u32s(&[1, 100, count]), values.concat()].concat()
}

fn named(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [text(name.as_bytes()), u32s(&[kind]), value.to_vec()].concat()
}

/// Samples with named values, one of which is malformed.
fn broken_values() -> Vec<(&'static str, (u32, Vec<u8>))> {
    let a = || named("a", 1, &u32s(&[1]));
    let between = |bad: Vec<u8>| (RTMETRIC, metrics(&[a(), bad, a()]));
    let count = |count| (RTMETRIC, [text(b"app"), u32s(&[count]), a()].concat());
    let flow_count = |count| {
        let head = [text(b"fl1"), u32s(&[1, 100, count])].concat();
        (RTFLOW, [head, named("a", 4, &u32s(&[1]))].concat())
    };
    let long_name = |length| [u32s(&[length]), b"name".to_vec(), u32s(&[1, 1])].concat();
    let long_text = |length| [text(b"t"), u32s(&[0, length]), b"text".to_vec()].concat();
    vec![
        ("count-of-metrics-max", count(u32::MAX)),
        ("count-of-metrics-wraps", count(u32::MAX / 12 + 1)),
        ("count-of-metrics-one-more", count(2)),
        ("count-of-metrics-zero", count(0)),
        ("count-of-flow-fields-max", flow_count(u32::MAX)),
        ("count-of-flow-fields-wraps", flow_count(u32::MAX / 12 + 1)),
        ("count-of-flow-fields-one-more", flow_count(2)),
        (
            "value-type-7-of-rtmetric",
            between(named("b", 7, &u32s(&[1]))),
        ),
        (
            "value-type-max-of-rtmetric",
            between(named("b", u32::MAX, &u32s(&[1]))),
        ),
        (
            "value-type-8-of-rtflow",
            (RTFLOW, flow(&[named("b", 8, &u32s(&[1])), a()])),
        ),
        ("length-of-value-name-max", between(long_name(u32::MAX))),
        (
            "length-of-value-name-rounds-up-to-zero",
            between(long_name(u32::MAX - 3)),
        ),
        (
            "length-of-value-name-over-the-sample",
            between(long_name(29)),
        ),
        ("length-of-value-text-max", between(long_text(u32::MAX))),
        (
            "length-of-value-text-over-the-sample",
            between(long_text(21)),
        ),
        (
            "length-of-datasource-over-the-sample",
            (RTMETRIC, [u32s(&[17]), metrics(&[])].concat()),
        ),
        (
            "value-name-not-utf-8-nul-and-html",
            (
                RTMETRIC,
                metrics(&[
                    [text(b"\xff\0<b>\x1b[2J"), u32s(&[1, 1])].concat(),
                    [text(b""), u32s(&[1, 1])].concat(),
                ]),
            ),
        ),
        (
            "value-cut-in-a-double",
            (RTMETRIC, metrics(&[named("d", 6, &u32s(&[1]))])),
        ),
        (
            "padding-missing-at-the-end-value-text",
            (
                RTFLOW,
                flow(&[[text(b"t"), u32s(&[0, 3]), b"tcp".to_vec()].concat()]),
            ),
        ),
        (
            "value-float-nan",
            between(named("n", 5, &[0x7f, 0xa0, 0, 1])),
        ),
        ("value-counter-all-ones", between(named("c", 2, &[0xff; 8]))),
    ]
}

/// Samples inside and after wrappers.
fn wrappers() -> Vec<(&'static str, Vec<u8>)> {
    let sample = FLOW.sample(&[switch()]);
    let around = |inside: &[u8]| frame(WRAPPER, &[&u32s(&[1, 2]), inside].concat());
    let bare = frame(WRAPPER, &u32s(&[1, 2]));
    let unpadded = long(999, 5, b"five!")[..13].to_vec();
    vec![
        ("around-a-sample", counted(2, &[around(&sample), good()])),
        (
            "before-a-sample",
            counted(2, &[bare.clone(), sample.clone(), good()]),
        ),
        (
            "around-a-wrapper-around-a-sample",
            counted(2, &[around(&around(&sample)), good()]),
        ),
        (
            "before-a-wrapper-before-a-sample",
            counted(1, &[bare.clone(), bare.clone(), good()]),
        ),
        (
            "around-a-sample-without-its-padding",
            counted(2, &[around(&unpadded), good()]),
        ),
        ("around-a-sample-that-is-longer", {
            let longer = long(1, u32::try_from(sample.len()).unwrap(), &sample[8..]);
            counted(2, &[around(&longer), good()])
        }),
        ("around-a-sample-that-is-shorter", {
            counted(2, &[around(&[&sample[..], &[0; 4]].concat()), good()])
        }),
        (
            "around-left-over-bytes",
            counted(1, &[around(&[1, 2, 3, 4])]),
        ),
        (
            "around-left-over-bytes-before-a-sample",
            counted(2, &[around(&[1; 4]), sample, good()]),
        ),
        (
            "around-a-malformed-sample",
            counted(2, &[around(&frame(1, &[0; 8])), good()]),
        ),
        ("without-a-sample", counted(1, std::slice::from_ref(&bare))),
        (
            "behind-the-last-sample",
            counted(1, &[good(), bare.clone()]),
        ),
        ("100-times", counted(1, &[bare.repeat(100), good()])),
        ("of-4-bytes", counted(2, &[frame(WRAPPER, &[0; 4]), good()])),
        (
            "in-a-datagram-that-is-cut",
            counted(1, &[bare, vec![0, 0, 0]]),
        ),
    ]
}

/// Repeated, contradicting and nested records, and numbers at their limits.
fn records() -> Vec<(&'static str, Vec<u8>)> {
    let header = |protocol: u32, length: u32, bytes: &[u8]| {
        frame(1, &[u32s(&[protocol, length, 4]), text(bytes)].concat())
    };
    let descr = |name: &[u8]| {
        let body = [text(name), vec![7; 16], u32s(&[3, 2]), text(b"6.1")].concat();
        frame(2000, &body)
    };
    let flow = |records: &[Vec<u8>]| datagram(&[FLOW.sample(records), good()]);
    let counters = |records: &[Vec<u8>]| datagram(&[COUNTERS.sample(records), good()]);
    let pdu = |records: &[Vec<u8>]| {
        let count = u32::try_from(records.len()).unwrap();
        [u32s(&[count]), records.concat()].concat()
    };
    let aggregation = |pdus: &[Vec<u8>]| {
        let count = u32::try_from(pdus.len()).unwrap();
        frame(1016, &[u32s(&[count]), pdus.concat()].concat())
    };
    let deep = |levels: usize| (0..levels).fold(switch(), |inner, _| aggregation(&[pdu(&[inner])]));
    let path = |segments: u32, numbers: u32| {
        let head = u32s(&[0, 65_000, 1, 2, segments, 2, numbers]);
        frame(1003, &[head, u32s(&[65_001, 65_002, 0, 100])].concat())
    };
    let all_ones = |format: u32, count: usize| frame(format, &vec![0xff; count * 4]);
    vec![
        (
            "two-sampled-headers",
            flow(&[header(1, 64, &[1; 14]), header(11, 1500, &[0x45; 20])]),
        ),
        (
            "two-host-descr",
            counters(&[descr(b"web.1"), virt_cpu(), descr(b"web.2")]),
        ),
        (
            "flow-record-in-a-counters-sample",
            counters(&[switch(), header(1, 64, &[1; 14]), virt_cpu()]),
        ),
        (
            "header-protocol-unknown",
            flow(&[header(999, 64, &[1; 14]), switch()]),
        ),
        (
            "header-protocol-max",
            flow(&[header(u32::MAX, 64, &[1; 14]), switch()]),
        ),
        (
            "sampled-header-empty",
            flow(&[header(1, 64, &[]), switch()]),
        ),
        (
            "sampled-header-of-13-bytes",
            flow(&[header(1, 64, &[1; 13]), switch()]),
        ),
        ("frame-length-max", flow(&[header(1, u32::MAX, &[1; 14])])),
        ("sampling-rate-zero", {
            let mut sample = FLOW.sample(&[header(1, 1500, &[1; 14])]);
            sample[16..20].fill(0);
            datagram(&[sample])
        }),
        ("sampling-rate-max", {
            let mut sample = FLOW.sample(&[header(1, u32::MAX, &[1; 14])]);
            sample[16..20].fill(0xff);
            datagram(&[sample])
        }),
        ("if-counters-all-ones", counters(&[all_ones(1, 22)])),
        ("virt-cpu-all-ones", counters(&[all_ones(2101, 3)])),
        ("host-cpu-infinite-load", {
            let loads = [f32::INFINITY, f32::NEG_INFINITY, -0.0].map(f32::to_bits);
            counters(&[frame(2003, &[u32s(&loads), vec![0; 68]].concat())])
        }),
        ("drop-reason-unknown", {
            let mut sample = DISCARDED.sample(&[switch()]);
            sample[32..36].copy_from_slice(&9999_u32.to_be_bytes());
            datagram(&[sample, good()])
        }),
        ("as-path-of-many-empty-segments", {
            let head = u32s(&[0, 1, 1, 1, 40]);
            let segments = u32s(&[1, 0].repeat(40));
            flow(&[
                frame(1003, &[head, segments, u32s(&[0, 100])].concat()),
                switch(),
            ])
        }),
        (
            "as-path-count-of-segments-2-31",
            flow(&[path(1 << 31, 2), switch()]),
        ),
        (
            "as-path-count-of-segments-2-28",
            flow(&[path(1 << 28, 2), switch()]),
        ),
        (
            "as-path-count-of-numbers-2-31",
            flow(&[path(1, 1 << 31), switch()]),
        ),
        (
            "as-path-count-of-numbers-2-28",
            flow(&[path(1, 1 << 28), switch()]),
        ),
        ("aggregation-8-deep", flow(&[deep(8), switch()])),
        ("aggregation-9-deep", flow(&[deep(9), switch()])),
        ("aggregation-10-deep", flow(&[deep(10), switch()])),
        ("aggregation-100-deep", flow(&[deep(100), switch()])),
        (
            "aggregation-of-empty-frames",
            flow(&[aggregation(&vec![pdu(&[]); 100]), switch()]),
        ),
        ("aggregation-with-a-broken-record", {
            let broken = frame(1002, &u32s(&[7, 0, 0]));
            flow(&[aggregation(&[pdu(&[switch(), broken, switch()])]), switch()])
        }),
        ("aggregation-with-a-record-over-its-end", {
            let longer = long(1001, 20, &[0; 16]);
            flow(&[aggregation(&[pdu(&[switch(), longer])]), switch()])
        }),
        ("aggregation-with-a-broken-aggregation", {
            let inner = frame(1016, &u32s(&[1, 9, 0, 0]));
            flow(&[aggregation(&[pdu(&[inner, switch()])]), switch()])
        }),
        ("aggregation-hides-deep-ones-behind-a-broken-count", {
            let hidden = [u32s(&[u32::MAX]), deep(9)].concat();
            flow(&[
                aggregation(&[pdu(&[frame(1016, &[u32s(&[1]), hidden].concat())])]),
                switch(),
            ])
        }),
        ("one-record-of-every-kind-of-sample", {
            datagram(&[
                FLOW.sample(&[switch()]),
                COUNTERS.sample(&[virt_cpu()]),
                DISCARDED.sample(&[switch()]),
                frame(RTMETRIC, &rtmetric()),
                frame(RTFLOW, &rtflow()),
            ])
        }),
    ]
}
