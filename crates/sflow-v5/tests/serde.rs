//! `serde::Serialize`, in the specification's names.
#![cfg(feature = "serde")]

#[allow(dead_code, reason = "each test uses its part")]
mod capture;

use std::fs;

use serde_json::{Value as Json, json};
use sflow_v5::Datagram;

#[test]
fn a_counters_sample() {
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
fn a_flow_sample_with_an_unknown_record() {
    let gateway = "00000001c00002010000fde80000fde90000fdea0000000200000002000000020000fdf20000fdf3\
        00000001000000010000fdf400000001fde8029a00000064";
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
                {"format": "0:1003", "bytes": gateway},
            ],
        }])
    );
}

#[test]
fn what_was_not_sent_is_not_there() {
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
fn what_is_malformed_says_why() {
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

fn json_of(input: &str) -> Json {
    let path = capture::testdata("corpus/datagram")
        .join(input)
        .with_extension("bin");
    let bytes = fs::read(path).unwrap();
    serde_json::to_value(Datagram::parse(&bytes).unwrap()).unwrap()
}
