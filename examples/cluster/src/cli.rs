//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::{ArgGroup, Args, Parser, Subcommand};
use sflow_collector::kafka::Envelope;
use sflow_collector::udp::listen_address;
use sflow_metrics::query::Query;
use sflow_metrics::{HashKey, flow};

use crate::ask::{Ask, Question};
use crate::receive::Receive;
use crate::work::{Replay, Work};

/// Evaluate sFlow on several machines, with a log on Kafka's protocol between receiving and evaluating.
///
/// Receivers write the datagrams of agents to a topic, partitioned by agent. Workers divide the
/// partitions among themselves and keep the telemetry of each. Queries ask all workers and merge their
/// answers. For most networks one machine is enough: see the README.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive datagrams from agents, and write them to the log.
    Receive(ReceiveArguments),
    /// Read partitions of the log, keep their telemetry, and answer queries about it.
    Work(WorkArguments),
    /// Ask all workers, and print one answer.
    Ask(AskArguments),
}

#[derive(Debug, Args)]
struct Log {
    /// Brokers of the log, HOST:PORT, separated by commas.
    #[arg(short, long, value_name = "HOST:PORT")]
    brokers: String,

    /// The topic. It has to exist, with as many partitions as there will ever be workers.
    #[arg(short, long, value_name = "TOPIC", default_value = "sflow.raw")]
    topic: String,

    /// A setting of librdkafka, NAME=VALUE; may be repeated.
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    options: Vec<(String, String)>,
}

#[derive(Debug, Args)]
struct ReceiveArguments {
    #[command(flatten)]
    log: Log,

    /// Receive on ADDRESS:PORT, ADDRESS or PORT.
    #[arg(short, long, value_name = "ADDRESS", default_value = "0.0.0.0:6343", value_parser = listen_address)]
    listen: SocketAddr,

    /// The name of this receiver, which its records contain.
    #[arg(long, value_name = "NAME", default_value = "receiver")]
    name: String,

    /// Maximum memory of datagrams that the log has not acknowledged, in MiB. Further ones are lost and
    /// counted.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    queue: u32,
}

#[derive(Debug, Args)]
struct WorkArguments {
    #[command(flatten)]
    log: Log,

    /// The consumer group, the same for all workers.
    #[arg(long, value_name = "GROUP", default_value = "sflow.workers")]
    group: String,

    /// A name of this worker, different from all others: if it restarts within six seconds, it gets its
    /// partitions back.
    #[arg(long, value_name = "NAME")]
    member: Option<String>,

    /// The envelope of records: `sflow`, or `akvorado` for the raw topic of Akvorado (flows-v5).
    #[arg(long, value_name = "ENVELOPE", default_value_t)]
    envelope: Envelope,

    /// How much of a partition to read again when it is assigned: a duration such as 11m, or `all`
    /// [default: what the watched queries and flows need, at least 11m].
    #[arg(long, value_name = "TIME", value_parser = replay)]
    replay: Option<Replay>,

    /// A definition of flows to keep, as in `query --flows`; may be repeated. All workers need the same.
    #[arg(long, value_name = "DEFINITION")]
    flows: Vec<flow::Definition>,

    /// A query whose window to keep, such as `avg:load_one[5m]`; may be repeated. Queries without a
    /// window need no such option.
    #[arg(long, value_name = "QUERY")]
    watch: Vec<Query>,

    /// A file with 32 hexadecimal digits, the same for all workers: for counts of distinct values.
    #[arg(long, value_name = "FILE")]
    hash_key: Option<PathBuf>,

    /// Answer queries on ADDRESS:PORT, ADDRESS or PORT. There is no authentication: on another address
    /// than 127.0.0.1, every client that reaches the port can read.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9350", value_parser = http_address)]
    http: SocketAddr,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("question").args(["query", "flows"]).required(true))]
struct AskArguments {
    /// The query, as of `query`.
    #[arg(value_name = "QUERY")]
    query: Option<Query>,

    /// The heaviest flows of a definition that the workers keep.
    #[arg(short, long, value_name = "DEFINITION")]
    flows: Option<flow::Definition>,

    /// A worker, HOST:PORT. May be repeated; a name with several addresses is several workers.
    #[arg(short, long = "worker", value_name = "HOST:PORT", required = true)]
    workers: Vec<String>,

    /// The time of the answer, such as 2026-11-23T04:05:59Z, for a log of the past [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<SystemTime>,

    /// How long to wait for workers.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    timeout: Duration,

    /// Print JSON, one object per line.
    #[arg(short, long)]
    json: bool,
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Receive(arguments) => arguments.run(),
            Command::Work(arguments) => arguments.run(),
            Command::Ask(arguments) => arguments.run(),
        }
    }
}

impl ReceiveArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let receive = Receive {
            brokers: self.log.brokers,
            topic: self.log.topic,
            options: self.log.options,
            listen: self.listen,
            name: self.name,
            queue_bytes: (self.queue as usize) << 20,
        };
        receive.run().map(|()| ExitCode::SUCCESS)
    }
}

impl WorkArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let hash_key = match &self.hash_key {
            Some(path) => hash_key(path)?,
            None => HashKey::random(),
        };
        let work = Work {
            brokers: self.log.brokers,
            topic: self.log.topic,
            options: self.log.options,
            group: self.group,
            member: self.member,
            envelope: self.envelope,
            replay: self.replay,
            flows: self.flows,
            watched: self.watch,
            hash_key,
            http: self.http,
        };
        work.run().map(|()| ExitCode::SUCCESS)
    }
}

impl AskArguments {
    fn run(self) -> anyhow::Result<ExitCode> {
        let question = match (self.query, self.flows) {
            (Some(query), _) => Question::Query(query),
            (None, Some(definition)) => Question::Flows(definition),
            (None, None) => anyhow::bail!("give a query or --flows"),
        };
        let ask = Ask {
            question,
            workers: self.workers,
            at: self.at.unwrap_or_else(SystemTime::now),
            timeout: self.timeout,
            is_json: self.json,
        };
        Ok(match ask.run()? {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

fn hash_key(path: &Path) -> anyhow::Result<HashKey> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let key = text.trim().parse();
    key.with_context(|| format!("invalid key in {}", path.display()))
}

fn option(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn replay(text: &str) -> Result<Replay, &'static str> {
    match text {
        "all" => Ok(Replay::All),
        _ => duration(text).map(Replay::Last),
    }
}

/// `10s`, `500ms`, `5m`.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = text.parse::<jiff::SignedDuration>().ok();
    let duration: Option<Duration> = duration.and_then(|duration| duration.try_into().ok());
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or("give a duration above zero in ms, s, m or h, as in 10s or 5m")
}

fn time(text: &str) -> Result<SystemTime, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(SystemTime::from)
}

fn http_address(text: &str) -> Result<SocketAddr, &'static str> {
    let default = ([127, 0, 0, 1], 9350).into();
    serve::listen_address(text, default).ok_or("give a port, an address, or both")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
