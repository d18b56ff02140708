//! `serde::Serialize`, with the specification's names.
#![cfg(feature = "serde")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod arbitrary;
#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;
#[allow(dead_code, reason = "each test uses a part of it")]
mod record;

use std::collections::BTreeSet;
use std::fs;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};
use sflow_v5::{DataFormat, Datagram};

use arbitrary::structures;
use record::Space;

#[test]
fn counters_sample_is_serialised() {
    let expected = json!({
        "format": "0:4",
        "name": "counters_sample_expanded",
        "sequence_number": 1,
        "source_id": {"kind": 3, "index": 138_618},
        "records": [
            {"format": "0:2001", "name": "host_adapters", "fields": {"adapters": []}},
            {"format": "0:2103", "name": "virt_disk_io", "fields": {
                "capacity": 0, "allocation": 0, "available": 0, "rd_req": 0, "rd_bytes": 0,
                "wr_req": 0, "wr_bytes": 0, "errs": 0,
            }},
            {"format": "0:2102", "name": "virt_memory", "fields": {
                "memory": 0, "maxMemory": 67_108_864,
            }},
            {"format": "0:2101", "name": "virt_cpu", "fields": {
                "state": 4, "cpuTime": 0, "nrVirtCpu": 2,
            }},
            {"format": "0:2104", "name": "virt_net_io", "fields": {
                "rx_bytes": 0, "rx_packets": 0, "rx_errs": 0, "rx_drop": 0,
                "tx_bytes": 0, "tx_packets": 0, "tx_errs": 0, "tx_drop": 0,
            }},
            {"format": "0:2002", "name": "host_parent", "fields": {
                "container_type": 2, "container_index": 1,
            }},
            {"format": "0:2000", "name": "host_descr", "fields": {
                "hostname": "web.1", "uuid": "4c1a8f97-8f36-e1e7-c558-06010454d08e",
                "machine_type": 3, "os_name": 2, "os_release": "6.18.44-fc-v669",
            }},
        ],
    });
    assert_eq!(
        json_of("vector-4-killed-container"),
        json!({
            "agent_address": "127.0.0.1",
            "sub_agent_id": 100_001,
            "sequence_number": 7,
            "uptime": 21_179,
            "samples": [expected],
        })
    );
}

#[test]
fn flow_sample_is_serialised() {
    let header = "02000000000102000000000208004500002e00000000401100000a0000010a0000020035003500\
        12abcd787878";
    assert_eq!(
        json_of("vector-1-compact-flow")["samples"],
        json!([{
            "format": "0:1",
            "name": "flow_sample",
            "sequence_number": 1,
            "source_id": {"kind": 0, "index": 3},
            "sampling_rate": 1000,
            "sample_pool": 5000,
            "drops": 0,
            "input": {"format": 0, "value": 1},
            "output": {"format": 0, "value": 2},
            "records": [
                {"format": "0:1", "name": "sampled_header", "fields": {
                    "protocol": 1, "frame_length": 64, "stripped": 4, "header": header,
                }},
                {"format": "0:1001", "name": "extended_switch", "fields": {
                    "src_vlan": 10, "src_priority": 0, "dst_vlan": 20, "dst_priority": u32::MAX,
                }},
                {"format": "0:1003", "name": "extended_gateway", "fields": {
                    "nexthop": "192.0.2.1", "as": 65_000, "src_as": 65_001, "src_peer_as": 65_002,
                    "dst_as_path": [
                        {"type": 2, "as_number": [65_010, 65_011]},
                        {"type": 1, "as_number": [65_012]},
                    ],
                    "communities": [4_259_840_666_u32], "localpref": 100,
                }},
            ],
        }])
    );
}

