//! The command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory as _, Parser};
use sflow_collector::capture::Port;
use sflow_collector::udp::listen_address;
use sflow_metrics::{flow, query::Query};

use crate::duration;
use crate::feed::Feed;
use crate::prometheus::{self, Wish};
use crate::run::{Heard, Run};
use crate::show::{self, View};

/// Ask an sFlow stream a question: a capture, or what agents send to this machine.
///
/// The question comes first, then the captures: pcap or pcapng, also compressed with gzip, zstd,
/// xz, bzip2 or LZ4, or directories of these; `-` is standard input. Times are those of the
/// capture; with --listen, those of the world.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("view").args(["flows", "entities", "agents", "metrics", "flow_keys"]))]
pub(crate) struct Cli {
    /// The question, unless --flows, --entities or another of these asks one; then captures.
    #[arg(value_name = "QUERY|FILE")]
    words: Vec<String>,

    /// Receive from agents instead: on ADDRESS:PORT, or one of the two; 0.0.0.0:6343 if neither.
    #[arg(short, long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "0.0.0.0:6343", value_parser = listen_address)]
    listen: Option<SocketAddr>,

    /// In captures, the UDP port that agents sent to; `any` takes all of them.
    #[arg(
        long,
        value_name = "PORT",
        default_value = "6343",
        conflicts_with = "listen"
    )]
    port: Port,

    /// Answer every so often: 10s, 500ms, 5m. Of captures otherwise once, at their end.
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse)]
    every: Option<Duration>,

    /// Show the heaviest flows: keys=KEY,…;value=bytes;filter=KEY=VALUE&…;top=N;smooth=10s.
    ///
    /// Keys say what tells flows apart; --flow-keys lists them, and what can be measured. Of
    /// captures it shows all there was unless `smooth` or --every say otherwise, else what there is
    /// per second.
    #[arg(short, long, value_name = "DEFINITION")]
    flows: Option<String>,

    /// List what can tell flows apart, and what can be measured of them; needs no capture.
    #[arg(long)]
    flow_keys: bool,

    /// Show hosts, containers, interfaces and whatever else counts.
    #[arg(long)]
    entities: bool,

    /// Show the agents, what they lost, and what was refused.
    #[arg(long)]
    agents: bool,

    /// List the metrics that can be asked for, with unit and origin; needs no capture.
    #[arg(long)]
    metrics: bool,

    /// Serve the numbers to Prometheus: on ADDRESS:PORT, or one of the two; 127.0.0.1:9343 if neither.
    ///
    /// OpenMetrics at /metrics. Without a QUERY all metrics of all entities; with one only its
    /// metrics, of the entities that it is about, and its answers, which are printed, too. What
    /// agents count is told as they count it, for rate() to compute from; who is not heard in time
    /// is left out. After captures it serves what they ended with, until Ctrl-C. There is no
    /// password: on another address than 127.0.0.1 everybody who reaches it can read.
    #[arg(short, long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:9343", value_parser = prometheus::address)]
    prometheus: Option<SocketAddr>,

    /// Series at most in one answer, of 12 MiB at most; sflow_series_left_out counts the others.
    ///
    /// Answers come first, then agents, then the entities in the order in which they appeared.
    /// sflow_stream_… and sflow_entities are always told.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        requires = "prometheus"
    )]
    prometheus_series: usize,

    /// Answer in JSON, one object a line.
    #[arg(short, long)]
    json: bool,
}

const EXAMPLES: &str = "\
Questions:
  STATISTIC:METRIC[+METRIC…][,…][{KEY=VALUE[|VALUE…][,…]}][ by KEY][[WINDOW]]
  statistics: avg sum min max median q1 q3 iqr p95 var sdev count any
  keys: vir_host_name vir_uuid vir_cpu_state host_name uuid ifname ifindex agent …
  values may have `*`, != excludes; a window is 30s, 5m:max, 1m:p95, 1m tumbling, …
  `query --metrics` lists the metrics, and `custom.NAME` is what applications call NAME

