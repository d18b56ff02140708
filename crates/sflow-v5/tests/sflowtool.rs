//! Comparison with sflowtool over both captures: every sample, every record and every field that
//! both have must be equal.

#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;

use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use sflow_v5::field::{Field, Value};
use sflow_v5::types::List;
use sflow_v5::{
    CounterRecord, CountersSample, Datagram, FlowRecord, FlowSample, Interface, Mac, Sample,
};

/// Names of fields that differ from the specification's.
const RENAMED: &[(&str, &[(&str, &str)])] = &[
    ("if_counters", &[("networkType", "ifType")]),
    (
        "of_port",
        &[
            ("openflow_datapath_id", "datapath_id"),
            ("openflow_port", "port_no"),
        ],
    ),
    ("port_name", &[("ifName", "name")]),
    ("host_descr", &[("UUID", "uuid")]),
    ("host_adapters", &[("adaptor_list", "adapters")]),
    (
        "host_parent",
        &[
            ("parent_dsClass", "container_type"),
            ("parent_dsIndex", "container_index"),
        ],
    ),
    (
        "host_cpu",
        &[
            ("cpu_load_one", "load_one"),
            ("cpu_load_five", "load_five"),
            ("cpu_load_fifteen", "load_fifteen"),
            ("cpu_proc_run", "proc_run"),
            ("cpu_proc_total", "proc_total"),
            ("cpu_uptime", "uptime"),
            ("cpuintr", "cpu_intr"),
            ("cpuinterrupts", "interrupts"),
            ("cpu_contexts", "contexts"),
        ],
    ),
    (
        "host_disk_io",
        &[
            ("disk_partition_max_used", "part_max_used"),
            ("disk_reads", "reads"),
            ("disk_bytes_read", "bytes_read"),
            ("disk_read_time", "read_time"),
            ("disk_writes", "writes"),
            ("disk_bytes_written", "bytes_written"),
            ("disk_write_time", "write_time"),
        ],
    ),
    (
        "host_net_io",
        &[
            ("nio_bytes_in", "bytes_in"),
            ("nio_pkts_in", "pkts_in"),
            ("nio_errs_in", "errs_in"),
            ("nio_drops_in", "drops_in"),
            ("nio_bytes_out", "bytes_out"),
            ("nio_pkts_out", "pkts_out"),
            ("nio_errs_out", "errs_out"),
            ("nio_drops_out", "drops_out"),
        ],
    ),
    ("mib2_tcp_group", &[("tcpInCsumErrors", "tcpInCsumErrs")]),
    (
        "virt_node",
        &[
            ("vnode_mhz", "mhz"),
            ("vnode_cpus", "cpus"),
            ("vnode_memory", "memory"),
            ("vnode_memory_free", "memory_free"),
            ("vnode_num_domains", "num_domains"),
        ],
    ),
    (
        "virt_cpu",
        &[
            ("vcpu_state", "state"),
            ("vcpu_cpu_mS", "cpuTime"),
            ("vcpu_cpuCount", "nrVirtCpu"),
        ],
    ),
    (
        "virt_memory",
        &[("vmem_memory", "memory"), ("vmem_maxMemory", "maxMemory")],
    ),
    (
        "virt_disk_io",
        &[
            ("vdsk_capacity", "capacity"),
            ("vdsk_allocation", "allocation"),
            ("vdsk_available", "available"),
            ("vdsk_rd_req", "rd_req"),
            ("vdsk_rd_bytes", "rd_bytes"),
            ("vdsk_wr_req", "wr_req"),
            ("vdsk_wr_bytes", "wr_bytes"),
            ("vdsk_errs", "errs"),
        ],
    ),
    (
        "virt_net_io",
        &[
            ("vnio_bytes_in", "rx_bytes"),
            ("vnio_pkts_in", "rx_packets"),
            ("vnio_errs_in", "rx_errs"),
            ("vnio_drops_in", "rx_drop"),
            ("vnio_bytes_out", "tx_bytes"),
            ("vnio_pkts_out", "tx_packets"),
            ("vnio_errs_out", "tx_errs"),
            ("vnio_drops_out", "tx_drop"),
        ],
    ),
    (
        "app_resources",
        &[
            ("memory_used", "mem_used"),
            ("memory_max", "mem_max"),
            ("files_open", "fd_open"),
            ("files_max", "fd_max"),
            ("connections_open", "conn_open"),
            ("connections_max", "conn_max"),
        ],
    ),
    (
        "ovs_dp_stats",
        &[
            ("OVS_dp_hits", "hits"),
            ("OVS_dp_misses", "misses"),
            ("OVS_dp_lost", "lost"),
            ("OVS_dp_mask_hits", "mask_hits"),
            ("OVS_dp_flows", "flows"),
            ("OVS_dp_masks", "masks"),
        ],
    ),
    (
        "sampled_header",
        &[
            ("headerProtocol", "protocol"),
            ("sampledPacketSize", "frame_length"),
            ("strippedBytes", "stripped"),
            ("headerBytes", "header"),
        ],
    ),
    (
        "extended_switch",
        &[
            ("in_vlan", "src_vlan"),
            ("in_priority", "src_priority"),
            ("out_vlan", "dst_vlan"),
            ("out_priority", "dst_priority"),
        ],
    ),
    ("extended_timestamp", &[("timestamp_nS", "nanoseconds")]),
];

