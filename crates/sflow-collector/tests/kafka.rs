//! The log against the mock cluster of librdkafka, which runs in this process.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sflow_collector::kafka::{
    ClientErrors, Error, Event, Loss, Rejection, Sink, SinkSettings, SinkStats, Source,
    SourceSettings, SourceStats, Start,
};
use sflow_collector::{Received, ReceivedDatagram};
use sflow_v5::{Address, Encoder, Header};

const TOPIC: &str = "sflow.raw";
const LIMIT: Duration = Duration::from_secs(60);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster(partitions: i32) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, partitions, 1).unwrap();
    cluster
}

fn sink(cluster: &Cluster, change: impl FnOnce(&mut SinkSettings)) -> Sink {
    let settings = SinkSettings::new(&cluster.bootstrap_servers(), TOPIC);
    Sink::new(&settings.with(change)).unwrap()
}

fn source(cluster: &Cluster, group: &str) -> Source {
    let settings = SourceSettings::new(&cluster.bootstrap_servers(), TOPIC, group);
    Source::subscribe(&settings.with(|it| it.start = Start::Oldest)).unwrap()
}

fn datagram(agent: u8, number: u32) -> ReceivedDatagram {
    let header = Header {
        agent_address: Address::V4([10, 0, 0, agent]),
        sequence_number: number,
        ..Header::default()
    };
    let mut buffer = [0; 64];
    let bytes = Encoder::new(&mut buffer, &header)
        .unwrap()
        .finish()
        .to_vec();
    let nanoseconds = 1_700_000_000_123_456_789 + u64::from(number);
    ReceivedDatagram {
        received_at: SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds),
        source: SocketAddr::from(([192, 0, 2, agent], 40_000)),
        bytes: bytes.into(),
    }
}

fn losses(stats: &SinkStats) -> Vec<(Loss, u64)> {
    stats.lost.iter().collect()
}

/// Polls until a condition is true.
fn read(
    source: &mut Source,
    mut handle: impl FnMut(Event<'_>),
    mut is_done: impl FnMut(&SourceStats) -> bool,
) {
    let begun = Instant::now();
    while !is_done(&source.stats()) {
        assert!(begun.elapsed() < LIMIT, "{source:?}");
        source
            .poll(Duration::from_millis(100), &mut handle)
            .unwrap();
    }
}

/// The datagrams of each partition, once this number of records has been read.
fn read_records(source: &mut Source, records: u64) -> BTreeMap<i32, Vec<ReceivedDatagram>> {
    let mut read_datagrams = BTreeMap::<i32, Vec<_>>::new();
    let handle = |event: Event<'_>| {
        if let Event::Datagram {
            partition,
            received,
        } = event
        {
            read_datagrams
                .entry(partition)
                .or_default()
                .push(received.to_owned());
        }
    };
    read(source, handle, |stats| stats.records >= records);
    read_datagrams
}

#[test]
fn datagrams_of_an_agent_are_read_in_order_from_one_partition() {
    let cluster = cluster(4);
    let sink = sink(&cluster, |settings| settings.receiver = "one".to_owned());
    assert_eq!(sink.partitions(LIMIT).unwrap(), 4);
    let sent: Vec<_> = (0..50)
        .flat_map(|number| (1..=20).map(move |agent| datagram(agent, number)))
        .collect();
    for datagram in &sent {
        sink.send(datagram.as_received()).unwrap();
    }
    let stats = sink.close(LIMIT);
    assert_eq!(
        (stats.sent, stats.delivered, stats.queued()),
        (1000, 1000, 0)
    );
    assert_eq!((losses(&stats), stats.queued_bytes), (vec![], 0));

    let mut source = source(&cluster, "order");
    assert_eq!(source.partitions(LIMIT).unwrap(), 4);
    let read = read_records(&mut source, 1000);
    assert!(read.len() > 1, "all agents are in one partition");
    for agent in 1..=20 {
        let of_agent = |datagrams: &[ReceivedDatagram]| -> Vec<_> {
            let ip = IpAddr::from([192, 0, 2, agent]);
            let of_agent = datagrams.iter().filter(|it| it.source.ip() == ip);
            of_agent.cloned().collect()
        };
        let partitions = read.values().map(|read| of_agent(read));
        let read: Vec<_> = partitions.filter(|read| !read.is_empty()).collect();
        assert_eq!(read, [of_agent(&sent)]);
    }
    let is_end = |event: Event<'_>| matches!(event, Event::End { .. });
    let mut ends = 0;
    let begun = Instant::now();
    while ends < 4 {
        assert!(begun.elapsed() < LIMIT, "{source:?}");
        let count = |event: Event<'_>| ends += u32::from(is_end(event));
        source.poll(Duration::from_millis(100), count).unwrap();
    }
    let stats = source.stats();
    assert_eq!((stats.skipped, stats.rejected.total()), (0, 0));
    assert_eq!(stats.errors, ClientErrors::default());
}