Examples:
  How busy is a service, every ten seconds of a capture?
    query 'avg:vir_cpu_utilization{vir_host_name=apache.*}' capture.pcap --every 10s

  Live, several things at once:
    query 'avg:load_one,max:mem_utilization,sum:bytes_in+bytes_out' --listen

  By service (what a swarm puts in front of slot and task)?
    query 'sum:vir_cpu_cores by vir_host_name=(*).*.*' capture.pcap

  Who talks to whom?
    query --flows 'keys=end.src,end.dst,ip.protocol;value=bytes' capture.pcap
    query --flows 'keys=drop.reason;value=drops' --listen

  For Prometheus, everything, or one question on another port?
    query --listen --prometheus
    query 'avg:vir_cpu_utilization by host_name' --listen --prometheus 0.0.0.0:9344

  Who is there, and how are they?
    query --entities capture.pcap
    query --agents --listen --every 5s

Exit codes:
  0  all was read
  1  something could not be read or received, or nothing was there
  2  the command line is wrong";

impl Cli {
    /// Does what was asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut words = self.words.into_iter();
        let view = if self.metrics {
            return show::catalogue(self.json).map(|()| ExitCode::SUCCESS);
        } else if self.flow_keys {
            return show::keys(self.json).map(|()| ExitCode::SUCCESS);
        } else if self.prometheus.is_some()
            && words
                .as_slice()
                .first()
                .is_none_or(|word| Path::new(word).exists() || word == "-")
            && !(self.entities || self.agents || self.flows.is_some())
        {
            // Nothing to print, only to serve.
            None
        } else if let Some(text) = &self.flows {
            let definition = match text.parse::<flow::Definition>() {
                Ok(definition) => definition,
                Err(error) => usage(ErrorKind::ValueValidation, &error.to_string()),
            };
            let is_once = self.listen.is_none() && self.every.is_none();
            Some(View::Flows(if is_once && !text.contains("smooth=") {
                definition.smoothed_over(None)
            } else {
                definition
            }))
        } else if self.entities {
            Some(View::Entities)
        } else if self.agents {
            Some(View::Agents)
        } else {
            match words.next() {
                Some(text) => Some(View::Answers(question(&text))),
                None => usage(
                    ErrorKind::MissingRequiredArgument,
                    "ask something: a query, or --flows, --entities, --agents or --metrics",
                ),
            }
        };
        let captures: Vec<PathBuf> = words.map(PathBuf::from).collect();
        let feed = match (self.listen, captures.is_empty()) {
            (Some(address), true) => Feed::Socket(address),
            (None, false) => Feed::Captures(captures, self.port),
            (Some(_), false) => usage(
                ErrorKind::ArgumentConflict,
                "captures and --listen exclude each other",
            ),
            (None, true) => usage(
                ErrorKind::MissingRequiredArgument,
                "name a capture, or --listen for what agents send to this machine",
            ),
        };
        // A socket has no end to answer at.
        let every = match feed {
            Feed::Socket(_) => Some(self.every.unwrap_or(Duration::from_secs(10))),
            Feed::Captures(..) => self.every,
        };
        let query = match &view {
            Some(View::Answers(query)) => Some(query.clone()),
            _ => None,
        };
        let prometheus = self.prometheus.map(|address| Wish {
            address,
            query,
            most_series: self.prometheus_series,
        });
        let run = Run {
            view,
            every,
            is_json: self.json,
            prometheus,
        };
        Ok(match run.run(&feed)? {
            Heard::Something => ExitCode::SUCCESS,
            Heard::Incomplete => ExitCode::FAILURE,
            Heard::Nothing => {
                if matches!(feed, Feed::Socket(_)) {
                    let nothing = "no datagrams received; check the port and the agents";
                    crate::run::complain(&nothing);
                }
                ExitCode::FAILURE
            }
        })
    }
}

/// The query, or the end, with the place of the mistake.
fn question(text: &str) -> Query {
    let error = match text.parse::<Query>() {
        Ok(query) => return query,
        Err(error) => error,
    };
    let hint = if PathBuf::from(text).exists() {
        format!("\n\n`{text}` is a file: the question comes before it")
    } else {
        String::new()
    };
    usage(ErrorKind::ValueValidation, &format!("{error}{hint}"))
}

fn usage(kind: ErrorKind, message: &str) -> ! {
    Cli::command().error(kind, message).exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
