//! Brokers of the tests.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use sflow_collector::ReceivedDatagram;
use sflow_collector::kafka::{Sink, SinkSettings};

pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Broker {
    pub(crate) address: String,
    pub(crate) topic: String,
    mock: Option<MockCluster<'static, DefaultProducerContext>>,
}

impl Broker {
    pub(crate) fn mock(partitions: i32) -> Self {
        let mock = MockCluster::new(1).unwrap();
        let topic = "sflow.raw".to_owned();
        mock.create_topic(&topic, partitions, 1).unwrap();
        Self {
            address: mock.bootstrap_servers(),
            topic,
            mock: Some(mock),
        }
    }

    /// The broker of the environment, with a new topic.
    pub(crate) fn of_the_environment(partitions: i32) -> Option<Self> {
        let Ok(address) = std::env::var("CLUSTER_TEST_BROKER") else {
            // Past the capture of the test harness, which keeps what passing tests print.
            let reason = "skipped: a real broker; set CLUSTER_TEST_BROKER to the address of one";
            writeln!(std::io::stderr(), "{reason}").ok();
            return None;
        };
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let topic = format!("sflow.test.{}", since.unwrap().as_nanos());
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &address)
            .create()
            .unwrap();
        let new = NewTopic::new(&topic, partitions, TopicReplication::Fixed(1));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let created = runtime
            .unwrap()
            .block_on(admin.create_topics([&new], &AdminOptions::new()));
        created.unwrap()[0].as_ref().unwrap();
        Some(Self {
            address,
            topic,
            mock: None,
        })
    }

    /// Whether the broker finds offsets by time; the mock cluster does not.
    pub(crate) fn finds_times(&self) -> bool {
        self.mock.is_none()
    }

    pub(crate) fn write(&self, datagrams: &[ReceivedDatagram]) {
        let sink = Sink::new(&SinkSettings::new(&self.address, &self.topic)).unwrap();
        for datagram in datagrams {
            sink.send(datagram.as_received()).unwrap();
        }
        let stats = sink.close(LIMIT);
        assert_eq!(stats.delivered, datagrams.len() as u64, "{stats:?}");
    }
}
