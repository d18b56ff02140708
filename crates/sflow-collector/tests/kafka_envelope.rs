//! Envelopes of records: what is written is read again, and no input makes a reader fail.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use sflow_collector::Received;
use sflow_collector::kafka::{EncodedRecord, Envelope, Record, Rejection, agent_key};
use sflow_v5::{Address, Encoder, Header};

fn datagram(agent: Address, samples: &[u8]) -> Vec<u8> {
    let header = Header {
        agent_address: agent,
        ..Header::default()
    };
    let mut buffer = [0; 64];
    let mut datagram = Encoder::new(&mut buffer, &header)
        .unwrap()
        .finish()
        .to_vec();
    datagram.extend_from_slice(samples);
    datagram
}

fn agents() -> impl Strategy<Value = Address> {
    prop_oneof![
        Just(Address::Unknown),
        any::<[u8; 4]>().prop_map(Address::V4),
        any::<[u8; 16]>().prop_map(Address::V6),
    ]
}

fn sources() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
}

fn at(nanoseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn bytes_field(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn number_field(field: u64, number: u64, out: &mut Vec<u8>) {
    varint(field << 3, out);
    varint(number, out);
}

/// As Akvorado's inlet writes it.
fn akvorado(seconds: u64, payload: &[u8], source: [u8; 16], decoder: u64) -> Vec<u8> {
    let mut message = Vec::new();
    number_field(1, seconds, &mut message);
    bytes_field(2, payload, &mut message);
    bytes_field(3, &source, &mut message);
    number_field(4, 1, &mut message);
    number_field(5, decoder, &mut message);
    number_field(8, 100, &mut message);
    message
}

proptest! {
    #[test]
    fn written_datagram_is_read_again(
        agent in agents(),
        samples in vec(any::<u8>(), 0..200),
        source in sources(),
        nanoseconds in any::<u64>(),
    ) {
        let bytes = datagram(agent, &samples);
        let received = Received { received_at: at(nanoseconds), source, bytes: &bytes };
        let record = EncodedRecord::new(received).unwrap();
        assert_eq!(record.value, bytes);
        assert_eq!(record.timestamp_ms, i64::try_from(nanoseconds / 1_000_000).unwrap());
        assert_eq!(Envelope::Sflow.decode(record.as_record()), Ok(received));
    }

    #[test]
    fn any_record_is_decoded_or_rejected(
        key in vec(any::<u8>(), 0..20),
        value in vec(any::<u8>(), 0..200),
        version in option::of(prop_oneof![Just(b"1".to_vec()), vec(any::<u8>(), 0..3)]),
        time in option::of(prop_oneof![vec(b'0'..=b'9', 0..25), vec(any::<u8>(), 0..25)]),
        source in option::of(prop_oneof![
            Just(b"[fe80::1%7]:1".to_vec()),
            vec(any::<u8>(), 0..100),
        ]),
    ) {
        let mut record = Record::new(&key, &value);
        for (name, header) in [("v", &version), ("received-ns", &time), ("source", &source)] {
            if let Some(header) = header {
                record = record.with_header(name, header);
            }
        }
        Envelope::Sflow.decode(record).ok();
        Envelope::Akvorado.decode(record).ok();
    }

    /// With a valid datagram, so that the headers decide.
    #[test]
    fn damaged_headers_are_rejected(
        agent in agents(),
        time in prop_oneof![vec(b'0'..=b'9', 1..25), vec(any::<u8>(), 0..25)],
        source in vec(any::<u8>(), 0..100),
    ) {
        let bytes = datagram(agent, &[]);
        let key = agent_key(&bytes).unwrap();
        let record = Record::new(&key, &bytes)
            .with_header("v", b"1")
            .with_header("received-ns", &time)
            .with_header("source", &source);
        let is_number = time.iter().all(u8::is_ascii_digit)
            && std::str::from_utf8(&time).unwrap().parse::<u64>().is_ok();
        match Envelope::Sflow.decode(record) {
            Ok(_) => assert!(is_number),
            Err(Rejection::InvalidTime) => assert!(!is_number),
            Err(rejection) => assert_eq!(rejection, Rejection::InvalidSource),
        }
    }

    #[test]
    fn akvorado_message_is_read(
        agent in agents(),
        samples in vec(any::<u8>(), 0..200),
        source in any::<[u8; 16]>(),
        seconds in 1_u64..1 << 34,
    ) {
        let bytes = datagram(agent, &samples);
        let message = akvorado(seconds, &bytes, source, 2);
        let received = Envelope::Akvorado.decode(Record::new(&[], &message)).unwrap();
        assert_eq!(received.bytes, bytes);
        assert_eq!(received.source.ip(), IpAddr::from(source).to_canonical());
        assert_eq!(received.received_at, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }

    #[test]
    fn damaged_akvorado_message_is_decoded_or_rejected(
        position in 0_usize..100,
        byte in any::<u8>(),
        length in 0_usize..200,
    ) {
        let bytes = datagram(Address::V4([192, 0, 2, 1]), &[7; 20]);
        let mut message = akvorado(1_700_000_000, &bytes, [1; 16], 2);
        message.truncate(length);
        if let Some(damaged) = message.get_mut(position) {
            *damaged = byte;
        }
        Envelope::Akvorado.decode(Record::new(&[], &message)).ok();
    }
}

#[test]
fn forms_of_one_address_have_one_key() {
    let keys = ["10.0.0.1", "::ffff:10.0.0.1"].map(|text| {
        let address: IpAddr = text.parse().unwrap();
        let address = match address {
            IpAddr::V4(address) => Address::V4(address.octets()),
            IpAddr::V6(address) => Address::V6(address.octets()),
        };
        agent_key(&datagram(address, &[])).unwrap()
    });
    assert_eq!(keys[0], keys[1]);
    let unknown = [Address::Unknown, Address::V4([0; 4]), Address::V6([0; 16])];
    for address in unknown {
        assert_eq!(agent_key(&datagram(address, &[])), Some([0; 16]));
    }
    assert_eq!(agent_key(b"NetFlow"), None);
}

#[test]
fn records_of_others_are_rejected_with_cause() {
    let bytes = datagram(Address::V4([192, 0, 2, 1]), &[]);
    let key = agent_key(&bytes).unwrap();
    let longest = [&bytes[..], &vec![0; 65_527 - bytes.len()]].concat();
    let too_long = [&longest[..], &[0]].concat();
    let record = |key, value| {
        Record::new(key, value)
            .with_header("v", b"1")
            .with_header("received-ns", b"1700000000000000000")
            .with_header("source", b"192.0.2.1:6343")
    };
    let decode = |record| Envelope::Sflow.decode(record).map(|_| ());
    let mut other_version = record(&key, &bytes);
    other_version.version = Some(b"2");
    for (record, expected) in [
        (record(&key, &bytes), Ok(())),
        (record(&key, &longest), Ok(())),
        (record(&key, &too_long), Err(Rejection::TooLong)),
        (record(&key, b""), Err(Rejection::NotSflow)),
        (record(b"", &bytes), Err(Rejection::OtherKey)),
        (
            Record::new(&key, &bytes),
            Err(Rejection::UnsupportedVersion),
        ),
        (other_version, Err(Rejection::UnsupportedVersion)),
    ] {
        assert_eq!(decode(record), expected);
    }
    // The first of several headers with one name applies.
    let repeated = record(&key, &bytes).with_header("v", b"2");
    assert_eq!(decode(repeated), Ok(()));
}

#[test]
fn akvorado_messages_of_other_protocols_are_rejected() {
    let bytes = datagram(Address::V4([192, 0, 2, 1]), &[]);
    let decode = |message: &[u8]| {
        let record = Record::new(&[], message);
        Envelope::Akvorado.decode(record).map(|_| ())
    };
    let source = [1; 16];
    assert_eq!(decode(&akvorado(1, &bytes, source, 2)), Ok(()));
    for (message, expected) in [
        (akvorado(1, &bytes, source, 1), Rejection::NotSflow),
        (akvorado(1, b"NetFlow", source, 2), Rejection::NotSflow),
        (akvorado(0, &bytes, source, 2), Rejection::InvalidTime),
        (
            akvorado(u64::MAX, &bytes, source, 2),
            Rejection::InvalidTime,
        ),
        (bytes.clone(), Rejection::Malformed),
        // A length beyond the end of the message, and one beyond the range of memory.
        (vec![0x12, 0xff, 0xff, 0x03], Rejection::Malformed),
        (
            [&[0x12][..], &[0xff; 9], &[0x01]].concat(),
            Rejection::Malformed,
        ),
        // A number of more than 64 bits.
        (
            [&[0x08][..], &[0xff; 9], &[0x02]].concat(),
            Rejection::Malformed,
        ),
    ] {
        assert_eq!(decode(&message), Err(expected), "{message:02x?}");
    }
    let mut without_source = Vec::new();
    number_field(1, 1, &mut without_source);
    bytes_field(2, &bytes, &mut without_source);
    number_field(5, 2, &mut without_source);
    assert_eq!(decode(&without_source), Err(Rejection::InvalidSource));
}

#[test]
fn envelope_names_are_parsed() {
    for envelope in [Envelope::Sflow, Envelope::Akvorado] {
        assert_eq!(envelope.to_string().parse(), Ok(envelope));
    }
    let error = "protobuf".parse::<Envelope>().unwrap_err();
    assert!(error.to_string().contains("akvorado"), "{error}");
}
