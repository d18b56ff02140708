//! Text of values: `Display` and `FromStr`.

use std::fmt::Display;

use proptest::prelude::*;
use sflow_v5::counter::VirtCpu;
use sflow_v5::enums::{DataSourceKind, DropReason, HeaderProtocol};
use sflow_v5::field::Value;
use sflow_v5::types::{
    Community, Counter32, Counter64, Gauge32, Gauge64, GaugeF32, GaugeI32, Ipv4Address,
    Ipv6Address, Limit32, Microseconds, MplsLabel, Opaque, Percentage, PowerFactor, Sensor32,
    Switch32, Text, Uuid, VlanTag,
};
use sflow_v5::{
    Address, DataFormat, DataSource, Datagram, EncodeError, ErrorKind, Interface, Mac, Structure,
};

/// A value is padded and truncated like the string that it displays as.
#[track_caller]
fn check_padding(value: &dyn Display) {
    let plain = value.to_string();
    let plain = plain.as_str();
    assert_eq!(format!("{value:>120}"), format!("{plain:>120}"));
    assert_eq!(format!("{value:<120}|"), format!("{plain:<120}|"));
    assert_eq!(format!("{value:*^121}"), format!("{plain:*^121}"));
    assert_eq!(format!("{value:1}"), format!("{plain:1}"));
}

#[test]
fn display_honours_width_fill_and_alignment() {
    let error = VirtCpu::parse(&[0, 0, 0, 1, 0, 0]).unwrap_err();
    let without_field = Datagram::parse(&[0, 0, 0, 5, 0, 0, 0, 0]).unwrap_err();
    let kinds = [
        ErrorKind::Truncated {
            needed: 4,
            available: 2,
        },
        ErrorKind::Length {
            length: 9,
            available: 2,
        },
        ErrorKind::Count {
            count: 9,
            available: 2,
        },
        ErrorKind::Version(4),
        ErrorKind::AddressType(7),
        ErrorKind::ValueType(99),
        ErrorKind::Nesting,
    ];
    kinds.iter().for_each(|kind| check_padding(kind));
    let out_of_range = EncodeError::OutOfRange {
        field: "source_id.index",
        value: 1 << 24,
        maximum: 0x00ff_ffff,
    };
    let interface = |format, value| Interface { format, value };
    let values: &[&dyn Display] = &[
        &error,
        &without_field,
        &EncodeError::BufferFull,
        &out_of_range,
        &"x".parse::<Mac>().unwrap_err(),
        &DataFormat::new(4413, 1),
        &DataSource::new(DataSourceKind::LOGICAL, 7),
        &DataSourceKind::LOGICAL,
        &DataSourceKind(77),
        &DropReason::ACL,
        &DropReason(9_999),
        &HeaderProtocol(99),
        &Interface::INTERNAL,
        &interface(0, 0),
        &interface(0, 7),
        &interface(1, 258),
        &interface(1, 9_999),
        &interface(2, 0),
        &interface(2, 3),
        &interface(3, 3),
        &Address::Unknown,
        &Address::V4([10, 0, 0, 1]),
        &Address::V6([1; 16]),
        &Ipv4Address([10, 0, 0, 1]),
        &Ipv6Address([1; 16]),
        &Mac([1; 6]),
        &Uuid([0xab; 16]),
        &Text::from("grün"),
        &Text::from(&[b'a', 0xff][..]),
        &Text::default(),
        &Opaque(&[0xab; 50]),
        &Opaque::default(),
        &Community(65_000 << 16 | 666),
        &MplsLabel(16 << 12),
        &VlanTag(0x8100_0007),
        &Counter32(1),
        &Counter64(1),
        &Gauge32(1),
        &Gauge64(1),
        &Limit32(-1),
        &GaugeI32(-1),
        &Sensor32(1),
        &Percentage(1),
        &PowerFactor(1),
        &Switch32(1),
        &Microseconds(1),
    ];
    for value in values {
        // Integers are aligned to the right where no alignment is given, like those of `std`.
        check_padding(value);
    }
    assert_eq!(format!("{:6.1}|", GaugeF32(0.25)), format!("{:6.1}|", 0.25));
    assert_eq!(format!("{:.3}", Text::from("grün")), "grü");
}