#[test]
fn datagram_that_is_not_sflow_is_lost_with_cause() {
    let cluster = cluster(1);
    let sink = sink(&cluster, |_| {});
    let netflow = Received {
        bytes: &[0, 9, 0, 1],
        ..datagram(1, 1).as_received()
    };
    assert_eq!(sink.send(netflow), Err(Loss::NotSflow));
    let stats = sink.close(LIMIT);
    assert_eq!((stats.sent, stats.delivered), (1, 0));
    assert_eq!(stats.lost.to_string(), "1 not sFlow version 5");
}

#[test]
fn queue_is_bounded_while_broker_is_down_and_delivered_afterwards() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let record = 1024 + datagram(1, 1).bytes.len();
    let sink = sink(&cluster, |settings| settings.queue_bytes = 100 * record + 1);
    for number in 0..150 {
        let expected = if number < 100 {
            Ok(())
        } else {
            Err(Loss::QueueFull)
        };
        assert_eq!(sink.send(datagram(1, number).as_received()), expected);
    }
    let stats = sink.stats();
    assert_eq!((stats.queued(), stats.queued_bytes), (100, 100 * record));

    cluster.broker_up(1).unwrap();
    let stats = sink.close(LIMIT);
    assert_eq!((stats.sent, stats.delivered), (150, 100));
    assert_eq!(losses(&stats), [(Loss::QueueFull, 50)]);
    assert!(stats.errors.count > 0 && stats.errors.last.is_some());
    // The oldest datagrams were queued.
    let read = read_records(&mut source(&cluster, "bounded"), 100);
    let expected: Vec<_> = (0..100).map(|number| datagram(1, number)).collect();
    assert_eq!(read[&0], expected);
}

#[test]
fn datagrams_that_broker_refuses_are_lost_with_cause() {
    for (error, expected) in [
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            Loss::Refused,
        ),
        (
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            Loss::TooLarge,
        ),
    ] {
        let cluster = cluster(1);
        let sink = sink(&cluster, |_| {});
        cluster.request_errors(RDKafkaApiKey::Produce, &[error; 100]);
        sink.send(datagram(1, 1).as_received()).unwrap();
        let stats = sink.close(LIMIT);
        assert_eq!((stats.sent, stats.delivered), (1, 0), "{expected}");
        assert_eq!(losses(&stats), [(expected, 1)]);
    }
}

#[test]
fn datagram_longer_than_client_limit_is_lost_with_cause() {
    let cluster = cluster(1);
    let limit = ("message.max.bytes".to_owned(), "1000".to_owned());
    let sink = sink(&cluster, |settings| settings.options.push(limit));
    let mut long = datagram(1, 1).bytes.to_vec();
    long.resize(1_500, 0);
    let long = Received {
        bytes: &long,
        ..datagram(1, 1).as_received()
    };
    assert_eq!(sink.send(long), Err(Loss::TooLarge));
    sink.send(datagram(1, 2).as_received()).unwrap();
    let stats = sink.close(LIMIT);
    assert_eq!((stats.delivered, stats.queued_bytes), (1, 0));
    assert_eq!(losses(&stats), [(Loss::TooLarge, 1)]);
}

#[test]
fn unacknowledged_datagrams_are_lost_with_cause() {
    let cluster = cluster(1);
    cluster.broker_down(1).unwrap();
    let sink_of = |timeout| sink(&cluster, |settings| settings.timeout = timeout);
    let late = sink_of(Duration::from_secs(1));
    let abandoned = sink_of(LIMIT);
    for number in 0..10 {
        late.send(datagram(1, number).as_received()).unwrap();
        abandoned.send(datagram(1, number).as_received()).unwrap();
    }
    let stats = late.close(LIMIT);
    assert_eq!(
        (stats.delivered, losses(&stats)),
        (0, vec![(Loss::TimedOut, 10)])
    );
    let stats = abandoned.close(Duration::from_millis(10));
    assert_eq!(
        (stats.delivered, losses(&stats)),
        (0, vec![(Loss::Abandoned, 10)])
    );
    assert_eq!((stats.queued(), stats.queued_bytes), (0, 0));
}

