//! A log of received datagrams on Kafka's protocol, so that receiving and evaluating are separate
//! programs, on several machines.
//!
//! A [`Sink`] writes received datagrams to a topic. A [`Source`] reads them again: the members of a
//! consumer group divide the partitions of the topic among themselves, and take over those of a
//! member that fails. All datagrams of an agent are in one partition, in the order in which they
//! were written.
//!
//! The client is librdkafka, which this crate compiles without TLS and SASL: every program that
//! reaches the brokers can write in the name of every agent. Keep them in a network of their own. This module has
//! been tested with librdkafka's mock cluster and with tansu 0.6, not with Apache Kafka.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use sflow_collector::kafka::{Event, Sink, SinkSettings, Source, SourceSettings};
//! use sflow_collector::udp::{SocketSettings, UdpReceiver};
//!
//! fn receive() -> Result<(), Box<dyn std::error::Error>> {
//!     let sink = Sink::new(&SinkSettings::new("broker:9092", "sflow.raw"))?;
//!     let address = ([0, 0, 0, 0], sflow_collector::SFLOW_PORT).into();
//!     let mut receiver = UdpReceiver::bind(address, &SocketSettings::default())?;
//!     loop {
//!         // Never waits; a lost datagram is counted with its cause.
//!         sink.send(receiver.receive()?).ok();
//!     }
//! }
//!
//! fn work() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut source = Source::subscribe(&SourceSettings::new("broker:9092", "sflow.raw", "workers"))?;
//!     loop {
//!         source.poll(Duration::from_secs(1), |event| match event {
//!             Event::Assigned { partition } => println!("{partition}: begins"),
//!             Event::Datagram { partition, received } => {
//!                 println!("{partition}: {} bytes from {}", received.bytes.len(), received.source);
//!             }
//!             Event::Revoked { partition } => println!("{partition}: has another owner"),
//!             _ => {}
//!         })?;
//!     }
//! }
//! ```

mod akvorado;
mod client;
mod envelope;
mod sink;
mod source;

pub use self::client::{ClientError, ClientErrors, Error};
pub use self::envelope::{EncodedRecord, Envelope, Record, Rejection, UnknownEnvelope, agent_key};
pub use self::sink::{Loss, Sink, SinkSettings, SinkStats};
pub use self::source::{Event, Source, SourceSettings, SourceStats, Start};