#[test]
fn discarded_packet_is_serialised() {
    let sample = &json_of("vector-2-discarded-packet")["samples"][0];
    assert_eq!(
        (&sample["format"], &sample["name"]),
        (&json!("0:5"), &json!("discarded_packet"))
    );
    assert_eq!(
        (
            &sample["reason"],
            &sample["inputifindex"],
            &sample["outputifindex"]
        ),
        (&json!(279), &json!(3), &json!(0))
    );
    let trap = json!({
        "format": "0:1041",
        "name": "extended_hw_trap",
        "fields": {"group": "l3_drops", "trap": "unresolved_neigh"},
    });
    assert_eq!(sample["records"][0], trap);
}

#[test]
fn application_samples_are_serialised() {
    let samples = &json_of("vector-5-rtmetric-rtflow")["samples"];
    let expected = json!([
        {
            "format": "4300:1002",
            "name": "rtmetric",
            "datasource": "app1",
            "metrics": [
                {"name": "m1", "type": "counter32", "value": 5},
                {"name": "g", "type": "double", "value": 2.5},
            ],
        },
        {
            "format": "4300:1003",
            "name": "rtflow",
            "datasource": "fl1",
            "sampling_rate": 1,
            "sample_pool": 0,
            "fields": [{"name": "proto", "type": "string", "value": "tcp"}],
        },
    ]);
    assert_eq!(samples, &expected);
}

#[test]
fn structures_are_serialised_with_specified_names() {
    let catalogue = fs::read_to_string(capture::testdata("structures.json")).unwrap();
    let catalogue: Json = serde_json::from_str(&catalogue).unwrap();
    let mut runner = TestRunner::deterministic();
    for structure in structures() {
        let bytes = structure.bytes.new_tree(&mut runner).unwrap().current();
        let json = json_of_record(structure.space, structure.format, &bytes);
        let list = match structure.space {
            Space::Flow => "flow_records",
            Space::Counters => "counter_records",
        };
        let number = structure.format.to_string();
        let lines = catalogue[list].as_array().unwrap();
        let line = lines
            .iter()
            .find(|line| format!("{}:{}", line["enterprise"], line["format"]) == number)
            .unwrap();
        assert_eq!(
            (&json["format"], &json["name"]),
            (&json!(number), &line["name"])
        );
        let fields = line["fields"].as_array().unwrap();
        let names: BTreeSet<_> = fields
            .iter()
            .map(|field| field["name"].as_str().unwrap())
            .collect();
        let ours = json["fields"].as_object().unwrap();
        let ours: BTreeSet<_> = ours.keys().map(String::as_str).collect();
        assert_eq!(ours, names, "{number}");
    }
}

#[test]
fn absent_field_is_omitted() {
    let records = &json_of("vector-3-expanded-counters")["samples"][0]["records"];
    let cpu = &records[2]["fields"];
    assert_eq!(
        (&cpu["contexts"], &cpu["load_one"]),
        (&json!(90), &json!(0.5))
    );
    assert_eq!(cpu.get("cpu_steal"), None);
    assert_eq!(cpu.as_object().unwrap().len(), 17);
}

#[test]
fn malformed_record_is_serialised_with_its_error() {
    let records = &json_of("record-1-short-of-its-fixed-part")["samples"][0]["records"];
    assert_eq!(
        records[1],
        json!({
            "format": "0:2102",
            "bytes": "000000000000000100000000000000",
            "error": "virt_memory.maxMemory at byte 8: 8 bytes needed, 7 available",
        })
    );
}

fn json_of_record(space: Space, format: DataFormat, bytes: &[u8]) -> Json {
    let datagram = record::sample_with(space, format, bytes);
    let json = serde_json::to_value(Datagram::parse(&datagram).unwrap()).unwrap();
    json["samples"][0]["records"][0].clone()
}

fn json_of(input: &str) -> Json {
    let path = capture::testdata("corpus/datagram")
        .join(input)
        .with_extension("bin");
    let bytes = fs::read(path).unwrap();
    serde_json::to_value(Datagram::parse(&bytes).unwrap()).unwrap()
}