#[test]
fn temporary_errors_neither_lose_nor_repeat_datagrams() {
    let cluster = cluster(1);
    let sink = sink(&cluster, |_| {});
    let errors = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ];
    cluster.request_errors(RDKafkaApiKey::Produce, &errors);
    for number in 0..100 {
        sink.send(datagram(1, number).as_received()).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let stats = sink.close(LIMIT);
    assert_eq!((stats.sent, stats.delivered), (100, 100), "{stats:?}");
    let read = read_records(&mut source(&cluster, "once"), 100);
    let expected: Vec<_> = (0..100).map(|number| datagram(1, number)).collect();
    assert_eq!(read[&0], expected);
}

#[test]
fn partitions_of_ended_member_are_replayed_by_the_other() {
    let cluster = cluster(4);
    let sink = sink(&cluster, |_| {});
    let agents = 1..=40;
    for agent in agents.clone() {
        sink.send(datagram(agent, 1).as_received()).unwrap();
    }
    assert_eq!(sink.close(LIMIT).delivered, 40);

    let mut first = source(&cluster, "members");
    let mut second = source(&cluster, "members");
    let mut owned = [BTreeSet::new(), BTreeSet::new()];
    let mut ended = BTreeSet::new();
    let begun = Instant::now();
    while owned.iter().map(BTreeSet::len).ne([2, 2]) || ended.len() < 4 {
        assert!(begun.elapsed() < LIMIT, "{owned:?}");
        for (source, owned) in [&mut first, &mut second].into_iter().zip(&mut owned) {
            let handle = |event: Event<'_>| match event {
                Event::Assigned { partition } => assert!(owned.insert(partition)),
                Event::Revoked { partition } => {
                    ended.remove(&partition);
                    assert!(owned.remove(&partition));
                }
                Event::Datagram { partition, .. } => assert!(owned.contains(&partition)),
                Event::End { partition } => {
                    ended.insert(partition);
                }
                _ => {}
            };
            source.poll(Duration::from_millis(50), handle).unwrap();
        }
    }
    let [mut of_first, of_second] = owned;
    assert!(of_first.is_disjoint(&of_second));

    drop(second);
    let mut replayed = BTreeSet::new();
    let begun = Instant::now();
    let mut ended = BTreeSet::new();
    while !ended.is_superset(&of_second) {
        assert!(begun.elapsed() < LIMIT, "{of_first:?} {of_second:?}");
        let handle = |event: Event<'_>| match event {
            Event::Assigned { partition } => assert!(of_first.insert(partition)),
            Event::Datagram {
                partition,
                received,
            } => {
                assert!(
                    of_second.contains(&partition),
                    "a kept partition is not replayed"
                );
                assert!(replayed.insert(received.source));
            }
            Event::End { partition } => {
                ended.insert(partition);
            }
            event => panic!("{event:?}"),
        };
        first.poll(Duration::from_millis(100), handle).unwrap();
    }
    assert_eq!(of_first.len(), 4);
    assert!(!replayed.is_empty());
}

#[test]
fn records_of_other_writers_are_counted_and_do_not_end_the_source() {
    use rdkafka::ClientConfig;
    use rdkafka::message::{Header, OwnedHeaders};
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    let cluster = cluster(1);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .create()
        .unwrap();
    let header = |key, value: &'static str| Header {
        key,
        value: Some(value),
    };
    let many = (0..1_000).fold(OwnedHeaders::new(), |headers, _| {
        headers.insert(header("other", "value"))
    });
    let without_value = OwnedHeaders::new().insert(Header::<&str> {
        key: "v",
        value: None,
    });
    for headers in [OwnedHeaders::new(), many, without_value] {
        let record = BaseRecord::<[u8], [u8]>::to(TOPIC).headers(headers);
        producer.send(record.payload(&[0; 100])).unwrap();
    }
    producer.flush(LIMIT).unwrap();
    let sink = sink(&cluster, |_| {});
    sink.send(datagram(1, 1).as_received()).unwrap();
    assert_eq!(sink.close(LIMIT).delivered, 1);

    let mut source = source(&cluster, "others");
    let read = read_records(&mut source, 4);
    assert_eq!(read[&0], [datagram(1, 1)]);
    let rejected: Vec<_> = source.stats().rejected.iter().collect();
    assert_eq!(rejected, [(Rejection::UnsupportedVersion, 3)]);
}

