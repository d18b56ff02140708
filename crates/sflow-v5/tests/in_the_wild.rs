//! Deviations of real agents, and errors of other decoders: one test for each entry of the
//! format's list that concerns a decoder. Deviations are accepted, errors are not repeated.

#[allow(dead_code, reason = "each test uses a part of it")]
mod capture;
#[allow(dead_code, reason = "each test uses a part of it")]
mod record;

use record::{Space, sample_with};
use sflow_v5::counter::{HostCpu, HostDescr, IfCounters, LagPortStats, Mib2TcpGroup, VirtCpu};
use sflow_v5::enums::{DropReason, HeaderProtocol};
use sflow_v5::flow::{
    Extended80211Payload, Extended80211Rx, ExtendedAcl, ExtendedGateway, ExtendedMplsFtn,
    ExtendedMplsVc, ExtendedNat, ExtendedRouter, ExtendedSwitch, ExtendedTransit, SampledEthernet,
    SampledHeader, SampledIpv4,
};
use sflow_v5::types::Ipv4Address;
use sflow_v5::{
    Address, CounterRecord, CounterStructure, DataFormat, Datagram, FlowRecord, FlowStructure,
    Interface, Mac, Sample,
};

/// 4.1, 1
#[test]
fn nonzero_padding_is_accepted() {
    let bytes = [&[0, 0, 0, 5][..], b"ifNam", &[0x19, 0x20, 0x21]].concat();
    let record = counter(DataFormat::new(0, 1005), &bytes);
    assert_eq!(
        format!("{record:?}"),
        r#"PortName(PortName { name: "ifNam" })"#
    );
}

/// 4.1, 2: another decoder returns the padded bytes.
#[test]
fn header_excludes_padding() {
    let bytes = [&words(&[1, 64, 4, 45])[..], &[7; 45], &[9; 3]].concat();
    let header: SampledHeader<'_> = flow(&bytes);
    assert_eq!(*header.header, [7; 45]);
}

/// 4.1, 3: others read the second address two bytes too early.
#[test]
fn mac_address_is_padded_to_eight_bytes() {
    let bytes = [
        &words(&[64])[..],
        &[1, 2, 3, 4, 5, 6, 0xff, 0xff],
        &[7, 8, 9, 10, 11, 12, 0xff, 0xff],
        &words(&[0x0800]),
    ]
    .concat();
    let ethernet: SampledEthernet = flow(&bytes);
    assert_eq!(ethernet.src_mac, Mac([1, 2, 3, 4, 5, 6]));
    assert_eq!(ethernet.dst_mac, Mac([7, 8, 9, 10, 11, 12]));
    assert_eq!(ethernet.kind, 0x0800);

    let mut bytes = [[1; 8], [2; 8]].concat();
    bytes.extend(words(&[17, 0x0102_0304, 1, 2, 3, 4, 5, 6, 7, 8]));
    let lag: LagPortStats = counters(&bytes);
    assert_eq!(lag.dot3ad_agg_port_partner_oper_system_id, Mac([2; 6]));
    assert_eq!(lag.dot3ad_agg_port_attached_agg_id, 17);
}

/// 4.1, 4 and 5
#[test]
fn uuid_has_no_length_and_text_may_be_empty() {
    let bytes = [&words(&[2])[..], b"vm\0\0", &[0xab; 16], &words(&[3, 2, 0])].concat();
    let host: HostDescr<'_> = counters(&bytes);
    assert_eq!((host.uuid.0, host.machine_type.0), ([0xab; 16], 3));
    assert_eq!(host.os_release.known(), None);
}

/// 4.1, 6: others refuse the whole datagram.
#[test]
fn text_that_is_not_utf_8_is_accepted() {
    let bytes = [
        &words(&[4])[..],
        &[0xff, 0xfe, b'x', 0],
        &[1; 8],
        &words(&[3, 6, 0, 54_000_000, 1, 2, 3]),
    ]
    .concat();
    let received: Extended80211Rx<'_> = flow(&bytes);
    assert_eq!(received.ssid.as_bytes(), [0xff, 0xfe, b'x', 0]);
    assert_eq!(received.ssid.to_string(), "\u{fffd}\u{fffd}x\0");
    assert_eq!(received.speed, 54_000_000);
}

/// 4.1, 7
#[test]
fn name_may_exceed_its_specified_length() {
    let bytes = [
        &words(&[252])[..],
        &[b'k'; 252],
        &[0; 16],
        &words(&[3, 2, 0]),
    ]
    .concat();
    let host: HostDescr<'_> = counters(&bytes);
    assert_eq!(host.hostname.as_bytes().len(), 252);
}

/// 4.1, 8: others read the direction from the padding.
#[test]
fn acl_name_is_padded() {
    let bytes = [&words(&[101, 5])[..], b"guest\0\0\0", &words(&[2])].concat();
    let acl: ExtendedAcl<'_> = flow(&bytes);
    assert_eq!((acl.number, acl.name.to_str()), (101, Ok("guest")));
    assert_eq!(acl.direction.name(), Some("egress"));
}

