//! The public interface: results of `ingest`, conversions, groupings, formats.

mod support;

use std::borrow::Cow;
use std::error::Error as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use sflow_metrics::entity::{Entity, Identity};
use sflow_metrics::event::{Event, Threshold};
use sflow_metrics::query::{self, Partial, Query};
use sflow_metrics::{
    AgentKey, AgentStatus, Config, Disposition, Health, Metric, Refusal, Registry, Timestamp,
};
use sflow_v5::{Address, CounterRecord, Encoder, Header, Sample, counter::HostCpu};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

#[test]
fn public_types_are_send_and_sync() {
    fn assert_send_and_sync<T: Send + Sync>() {}
    assert_send_and_sync::<Registry>();
    assert_send_and_sync::<Config>();
    assert_send_and_sync::<Health>();
    assert_send_and_sync::<Metric>();
    assert_send_and_sync::<AgentStatus>();
    assert_send_and_sync::<Entity<'_>>();
    assert_send_and_sync::<Identity>();
    assert_send_and_sync::<Event>();
    assert_send_and_sync::<Threshold>();
    assert_send_and_sync::<Query>();
    assert_send_and_sync::<Partial>();
    assert_send_and_sync::<query::Error>();
    #[cfg(feature = "flows")]
    assert_send_and_sync::<sflow_metrics::flow::Definition>();
}

/// A datagram with one counters sample.
fn datagram(sequence: u32, uptime: u32) -> Vec<u8> {
    let header = Header {
        agent_address: Address::V4([10, 0, 0, 1]),
        sequence_number: sequence,
        uptime,
        ..Header::default()
    };
    let records = [CounterRecord::from(HostCpu {
        load_one: 1.0.into(),
        ..HostCpu::default()
    })];
    let mut buffer = [0; 1400];
    let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
    encoder
        .push(&Sample::Counters(sflow_v5::CountersSample {
            sequence_number: sequence,
            records: sflow_v5::Records::from(&records[..]),
            ..sflow_v5::CountersSample::default()
        }))
        .unwrap();
    encoder.finish().to_vec()
}

#[test]
fn ingest_returns_what_happened() {
    let mut registry = Registry::new(Config::default().with(|config| config.max_agents = 4));
    let sender = SocketAddr::from((SENDER, 5000));
    let cases = [
        ("first", 10, 100_000, 10.0, Disposition::Accepted, 1),
        ("with loss", 12, 120_000, 30.0, Disposition::Accepted, 1),
        ("repeated", 12, 120_000, 30.1, Disposition::Duplicate, 0),
        // It contains a sample that was counted as missing, but no newer reading.
        ("reordered", 11, 110_000, 30.2, Disposition::Reordered, 0),
        ("jump", 900_000, 7_000, 30.3, Disposition::Pending, 0),
    ];
    for (case, sequence, uptime, seconds, disposition, samples_used) in cases {
        let bytes = datagram(sequence, uptime);
        let ingested = registry
            .ingest_bytes(support::at(seconds), sender, &bytes)
            .unwrap();
        assert_eq!(ingested.disposition, disposition, "{case}");
        assert_eq!(ingested.samples_used, samples_used, "{case}");
        assert_eq!(
            disposition.is_used(),
            matches!(disposition, Disposition::Accepted | Disposition::Reordered)
        );
    }
    let refused = (0..8).find_map(|number| {
        let sender = SocketAddr::from(([10, 0, number, 2], 5000));
        let bytes = datagram(1, 1_000);
        let ingested = registry.ingest_bytes(support::at(31.0), sender, &bytes);
        match ingested.unwrap().disposition {
            Disposition::Refused(reason) => Some(reason),
            _ => None,
        }
    });
    assert_eq!(refused, Some(Refusal::Capacity));
}