/// The client library of this test cannot write such a record.
#[test]
fn header_name_that_is_not_utf_8_does_not_end_the_source() {
    fn signed(number: usize, out: &mut Vec<u8>) {
        // All numbers here are below 64, so that one byte is enough.
        out.push(u8::try_from(number * 2).unwrap());
    }
    let mut record = vec![0, 0, 0, 1]; // Attributes, deltas of time and offset, no key.
    signed(3, &mut record);
    record.extend(b"abc");
    signed(1, &mut record);
    signed(2, &mut record);
    record.extend([0xff, 0xfe]);
    signed(1, &mut record);
    record.push(b'1');

    // A record batch of version 2, from the epoch of the leader on.
    let mut batch = Vec::new();
    batch.extend((-1_i32).to_be_bytes());
    batch.push(2);
    batch.extend([0; 4]); // Checksum, which the client does not verify by default.
    batch.extend([0; 6]); // Attributes and the last offset.
    batch.extend([0; 16]); // First and last time.
    batch.extend([0xff; 14]); // No producer.
    batch.extend(1_u32.to_be_bytes());
    signed(record.len(), &mut batch);
    batch.extend(&record);
    let length = u32::try_from(batch.len()).unwrap();
    let batch = [&[0; 8][..], &length.to_be_bytes(), &batch].concat();

    // Produce, version 7.
    let mut request = vec![0, 0, 0, 7, 0, 0, 0, 1, 0xff, 0xff]; // No name of the client.
    request.extend([0xff, 0xff, 0, 1]); // No transaction, one acknowledgement.
    request.extend(10_000_u32.to_be_bytes());
    request.extend(1_u32.to_be_bytes());
    request.extend(u16::try_from(TOPIC.len()).unwrap().to_be_bytes());
    request.extend(TOPIC.as_bytes());
    request.extend(1_u32.to_be_bytes());
    request.extend(0_u32.to_be_bytes());
    request.extend(u32::try_from(batch.len()).unwrap().to_be_bytes());
    request.extend(&batch);

    let cluster = cluster(1);
    let mut stream = TcpStream::connect(cluster.bootstrap_servers()).unwrap();
    let length = u32::try_from(request.len()).unwrap();
    stream.write_all(&length.to_be_bytes()).unwrap();
    stream.write_all(&request).unwrap();
    stream.read_exact(&mut [0; 8]).unwrap();
    let sink = sink(&cluster, |_| {});
    sink.send(datagram(1, 1).as_received()).unwrap();
    assert_eq!(sink.close(LIMIT).delivered, 1);

    let mut source = source(&cluster, "header");
    let read = read_records(&mut source, 2);
    assert_eq!(read[&0], [datagram(1, 1)]);
    let rejected: Vec<_> = source.stats().rejected.iter().collect();
    assert_eq!(rejected, [(Rejection::UnsupportedVersion, 1)]);
}

#[test]
fn unknown_topic_and_invalid_settings_are_errors() {
    let cluster = cluster(1);
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    cluster.topic_error(TOPIC, unknown).unwrap();
    let error = sink(&cluster, |_| {}).partitions(LIMIT).unwrap_err();
    assert!(
        matches!(&error, Error::UnknownTopic { topic } if topic == TOPIC),
        "{error:?}"
    );

    let option = ("no.such.option".to_owned(), "1".to_owned());
    let settings = SinkSettings::new("localhost:1", TOPIC).with(|it| it.options.push(option));
    let error = Sink::new(&settings).unwrap_err();
    assert!(matches!(error, Error::Settings { .. }), "{error:?}");
    let source = error.source().expect("a source").to_string();
    assert!(source.contains("no.such.option"), "{source}");
    assert!(!error.to_string().contains(&source), "{error}");

    let settings = SourceSettings::new("localhost:1", TOPIC, "");
    let error = Source::subscribe(&settings).unwrap_err();
    assert!(matches!(error, Error::Settings { .. }), "{error:?}");
}

#[test]
fn types_are_send_and_sync() {
    fn send_sync<T: Send + Sync>() {}
    send_sync::<Sink>();
    send_sync::<Source>();
    send_sync::<Error>();
    send_sync::<ClientErrors>();
    send_sync::<Event<'_>>();
}