/// Fields that sflowtool prints in addition to those of the record: its own tags, and the
/// dissected packet.
const NOT_A_FIELD: &[&str] = &[
    "counterBlock_tag",
    "flowBlock_tag",
    "flowSampleType",
    "extendedType",
    "dstMAC",
    "srcMAC",
    "ethernet_type",
    "IPSize",
    "ip.tot_len",
    "srcIP",
    "dstIP",
    "IPProtocol",
    "IPTOS",
    "IPTTL",
    "IPID",
    "TCPSrcPort",
    "TCPDstPort",
    "TCPFlags",
    "UDPSrcPort",
    "UDPDstPort",
    "UDPBytes",
];

#[test]
fn host_sflow_capture_equals_sflowtool() {
    let all = Compared {
        datagrams: 1448,
        samples: 8860,
        records: 18_468,
        fields: 53_978,
    };
    assert_eq!(compare("hsflowd-swarm"), all);
}

#[test]
fn open_vswitch_capture_equals_sflowtool() {
    let all = Compared {
        datagrams: 106,
        samples: 581,
        records: 1_214,
        fields: 5_429,
    };
    assert_eq!(compare("openvswitch"), all);
}

#[derive(Debug, Default, PartialEq)]
struct Compared {
    datagrams: usize,
    samples: usize,
    records: usize,
    fields: usize,
}

fn compare(capture: &str) -> Compared {
    let oracle = capture::testdata("captures").join(format!("{capture}.sflowtool.jsonl.gz"));
    let lines = BufReader::new(GzDecoder::new(File::open(oracle).unwrap())).lines();
    let theirs: Vec<Json> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    let ours = capture::datagrams(capture);
    assert_eq!(ours.len(), theirs.len());

    let mut compared = Compared::default();
    for (bytes, theirs) in ours.iter().zip(&theirs) {
        let ours = Datagram::parse(bytes).unwrap();
        assert_eq!(ours.validate(), Ok(()));
        equal(&theirs["datagramSize"], bytes.len());
        equal(&theirs["datagramVersion"], 5);
        equal(&theirs["agent"], ours.header.agent_address);
        equal(&theirs["agentSubId"], ours.header.sub_agent_id);
        equal(&theirs["packetSequenceNo"], ours.header.sequence_number);
        equal(&theirs["sysUpTime"], ours.header.uptime);
        let samples = theirs["samples"].as_array().unwrap();
        equal(&theirs["samplesInPacket"], samples.len());
        assert_eq!(ours.samples().count(), samples.len());
        for (ours, theirs) in ours.samples().zip(samples) {
            equal(&theirs["sampleType_tag"], ours.format());
            let elements = theirs["elements"].as_array().unwrap();
            match ours {
                Sample::Counters(ours) => counters_sample(&ours, theirs, elements, &mut compared),
                Sample::Flow(ours) => flow_sample(&ours, theirs, elements, &mut compared),
                other => panic!("{other:?}"),
            }
            compared.samples += 1;
        }
        compared.datagrams += 1;
    }
    compared
}

fn counters_sample(
    ours: &CountersSample<'_>,
    theirs: &Json,
    elements: &[Json],
    compared: &mut Compared,
) {
    equal(&theirs["sampleSequenceNo"], ours.sequence_number);
    equal(&theirs["sourceId"], ours.source_id);
    assert_eq!(ours.records().count(), elements.len());
    for (ours, theirs) in ours.records().zip(elements) {
        equal(&theirs["counterBlock_tag"], ours.format());
        if let CounterRecord::HostAdapters(adapters) = ours {
            let theirs = theirs["adaptor_list"].as_array().unwrap();
            assert_eq!(adapters.adapters.len(), theirs.len());
            for (ours, theirs) in adapters.adapters.into_iter().zip(theirs) {
                equal(&theirs["ifIndex"], ours.if_index);
                macs(ours.mac_address, theirs["mac_list"].as_array().unwrap());
            }
        }
        record(
            ours.name().unwrap(),
            ours.fields(),
            |i| ours.field(i),
            theirs,
            compared,
        );
    }
}