#[test]
fn values_display_and_convert_to_numbers() {
    let values = [
        (Value::Absent, "", None),
        (Value::Unsigned(7), "7", Some(7.0)),
        (Value::Signed(-7), "-7", Some(-7.0)),
        (Value::Float(0.5), "0.5", Some(0.5)),
        (Value::Text(Text::from("web")), "web", None),
        (Value::Bytes(&[1, 0xff]), "01ff", None),
        (Value::Mac(Mac([2; 6])), "02:02:02:02:02:02", None),
        (
            Value::Uuid(Uuid([0x11; 16])),
            "11111111-1111-1111-1111-111111111111",
            None,
        ),
        (Value::Address(Address::V4([10, 0, 0, 1])), "10.0.0.1", None),
        (Value::List(3), "3", None),
        (Value::Structure, "", None),
    ];
    for (value, text, number) in values {
        assert_eq!((value.to_string().as_str(), value.as_f64()), (text, number));
        assert_eq!(format!("{value:>40}"), format!("{text:>40}"));
    }
}

#[cfg(feature = "packet")]
#[test]
fn packet_display_honours_width_fill_and_alignment() {
    use sflow_v5::packet::{EtherType, IpNumber, Packet, StopReason, Tunnel};

    let header = [0x45, 0, 5, 0xdc, 0, 0, 0x40, 0, 64, 6, 0, 0];
    let header = [&header[..], &[10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0x12]].concat();
    let packet = Packet::new(HeaderProtocol::IPV4, &header);
    let size = |header| StopReason::Cut {
        header,
        needed: 20,
        available: 4,
    };
    let values: &[&dyn Display] = &[
        &packet,
        &packet.rest().reason,
        &size("tcp"),
        &StopReason::Payload,
        &StopReason::IpProtocol(IpNumber::RSVP),
        &StopReason::EtherType(EtherType(0x88cc)),
        &StopReason::Sap(1),
        &StopReason::PppProtocol(1),
        &StopReason::Labelled(1),
        &StopReason::HeaderProtocol(HeaderProtocol::SMDS),
        &sflow_v5::packet::TcpFlags::SYN,
        &sflow_v5::packet::TcpFlags(0),
        &Tunnel::Vxlan { vni: 42 },
        &Tunnel::EtherIp,
        &EtherType::IPV4,
        &IpNumber::TCP,
        &IpNumber(254),
    ];
    for value in values {
        check_padding(value);
    }
}

#[test]
fn invalid_mac_is_refused() {
    let invalid = [
        "",
        "02:42:ac:11:00",
        "02:42:ac:11:00:02:03",
        "02:42:ac:11:00:2",
        "02:42:ac:11:00:002",
        "02:42:ac-11:00:02",
        "0g:42:ac:11:00:02",
        "+2:42:ac:11:00:02",
        " 02:42:ac:11:00:02",
        "0242ac110002",
        "ü:42:ac:11:00:02",
    ];
    for text in invalid {
        assert_eq!(
            text.parse::<Mac>().unwrap_err().to_string(),
            "expected six pairs of hexadecimal digits, such as 02:42:ac:11:00:02",
            "{text}"
        );
    }
    let mac = Mac([2, 0x42, 0xac, 0x11, 0, 2]);
    assert_eq!("02-42-AC-11-00-02".parse(), Ok(mac));
}