/// 4.1, 9: others expect three numbers, and an address.
#[test]
fn mpls_records_are_decoded_completely() {
    let bytes = [&words(&[2])[..], b"vc\0\0", &words(&[7, 3])].concat();
    let circuit: ExtendedMplsVc<'_> = flow(&bytes);
    assert_eq!((circuit.vll_vc_id, circuit.vc_label_cos), (7, 3));
    let bytes = [&words(&[2])[..], b"fe\0\0", &words(&[24])].concat();
    let class: ExtendedMplsFtn<'_> = flow(&bytes);
    assert_eq!(class.mpls_ftn_mask, 24);
}

/// 4.1, 10: others expect a sampled header in it.
#[test]
fn wireless_payload_is_decoded() {
    let bytes = [&words(&[0x000f_ac04, 5])[..], b"hello\0\0\0"].concat();
    let payload: Extended80211Payload<'_> = flow(&bytes);
    assert_eq!(payload.ciphersuite.name(), Some("ccmp"));
    assert_eq!(*payload.data, *b"hello");
}

/// 4.1, 11 and 18: type 0, type 1 with zeros, and type 0 with four bytes too many.
#[test]
fn unknown_address_is_accepted_in_each_form() {
    let nat: ExtendedNat = flow(&words(&[0, 1, 0x0a00_0001]));
    assert_eq!(nat.src_address, Address::Unknown);
    assert_eq!(nat.dst_address, Address::V4([10, 0, 0, 1]));
    let router: ExtendedRouter = flow(&words(&[1, 0, 24, 16]));
    assert_eq!((router.nexthop.known(), router.src_mask_len), (None, 24));
    let router: ExtendedRouter = flow(&words(&[0, 24, 16, 0xdead]));
    assert_eq!((router.nexthop.known(), router.dst_mask_len), (None, 16));
}

/// 4.1, 12: one agent sends the four bytes in reverse order.
#[test]
fn lag_port_state_is_decoded_in_either_byte_order() {
    let mut bytes = vec![0; 20];
    bytes.extend([0x3d, 0x3c, 0x3b, 0x3a]);
    bytes.resize(56, 0);
    let state = counters::<LagPortStats>(&bytes).dot3ad_agg_port_state;
    assert_eq!((state.actor_admin, state.partner_oper), (0x3d, 0x3a));
    assert_eq!(state.reversed().actor_admin, 0x3a);
}

/// 4.1, 13: one agent sends two wrong codes; they have the names of the intended ones.
#[test]
fn drop_reasons_have_names() {
    let name = |code| DropReason(code).name();
    assert_eq!((name(33), name(332)), (Some("dev_hdr"), Some("dev_hdr")));
    assert_eq!(
        (name(36), name(366)),
        (Some("tc_egress"), Some("tc_egress"))
    );
    assert_eq!(name(263), Some("src_mac_is_multicast"), "4.1, 14");
    assert_eq!((name(40), name(373)), (None, None));
    assert_eq!(DropReason(373).to_string(), "unknown (373)");
    let acl = Interface {
        format: 1,
        value: 258,
    };
    assert_eq!(acl.drop_reason(), Some(DropReason::ACL));
    assert_eq!(acl.to_string(), "dropped: acl");
    assert_eq!((acl.if_index(), acl.output_count()), (None, None));
}

/// 4.1, 15
#[test]
fn transit_delay_may_exceed_its_maximum() {
    assert_eq!(flow::<ExtendedTransit>(&[0xff; 4]).delay, u32::MAX);
}

/// 4.1, 17, and the errata: the device itself, in both encodings.
#[test]
fn internal_interface_is_recognised_in_both_encodings() {
    for value in [0x3fff_ffff, 0xffff_ffff] {
        let interface = Interface { format: 0, value };
        assert!(interface.is_internal());
        assert_eq!(interface.if_index(), None);
        assert_eq!(interface.to_string(), "internal");
    }
    let several = Interface {
        format: 2,
        value: 7,
    };
    assert_eq!(
        (several.output_count(), several.if_index()),
        (Some(7), None)
    );
}

/// 4.2: others read the first segment of a path alone.
#[test]
fn as_path_has_all_segments() {
    let path = [3, 2, 1, 65_001, 1, 2, 65_002, 65_003, 2, 0];
    let bytes = words(&[&[1, 0, 1, 2, 3][..], &path, &[0, 100]].concat());
    let gateway: ExtendedGateway<'_> = flow(&bytes);
    let numbers = gateway.dst_as_path.iter();
    let numbers = numbers.flat_map(|segment| segment.as_number.iter());
    assert!(numbers.eq([65_001, 65_002, 65_003]));
    assert_eq!(gateway.localpref, 100);
}

