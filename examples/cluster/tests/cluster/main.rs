//! Receivers, a log, workers and queries, as programs: the answers are those of one registry.
//!
//! The broker is librdkafka's mock cluster in this process. `CLUSTER_TEST_BROKER`, the address of a
//! broker, runs the same tests with that one as well.

mod answers;
mod broker;
mod datagrams;
mod program;
mod received;
