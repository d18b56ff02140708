//! Numbers, schedule and batching of an agent.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::proptest;
use sflow_agent::{Agent, Config, Error, Source};
use sflow_v5::counter::{PortName, VirtCpu, VirtNode};
use sflow_v5::enums::DataSourceKind;
use sflow_v5::flow::SampledHeader;
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Opaque, Uuid};
use sflow_v5::{
    Address, CounterRecord, DataFormat, DataSource, Datagram, EncodeError, FlowSample, Frame,
    Interface, Sample,
};

const HOST: DataSource = DataSource::new(DataSourceKind::PHYSICAL, 1);
const PORT: DataSource = DataSource::new(DataSourceKind::INTERFACE, 7);
const START: Duration = Duration::from_secs(1_000);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn config() -> Config {
    Config::new(IpAddr::from([10, 0, 0, 1]))
}

fn agent() -> Agent<u32> {
    let mut agent = Agent::new(config(), START);
    agent.add_unscheduled(1, HOST).unwrap();
    agent.add_unscheduled(2, PORT).unwrap();
    agent
}

/// Adds a sample of some 50 bytes.
fn count(agent: &mut Agent<u32>, key: u32, now: Duration) {
    agent
        .counters_sample(&key, now, |records| records.push(&VirtNode::default()))
        .unwrap();
}

/// Adds a sample with a record of this many bytes.
fn fill(agent: &mut Agent<u32>, key: u32, now: Duration, bytes: usize) -> Result<(), Error> {
    let name = "x".repeat(bytes);
    agent.counters_sample(&key, now, |records| {
        records.push(&PortName {
            name: name.as_str().into(),
        })
    })
}

fn datagrams(agent: &mut Agent<u32>, now: Duration) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    while let Some(bytes) = agent.next_datagram(now) {
        Datagram::parse(bytes).unwrap().validate().unwrap();
        datagrams.push(bytes.to_vec());
    }
    datagrams
}