fn flow_sample(ours: &FlowSample<'_>, theirs: &Json, elements: &[Json], compared: &mut Compared) {
    equal(&theirs["sampleSequenceNo"], ours.sequence_number);
    equal(&theirs["sourceId"], ours.source_id);
    equal(&theirs["meanSkipCount"], ours.sampling_rate);
    equal(&theirs["samplePool"], ours.sample_pool);
    equal(&theirs["dropEvents"], ours.drops);
    equal(&theirs["inputPort"], port(ours.input));
    equal(&theirs["outputPort"], port(ours.output));
    assert_eq!(ours.records().count(), elements.len());
    for (ours, theirs) in ours.records().zip(elements) {
        equal(&theirs["flowBlock_tag"], ours.format());
        if let FlowRecord::SampledHeader(header) = ours {
            equal(&theirs["headerLen"], header.header.len());
        }
        record(
            ours.name().unwrap(),
            ours.fields(),
            |i| ours.field(i),
            theirs,
            compared,
        );
    }
}

/// Both have the same fields with equal values.
fn record<'a>(
    name: &str,
    fields: &[Field],
    value: impl Fn(usize) -> Value<'a>,
    theirs: &Json,
    compared: &mut Compared,
) {
    let renamed = RENAMED.iter().find(|(structure, _)| *structure == name);
    let renamed = renamed.map_or(&[][..], |(_, pairs)| pairs);
    let mut seen = 0;
    for (their_name, theirs) in theirs.as_object().unwrap() {
        if NOT_A_FIELD.contains(&their_name.as_str())
            || (name == "sampled_header" && their_name == "headerLen")
        {
            continue;
        }
        let our_name = renamed.iter().find(|(theirs, _)| theirs == their_name);
        let our_name = our_name.map_or(their_name.as_str(), |(_, ours)| ours);
        let index = fields.iter().position(|field| field.name == our_name);
        let index = index.unwrap_or_else(|| panic!("{name} has no field {our_name}"));
        if let Some(ours) = printed(name, our_name, value(index)) {
            assert_eq!(theirs, &Json::String(ours), "{name}.{our_name}");
        }
        seen += 1;
    }
    assert_eq!(
        seen,
        fields.len(),
        "fields of {name} that sflowtool does not print"
    );
    compared.fields += seen;
    compared.records += 1;
}

/// A value as sflowtool prints it; `None` for lists, which are compared separately.
fn printed(structure: &str, field: &str, value: Value<'_>) -> Option<String> {
    Some(match value {
        // Printed as eight bytes in hexadecimal digits.
        Value::Unsigned(number) if field == "datapath_id" => format!("{number:016x}"),
        Value::Unsigned(number) => number.to_string(),
        // Hundredths of a percent, printed as percent.
        Value::Signed(number) if field == "part_max_used" => {
            format!("{}.{:02}", number / 100, number % 100)
        }
        // Section 4.3 of the format's description: −1 is "dynamic", which sflowtool prints as
        // the unsigned word.
        Value::Signed(number) if field == "tcpMaxConn" => (number as u32).to_string(),
        Value::Float(number) => format!("{number:.3}"),
        Value::Text(text) => text.to_string(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Bytes(bytes) => bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<Vec<_>>()
            .join("-"),
        Value::List(_) => return None,
        other => panic!("{structure}.{field}: {other:?}"),
    })
}

/// sflowtool prints a single interface as its index.
fn port(interface: Interface) -> String {
    match interface {
        Interface { format: 0, value } => value.to_string(),
        other => panic!("{other:?}"),
    }
}

fn macs(ours: List<'_, Mac>, theirs: &[Json]) {
    let ours: Vec<_> = ours
        .iter()
        .map(|mac| mac.to_string().replace(':', ""))
        .collect();
    assert_eq!(
        ours,
        theirs
            .iter()
            .map(|mac| mac.as_str().unwrap())
            .collect::<Vec<_>>()
    );
}

#[track_caller]
#[allow(
    clippy::needless_pass_by_value,
    reason = "numbers, for the most part literal"
)]
fn equal(theirs: &Json, ours: impl ToString) {
    assert_eq!(theirs.as_str(), Some(ours.to_string().as_str()));
}