/// 4.2: others lose the datagram, the rest of the sample, or the next record.
#[test]
fn unknown_and_longer_records_cost_only_themselves() {
    let longer = [&words(&[1, 5, 2])[..], &[0xee; 12]].concat();
    let samples = [
        (DataFormat::new(0, 999), &[1, 2, 3][..]),
        (DataFormat::new(0, 2101), &longer),
        (DataFormat::new(7, 2101), &[4; 8]),
        (DataFormat::new(0, 2101), &longer[..12]),
    ];
    let bytes = record::sample_of(Space::Counters, &samples);
    let datagram = Datagram::parse(&bytes).unwrap();
    let Sample::Counters(sample) = datagram.samples().next().unwrap() else {
        panic!("{datagram:?}")
    };
    let names: Vec<_> = sample.records().map(|record| record.name()).collect();
    assert_eq!(names, [None, Some("virt_cpu"), None, Some("virt_cpu")]);
    assert_eq!(sample.find::<VirtCpu>().unwrap().cpu_time.0, 5);
}

/// 4.2: others abort at 72, 76 and 84 bytes, or omit the last fields.
#[test]
fn host_cpu_of_every_length_is_decoded() {
    let whole = words(&(0..22).collect::<Vec<_>>());
    for length in (68..=88).step_by(4) {
        let cpu: HostCpu = counters(&whole[..length]);
        assert_eq!(cpu.contexts.0, 16);
        assert_eq!(cpu.cpu_steal.is_some(), length >= 72, "{length}");
        assert_eq!(cpu.cpu_guest.is_some(), length >= 76, "{length}");
        assert_eq!(cpu.cpu_guest_nice.is_some(), length >= 80, "{length}");
    }
}

/// 4.2: others fail on an unknown protocol.
#[test]
fn header_of_unknown_protocol_is_decoded() {
    let header: SampledHeader<'_> = flow(&words(&[18, 64, 0, 0]));
    assert_eq!(header.protocol, HeaderProtocol::INFINIBAND);
    let header: SampledHeader<'_> = flow(&words(&[4711, 64, 0, 0]));
    assert_eq!(header.protocol.name(), None);
    assert_eq!(header.protocol.0, 4711);
}

/// 4.2: others read flags and type of service from the wrong byte, and so read 0.
#[test]
fn tcp_flags_and_tos_are_in_the_lowest_byte() {
    let ip: SampledIpv4 = flow(&words(&[60, 6, 1, 2, 80, 4711, 0x12, 0x2e]));
    assert_eq!((ip.tcp_flags, ip.tos), (0x12, 0x2e));
    assert_eq!(ip.dst_ip, Ipv4Address([0, 0, 0, 2]));
}

/// 4.2: others exchange the priorities of source and destination.
#[test]
fn switch_priorities_are_not_exchanged() {
    let switch: ExtendedSwitch = flow(&words(&[1, 2, 3, u32::MAX]));
    assert_eq!(switch.src_priority.known(), Some(2));
    assert_eq!(switch.dst_priority.known(), None);
}

/// 4.3: counters that an agent does not support, and speeds truncated to 32 bits.
#[test]
fn unsupported_interface_counters_are_unknown() {
    let mut fields = [0; 22];
    fields[1] = 6;
    fields[3] = 1_410_065_408;
    fields[9] = u32::MAX;
    let interface: IfCounters = counters(&words(&fields));
    assert_eq!(interface.if_speed.known(), Some(1_410_065_408));
    assert_eq!(interface.if_in_multicast_pkts.known(), None);
    assert_eq!(interface.if_in_ucast_pkts.known(), Some(0));
}

/// 4.3: an unlimited number of connections.
#[test]
fn unlimited_connections_are_unknown() {
    let tcp: Mib2TcpGroup = counters(&words(
        &[&[1, 200, 120_000, u32::MAX][..], &[0; 11]].concat(),
    ));
    assert_eq!(tcp.tcp_max_conn.known(), None);
}

/// The flow record of this type in a datagram with these bytes as its record.
#[track_caller]
fn flow<T: FlowStructure<'static>>(bytes: &[u8]) -> T {
    let datagram = kept(sample_with(Space::Flow, T::FORMAT, bytes));
    let Sample::Flow(sample) = datagram.samples().next().unwrap() else {
        panic!("{datagram:?}")
    };
    let record = sample.records().next().unwrap();
    assert!(!matches!(record, FlowRecord::Malformed(..)), "{record:?}");
    assert_eq!(record.name(), Some(T::NAME));
    T::from_record(&record).unwrap()
}

/// The counter record of this type in a datagram with these bytes as its record.
#[track_caller]
fn counters<T: CounterStructure<'static>>(bytes: &[u8]) -> T {
    let record = counter(T::FORMAT, bytes);
    assert_eq!(record.name(), Some(T::NAME));
    T::from_record(&record).unwrap_or_else(|| panic!("{record:?}"))
}

fn counter(format: DataFormat, bytes: &[u8]) -> CounterRecord<'static> {
    let datagram = kept(sample_with(Space::Counters, format, bytes));
    let Sample::Counters(sample) = datagram.samples().next().unwrap() else {
        panic!("{datagram:?}")
    };
    sample.records().next().unwrap()
}

/// A datagram with a static lifetime; its bytes are leaked.
fn kept(bytes: Vec<u8>) -> Datagram<'static> {
    Datagram::parse(bytes.leak()).unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