/// Data source and sequence number of each sample.
fn samples(datagrams: &[Vec<u8>]) -> Vec<(DataSource, u32)> {
    let samples = datagrams
        .iter()
        .flat_map(|bytes| Datagram::parse(bytes).unwrap().samples());
    samples
        .map(|sample| match sample {
            Sample::Counters(sample) => (sample.source_id, sample.sequence_number),
            Sample::Flow(sample) => (sample.source_id, sample.sequence_number),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn datagrams_have_consecutive_numbers_and_the_uptime_of_their_departure() {
    let mut agent = agent();
    for (second, sequence_number) in [(1, 1), (2, 2), (5, 3)] {
        let added = START + Duration::from_secs(second);
        count(&mut agent, 1, added);
        let sent = datagrams(&mut agent, added + ms(250));
        let [bytes] = &sent[..] else { panic!() };
        let header = Datagram::parse(bytes).unwrap().header;
        assert_eq!(header.agent_address, Address::V4([10, 0, 0, 1]));
        assert_eq!(header.sequence_number, sequence_number);
        assert_eq!(u64::from(header.uptime), second * 1_000 + 250);
    }
    assert_eq!((agent.stats().datagrams, agent.stats().samples), (3, 3));
}

#[test]
fn uptime_and_numbers_wrap() {
    let mut config = config();
    config.sequence_number = u32::MAX;
    let mut agent = Agent::new(config, Duration::ZERO);
    let mut source = Source::from(HOST);
    source.counters_sequence = u32::MAX;
    agent.add_unscheduled(1, source).unwrap();
    let now = ms(u64::from(u32::MAX) + 6);
    count(&mut agent, 1, now);
    agent.flush();
    let sent = datagrams(&mut agent, now);
    let header = Datagram::parse(&sent[0]).unwrap().header;
    assert_eq!((header.sequence_number, header.uptime), (0, 5));
    assert_eq!(samples(&sent), [(HOST, 0)]);
}

#[test]
fn each_source_numbers_counters_and_flows_separately() {
    let mut agent = agent();
    let flow = FlowSample::default();
    count(&mut agent, 1, START);
    count(&mut agent, 2, START);
    agent.flow_sample(&2, START, &flow, |_| Ok(())).unwrap();
    count(&mut agent, 2, START);
    agent.flow_sample(&2, START, &flow, |_| Ok(())).unwrap();
    agent.flush();
    let sent = datagrams(&mut agent, START);
    assert_eq!(
        samples(&sent),
        [(HOST, 1), (PORT, 1), (PORT, 1), (PORT, 2), (PORT, 2)]
    );
}

#[test]
fn flow_samples_report_pool_and_drops() {
    let mut agent = agent();
    agent.add_to_pool(&2, u32::MAX).unwrap();
    agent.add_to_pool(&2, 401).unwrap();
    agent.add_drops(&2, 3).unwrap();
    let template = FlowSample {
        sampling_rate: 400,
        input: Interface::index(7),
        output: Interface::INTERNAL,
        // All of these are the agent's.
        sequence_number: 99,
        sample_pool: 99,
        drops: 99,
        ..FlowSample::default()
    };
    agent
        .flow_sample(&2, START, &template, |records| {
            records.push(&SampledHeader {
                header: Opaque(&[1; 64]),
                ..SampledHeader::default()
            })
        })
        .unwrap();
    agent.flush();
    let sent = datagrams(&mut agent, START);
    let Some(Sample::Flow(sample)) = Datagram::parse(&sent[0]).unwrap().samples().next() else {
        panic!()
    };
    assert_eq!((sample.sequence_number, sample.source_id), (1, PORT));
    assert_eq!((sample.sample_pool, sample.drops), (400, 3));
    assert_eq!(sample.sampling_rate, 400);
    assert_eq!(
        (sample.input, sample.output),
        (template.input, template.output)
    );
    assert!(sample.find::<SampledHeader<'_>>().is_some());
    assert_eq!(agent.add_to_pool(&3, 1), Err(Error::UnknownSource));
    assert_eq!(agent.add_drops(&3, 1), Err(Error::UnknownSource));
}

#[test]
fn samples_wait_for_each_other_up_to_the_maximum_delay() {
    let mut agent = agent();
    assert_eq!(agent.next_due(), None);
    count(&mut agent, 1, START);
    count(&mut agent, 2, START + ms(60));
    assert_eq!(agent.next_datagram_due(), Some(START + ms(100)));
    assert_eq!(agent.next_datagram(START + ms(99)), None);
    let sent = datagrams(&mut agent, START + ms(100));
    assert_eq!(sent.len(), 1);
    assert_eq!(samples(&sent), [(HOST, 1), (PORT, 1)]);
    assert_eq!(agent.next_due(), None);
}

#[test]
fn full_datagrams_do_not_wait() {
    let mut agent = agent();
    for _ in 0..3 {
        fill(&mut agent, 1, START, 400).unwrap();
    }
    assert_eq!(agent.next_datagram(START), None);
    fill(&mut agent, 1, START + ms(10), 400).unwrap();
    let sent = datagrams(&mut agent, START + ms(10));
    assert_eq!(samples(&sent), [(HOST, 1), (HOST, 2), (HOST, 3)]);
    // The fourth waits for its own time.
    assert_eq!(agent.next_datagram_due(), Some(START + ms(110)));
    assert_eq!(
        samples(&datagrams(&mut agent, START + ms(110))),
        [(HOST, 4)]
    );
}

#[test]
fn sample_larger_than_a_datagram_is_counted() {
    let mut agent = agent();
    let too_large = Error::TooLarge {
        max_datagram: 1_400,
    };
    assert_eq!(fill(&mut agent, 1, START, 1_400), Err(too_large));
    assert_eq!(agent.stats().oversized, 1);
    // It has no number, and the next sample is not affected.
    count(&mut agent, 1, START);
    agent.flush();
    assert_eq!(samples(&datagrams(&mut agent, START)), [(HOST, 1)]);
}

#[test]
fn largest_sample_fills_a_datagram_exactly() {
    for address in [IpAddr::from([10, 0, 0, 1]), IpAddr::from([0x20; 16])] {
        let mut agent = Agent::new(Config::new(address), START);
        agent.add_unscheduled(1, HOST).unwrap();
        let largest = (0..1_400)
            .rev()
            .find(|bytes| fill(&mut agent, 1, START, *bytes).is_ok());
        assert!(largest.is_some());
        agent.flush();
        let sent = datagrams(&mut agent, START);
        assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [1_400]);
    }
}

#[test]
fn failed_record_leaves_no_trace() {
    let mut agent = agent();
    let error = EncodeError::OutOfRange {
        field: "field",
        value: 2,
        maximum: 1,
    };
    let refused = agent.counters_sample(&1, START, |records| {
        records.push(&VirtNode::default())?;
        Err(error)
    });
    assert_eq!(refused, Err(Error::Encode(error)));
    assert_eq!(agent.stats().oversized, 0);
    count(&mut agent, 1, START);
    agent.flush();
    assert_eq!(samples(&datagrams(&mut agent, START)), [(HOST, 1)]);
}

#[test]
fn compact_source_with_a_large_index_is_refused() {
    let mut agent = Agent::new(config(), START);
    let mut source = Source::from(DataSource::new(DataSourceKind::INTERFACE, 1 << 24));
    source.encoding = Encoding::Compact;
    agent.add_unscheduled(1, source).unwrap();
    let refused = agent.counters_sample(&1, START, |_| Ok(()));
    assert!(matches!(
        refused,
        Err(Error::Encode(EncodeError::OutOfRange { .. }))
    ));
}

/// A record of a later version of its structure has more fields than this crate declares.
#[test]
fn records_are_sent_as_they_were_written() {
    let body: Vec<u8> = (0..40).collect();
    let frame = Frame {
        format: DataFormat::new(0, 2101),
        bytes: &body,
    };
    let mut agent = agent();
    agent
        .counters_sample(&1, START, |records| {
            records.push_record(&CounterRecord::Unknown(frame))
        })
        .unwrap();
    agent.flush();
    let sent = datagrams(&mut agent, START);
    assert!(sent[0].ends_with(&body));
    let Some(Sample::Counters(sample)) = Datagram::parse(&sent[0]).unwrap().samples().next() else {
        panic!()
    };
    assert!(sample.find::<VirtCpu>().is_some());
}

#[test]
fn oldest_samples_are_discarded_when_too_many_wait() {
    let mut config = config();
    config.max_pending = 3_000;
    let mut agent = Agent::new(config, START);
    agent.add_unscheduled(1, HOST).unwrap();
    for _ in 0..10 {
        fill(&mut agent, 1, START, 900).unwrap();
    }
    agent.flush();
    let sent = datagrams(&mut agent, START);
    assert_eq!(samples(&sent), [(HOST, 8), (HOST, 9), (HOST, 10)]);
    assert_eq!(agent.stats().discarded, 7);
}

#[test]
fn datagram_sizes_beyond_udp_and_below_the_header_are_handled() {
    let mut config = config();
    config.max_datagram = usize::MAX;
    let mut large = Agent::new(config, START);
    assert_eq!(large.config().max_datagram, 65_507);
    large.add_unscheduled(1, HOST).unwrap();
    fill(&mut large, 1, START, 65_000).unwrap();
    assert!(fill(&mut large, 1, START, 65_500).is_err());

    config.max_datagram = 20;
    let mut small = Agent::new(config, START);
    small.add_unscheduled(1, HOST).unwrap();
    let refused = small.counters_sample(&1, START, |_| Ok(()));
    assert_eq!(refused, Err(Error::TooLarge { max_datagram: 20 }));
    small.flush();
    assert_eq!(small.next_datagram(START), None);
}

#[test]
fn keys_and_data_sources_are_unique() {
    let mut agent = agent();
    let other = DataSource::new(DataSourceKind::VLAN, 1);
    assert_eq!(agent.add(1, other, START), Err(Error::DuplicateKey));
    let duplicate = Err(Error::DuplicateDataSource(HOST));
    assert_eq!(agent.add(3, HOST, START), duplicate);
    assert_eq!(agent.next_source_due(), None);
    assert_eq!(agent.remove(&1).unwrap().id, HOST);
    assert_eq!(agent.remove(&1), None);
    agent.add(3, HOST, START).unwrap();
    assert_eq!(agent.next_source(START), Some(3));
    let late = agent.counters_sample(&1, START, |_| Ok(()));
    assert_eq!(late, Err(Error::UnknownSource));
    assert_eq!(agent.schedule(&1, START), Err(Error::UnknownSource));
}

#[test]
fn removed_source_still_sends_what_waits() {
    let mut agent = agent();
    count(&mut agent, 1, START);
    assert_eq!(agent.remove(&1).unwrap().counters_sequence, 1);
    agent.flush();
    assert_eq!(samples(&datagrams(&mut agent, START)), [(HOST, 1)]);
}

#[test]
fn containers_keep_their_index_unless_it_is_taken() {
    let mut agent = agent();
    let uuid = Uuid([7; 16]);
    let first = agent.container_source(uuid);
    assert_eq!(first.kind, DataSourceKind::LOGICAL);
    assert!((100_000..150_000).contains(&first.index));
    assert_eq!(agent.container_source(uuid), first);
    agent.add_unscheduled(10, first).unwrap();
    let second = agent.container_source(uuid);
    assert_ne!(second, first);
    agent.remove(&10);
    assert_eq!(agent.container_source(uuid), first);
}

/// Times of the readings of each source.
fn readings(agent: &mut Agent<u32>, until: Duration) -> BTreeMap<u32, Vec<Duration>> {
    let mut readings = BTreeMap::<u32, Vec<Duration>>::new();
    while let Some(due) = agent.next_source_due().filter(|due| *due < until) {
        let key = agent.next_source(due).unwrap();
        readings.entry(key).or_default().push(due);
    }
    readings
}

#[test]
fn first_readings_are_immediate_and_later_ones_spread() {
    const SOURCES: u32 = 40;
    let mut agent = Agent::new(config(), START);
    for key in 0..SOURCES {
        let source = DataSource::new(DataSourceKind::INTERFACE, key + 1);
        agent.add(key, source, START).unwrap();
    }
    let readings = readings(&mut agent, START + Duration::from_secs(60));
    let mut per_second = [0; 10];
    for times in readings.values() {
        assert_eq!(times[0], START);
        let first = times[1] - times[0];
        assert!((ms(2_500)..ms(12_500)).contains(&first), "{first:?}");
        for pair in times[1..].windows(2) {
            assert_eq!(pair[1] - pair[0], Duration::from_secs(10));
        }
        per_second[(first.as_secs() % 10) as usize] += 1;
    }
    assert_eq!(readings.len(), SOURCES as usize);
    assert!(
        per_second.iter().all(|count| (2..=7).contains(count)),
        "{per_second:?}"
    );
}

#[test]
fn missed_readings_are_not_made_up_for() {
    let mut agent = Agent::new(config(), START);
    agent.add(1, HOST, START).unwrap();
    assert_eq!(agent.next_source(START), Some(1));
    let late = START + Duration::from_secs(3_600);
    assert_eq!(agent.next_source(late), Some(1));
    assert_eq!(agent.next_source(late), None);
    assert_eq!(agent.next_due(), Some(late + Duration::from_secs(10)));
}

#[test]
fn schedule_can_be_set() {
    let mut agent = Agent::new(config(), START);
    agent.add(1, HOST, START).unwrap();
    agent.add_unscheduled(2, PORT).unwrap();
    agent.schedule(&1, START + ms(5)).unwrap();
    agent.schedule(&2, START + ms(3)).unwrap();
    let first: Vec<_> = std::iter::from_fn(|| agent.next_source(START + ms(9))).collect();
    assert_eq!(first, [2, 1]);
    assert_eq!(agent.next_due(), Some(START + ms(10_003)));
}

#[test]
fn extreme_polling_intervals_do_not_hang_or_panic() {
    for polling in [Duration::ZERO, Duration::MAX] {
        let mut config = config();
        config.polling = polling;
        config.max_delay = Duration::MAX;
        let mut agent = Agent::new(config, START);
        agent.add(1, HOST, START).unwrap();
        assert_eq!(agent.next_source(START), Some(1));
        assert_eq!(agent.next_source(START), None);
        count(&mut agent, 1, START);
        assert_eq!(agent.next_datagram_due(), None);
        assert!(agent.next_due().unwrap() > START);
    }
}

#[test]
fn restarted_agent_counts_from_the_beginning() {
    let mut agent = Agent::new(config(), START);
    agent.add(1, HOST, START).unwrap();
    agent.add(2, PORT, START).unwrap();
    agent.add_to_pool(&2, 100).unwrap();
    while let Some(key) = agent.next_source(START) {
        count(&mut agent, key, START);
    }
    agent.flush();
    datagrams(&mut agent, START);
    count(&mut agent, 1, START);

    let now = START + Duration::from_secs(100);
    agent.restart(now);
    assert_eq!(agent.stats().discarded, 1);
    assert_eq!(agent.source(&2), Some(&Source::from(PORT)));
    let due: Vec<_> = std::iter::from_fn(|| agent.next_source(now)).collect();
    assert_eq!(due, [1, 2]);
    count(&mut agent, 1, now);
    let sent = datagrams(&mut agent, now + ms(100));
    let header = Datagram::parse(&sent[0]).unwrap().header;
    assert_eq!((header.sequence_number, header.uptime), (1, 100));
    assert_eq!(samples(&sent), [(HOST, 1)]);
}

/// Every collector receives every datagram, even if sending to another one fails.
#[test]
fn collectors_are_independent() {
    let mut agent = agent();
    let mut received = [Vec::new(), Vec::new()];
    let mut failures = 0;
    for second in 0..20 {
        let now = START + Duration::from_secs(second);
        count(&mut agent, 1, now);
        while let Some(datagram) = agent.next_datagram(now + ms(100)) {
            for (number, collector) in received.iter_mut().enumerate() {
                let is_down = number == 0 && (5..10).contains(&second);
                if is_down {
                    failures += 1;
                } else {
                    collector.push(datagram.to_vec());
                }
            }
        }
    }
    let [first, second] = received;
    assert_eq!((first.len(), second.len(), failures), (15, 20, 5));
    assert!(first.iter().all(|datagram| second.contains(datagram)));
}

#[test]
fn readme_shows_the_example() {
    let example = include_str!("../examples/agent.rs");
    let (_, code) = example.split_once('\n').unwrap();
    assert!(include_str!("../README.md").contains(code));
}

#[test]
fn agents_can_be_shared_between_threads() {
    const fn check<T: Send + Sync + 'static>() {}
    check::<Agent<String>>();
    check::<Config>();
    check::<Error>();
}

proptest! {
    /// Nothing is lost or reordered, no datagram is too large, and no sample waits too long.
    #[test]
    fn batches_hold_every_sample_in_order(
        samples in vec((0_usize..1_500, 0_u64..80), 0..60),
        max_datagram in 200_usize..1_500,
    ) {
        let mut config = config();
        config.max_datagram = max_datagram;
        let mut agent = Agent::new(config, START);
        agent.add_unscheduled(1, HOST).unwrap();
        let mut now = START;
        let (mut accepted, mut sent) = (0, Vec::new());
        for (bytes, wait) in samples {
            now += ms(wait);
            sent.extend(datagrams(&mut agent, now));
            if fill(&mut agent, 1, now, bytes).is_ok() {
                accepted += 1;
            }
            sent.extend(datagrams(&mut agent, now));
            if let Some(due) = agent.next_datagram_due() {
                assert!(due > now && due <= now + ms(100));
            }
        }
        agent.flush();
        sent.extend(datagrams(&mut agent, now));
        let numbers: Vec<u32> = self::samples(&sent).iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, (1..=accepted).collect::<Vec<u32>>());
        assert!(sent.iter().all(|datagram| datagram.len() <= max_datagram));
        for (position, bytes) in sent.iter().enumerate() {
            let header = Datagram::parse(bytes).unwrap().header;
            assert_eq!(header.sequence_number as usize, position + 1);
        }
        let stats = agent.stats();
        assert_eq!((stats.samples, stats.discarded), (u64::from(accepted), 0));
    }
}