#[test]
fn address_is_parsed_as_displayed() {
    let addresses = [
        Address::Unknown,
        Address::V4([192, 0, 2, 1]),
        Address::V6([0x20; 16]),
    ];
    for address in addresses {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    for text in ["", "Unknown", "192.0.2", "192.0.2.1:6343", " ::1"] {
        let error = text.parse::<Address>().unwrap_err();
        assert!(error.to_string().starts_with("expected an IP address"));
    }
}

#[test]
fn invalid_data_format_is_refused() {
    let invalid = [
        "",
        ":",
        "1",
        "1:",
        ":1",
        "1:2:3",
        "+1:2",
        "1:+2",
        "-1:2",
        "1: 2",
        "a:1",
        "1048576:0",
        "0:4096",
        "4294967296:1",
    ];
    for text in invalid {
        let error = text.parse::<DataFormat>().unwrap_err();
        assert!(error.to_string().starts_with("expected enterprise:format"));
    }
    let largest = DataFormat(u32::MAX);
    assert_eq!("1048575:4095".parse(), Ok(largest));
    assert_eq!(DataFormat::checked(1 << 20, 0), None);
    assert_eq!(DataFormat::checked(0, 1 << 12), None);
    assert_eq!(DataFormat::checked(0xf_ffff, 0xfff), Some(largest));
}

#[test]
fn invalid_uuid_is_refused() {
    let invalid = [
        "",
        "3b6bc28f-e534-bd18-f953-805f9d3ce58",
        "3b6bc28f-e534-bd18-f953-805f9d3ce5811",
        "3b6bc28fe-534-bd18-f953-805f9d3ce581",
        "3b6bc28f-e534-bd18-f953805f9d3ce581",
        "3b6bc28f e534 bd18 f953 805f9d3ce581",
        "{3b6bc28f-e534-bd18-f953-805f9d3ce581}",
        "+b6bc28fe534bd18f953805f9d3ce581",
        "üb6bc28fe534bd18f953805f9d3ce58",
    ];
    for text in invalid {
        let error = text.parse::<Uuid>().unwrap_err().to_string();
        assert!(
            error.starts_with("expected 32 hexadecimal digits"),
            "{text}"
        );
    }
    let uuid: Uuid = "3b6bc28f-e534-bd18-f953-805f9d3ce581".parse().unwrap();
    assert_eq!("3B6BC28FE534BD18F953805F9D3CE581".parse(), Ok(uuid));
}

#[test]
fn invalid_data_source_is_refused() {
    for text in [
        "",
        ":",
        "3",
        "3:",
        ":1",
        "3:1:2",
        "+3:1",
        "-3:1",
        "3: 1",
        "4294967296:1",
    ] {
        let error = text.parse::<DataSource>().unwrap_err().to_string();
        assert_eq!(error, "expected kind:index, such as 3:100042", "{text}");
    }
    let source = DataSource::new(DataSourceKind::LOGICAL, u32::MAX);
    assert_eq!("3:4294967295".parse(), Ok(source));
}

proptest! {
    #[test]
    fn displayed_uuid_is_parsed(bytes: [u8; 16]) {
        prop_assert_eq!(Uuid(bytes).to_string().parse(), Ok(Uuid(bytes)));
    }

    #[test]
    fn displayed_data_source_is_parsed(kind: u32, index: u32) {
        let source = DataSource::new(DataSourceKind(kind), index);
        prop_assert_eq!(source.to_string().parse(), Ok(source));
    }

    #[test]
    fn displayed_mac_is_parsed(bytes: [u8; 6]) {
        prop_assert_eq!(Mac(bytes).to_string().parse(), Ok(Mac(bytes)));
    }

    #[test]
    fn displayed_data_format_is_parsed(number: u32) {
        prop_assert_eq!(DataFormat(number).to_string().parse(), Ok(DataFormat(number)));
    }

    #[test]
    fn any_text_is_parsed_or_refused(text: String) {
        if let Ok(mac) = text.parse::<Mac>() {
            prop_assert_eq!(mac.to_string(), text.to_lowercase().replace('-', ":"));
        }
        if let Ok(format) = text.parse::<DataFormat>() {
            prop_assert_eq!(format.to_string().parse(), Ok(format));
        }
    }
}