#[test]
fn bytes_of_another_version_are_an_error() {
    let mut registry = Registry::default();
    let sender = SocketAddr::from((SENDER, 5000));
    assert!(
        registry
            .ingest_bytes(support::at(0.0), sender, b"hello world")
            .is_err()
    );
    assert_eq!(*registry.health(), Health::default());
}

#[test]
fn timestamp_converts_from_and_to_system_time() {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    let timestamp = Timestamp::from(time);
    assert_eq!(timestamp.as_nanos(), 1_700_000_000_250_000_000);
    assert_eq!(SystemTime::from(timestamp), time);
    let before_epoch = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(Timestamp::from(before_epoch), Timestamp::ZERO);
    assert_eq!(
        format!("{:>16}", Timestamp::from_secs(7)),
        "           7.000"
    );
}

#[test]
fn agent_key_honours_width() {
    let key = AgentKey {
        sender: SENDER,
        address: Address::V4([10, 0, 0, 1]),
        sub_agent: 3,
        instance: 0,
    };
    assert_eq!(format!("{key:<14}|"), "10.0.0.1/3    |");
}

#[test]
fn groups_by_function_of_caller() {
    let mut registry = Registry::default();
    for number in 1..=2 {
        let bytes = datagram(number, number * 10_000);
        let sender = SocketAddr::from((SENDER, 5000));
        let _ = registry.ingest_bytes(support::at(f64::from(number) * 10.0), sender, &bytes);
    }
    let query: Query = "avg:load_one".parse().unwrap();
    let by_agent = registry.query_groups_by(support::at(21.0), &query, |entity| {
        Some(Cow::Owned(format!("agent {}", entity.agent().address)))
    });
    assert_eq!(&*by_agent.groups[0].name, "agent 10.0.0.1");
    assert_eq!(by_agent.groups[0].summaries[0].value, Some(1.0));
    let none = registry.query_groups_by(support::at(21.0), &query, |_| None);
    assert_eq!((none.groups.len(), none.ungrouped), (0, 1));
}

#[test]
fn summary_displays_value_and_counts() {
    let mut registry = Registry::default();
    let sender = SocketAddr::from((SENDER, 5000));
    let _ = registry.ingest_bytes(support::at(10.0), sender, &datagram(1, 10_000));
    let query: Query = "avg:load_one,avg:cpu_utilization".parse().unwrap();
    let summaries = registry.query(support::at(11.0), &query);
    assert_eq!(summaries[0].to_string(), "1 (1 of 1)");
    assert_eq!(format!("{:>20}|", summaries[1]), "   no value (0 of 1)|");
}

#[test]
fn metric_is_parsed_from_its_name() {
    for metric in Metric::all() {
        assert_eq!(metric.name().parse().as_ref(), Ok(metric));
    }
    let error = "load_won".parse::<Metric>().unwrap_err();
    assert!(error.to_string().contains("did you mean `load_one`?"));
}

#[test]
fn keys_of_queries_are_parsed_from_their_names() {
    assert_eq!(query::Key::all().len(), 11);
    for key in query::Key::all() {
        assert_eq!(key.name().parse(), Ok(*key));
    }
}

#[cfg(feature = "serde")]
#[test]
fn query_is_serialised_as_text() {
    let query: Query = "avg:vir_cpu_cores{container=a.*} by host [30s:max]"
        .parse()
        .unwrap();
    let text = serde_json::to_string(&query).unwrap();
    assert_eq!(text, format!("\"{query}\""));
    assert_eq!(serde_json::from_str::<Query>(&text).unwrap(), query);
    let error = serde_json::from_str::<Query>("\"avg:load_won\"").unwrap_err();
    assert!(error.to_string().contains("unknown metric `load_won`"));
}

#[test]
fn errors_describe_problem_and_position() {
    let error = "avg:load_one{name=a}".parse::<Query>().unwrap_err();
    assert_eq!(error.position(), 13);
    assert!(matches!(error.kind(), query::ErrorKind::UnknownKey(name) if name == "name"));
    assert!(error.source().is_none());
}
