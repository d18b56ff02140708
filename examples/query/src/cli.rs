//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory as _, Parser};
use sflow_collector::capture::Port;
use sflow_collector::udp::listen_address;
use sflow_metrics::flow;
use sflow_metrics::query::{self, Query};
use untrusted::report;

use crate::duration;
use crate::input::Input;
use crate::prometheus::{self, Settings};
use crate::run::{Outcome, Run};
use crate::show::{self, Style, View};
use crate::span::{Span, When};

/// Compute metrics, heaviest flows and agent status from sFlow: captures, or live from agents.
///
/// The query comes first, then the captures: pcap or pcapng files, optionally compressed with gzip,
/// zstd, xz, bzip2 or LZ4, or directories of these; `-` is standard input. Times are those recorded
/// in the capture; with --listen, the time of reception. Of a capture, the results are statistics over
/// its whole time, or those at each interval with --every.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("view").args(["flows", "entities", "agents", "metrics", "flow_keys"]))]
pub(crate) struct Cli {
    /// The query, unless an option such as --flows or --entities replaces it; then captures.
    #[arg(value_name = "QUERY|FILE")]
    arguments: Vec<String>,

    /// Receive datagrams from agents on ADDRESS:PORT, ADDRESS or PORT; default 0.0.0.0:6343.
    #[arg(short, long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "0.0.0.0:6343", value_parser = listen_address, help_heading = "Input")]
    listen: Option<SocketAddr>,

    /// Receive with N threads, from 1 to 64, each with a socket and statistics of its own.
    ///
    /// For more datagrams than one CPU processes. The results are those of one thread, except that a
    /// container or virtual machine that moves to another agent may be counted twice until the data
    /// of its former agent are stale, after three polling intervals; and that --flows may show the
    /// address of a container or host instead of its name, if an agent of another thread reports it.
    /// Limits, also of memory, apply to each thread.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = workers,
        help_heading = "Input"
    )]
    workers: usize,

    /// The UDP port of sFlow datagrams in captures; `any` reads all ports.
    #[arg(
        long,
        value_name = "PORT",
        default_value = "6343",
        conflicts_with = "listen",
        help_heading = "Input"
    )]
    port: Port,

    /// Use the part of the captures since TIME: 2026-11-23T04:05:00Z, 04:05 (UTC), or 90s after the start.
    ///
    /// Counters before it are used for rates, but not reported.
    #[arg(long, value_name = "TIME", value_parser = When::parse, conflicts_with = "listen", help_heading = "Input")]
    since: Option<When>,

    /// Use the part of the captures until TIME, in the formats of --since.
    #[arg(long, value_name = "TIME", value_parser = When::parse, conflicts_with = "listen", help_heading = "Input")]
    until: Option<When>,

    /// Print results at this interval, as in 500ms or 5m [default: 10s live, once for captures]
    ///
    /// With --flows, a capture is divided into intervals of this length by the clock: with 1m, those
    /// between full minutes.
    #[arg(short, long, value_name = "TIME", value_parser = duration::parse, help_heading = "Output")]
    every: Option<Duration>,

    /// Show the heaviest flows: keys=KEY,…;value=bytes;filter=KEY=VALUE&…;top=N;smooth=10s.
    ///
    /// Packets with equal keys form a flow; --flow-keys lists all keys and values. Live, and with
    /// `smooth`, values are per second; otherwise they are totals of the captures, or of each interval
    /// of --every. With a window, as in value=bytes[1m tumbling], they are those of the last complete
    /// minute, per second. value=bits is eight times the bytes.
    #[arg(
        short,
        long,
        value_name = "DEFINITION",
        help_heading = "Results instead of those of a query"
    )]
    flows: Option<String>,

    /// List the keys and values of --flows; needs no capture.
    #[arg(long, help_heading = "Results instead of those of a query")]
    flow_keys: bool,

    /// Show hosts, containers, interfaces and other entities with counters.
    #[arg(long, help_heading = "Results instead of those of a query")]
    entities: bool,

    /// Show the agents, lost datagrams, and how much was rejected.
    #[arg(long, help_heading = "Results instead of those of a query")]
    agents: bool,

    /// List all metrics, with unit and source structure; needs no capture.
    #[arg(long, help_heading = "Results instead of those of a query")]
    metrics: bool,

    /// Serve metrics for Prometheus on ADDRESS:PORT, ADDRESS or PORT; default 127.0.0.1:9343.
    ///
    /// The path is /metrics. The format is OpenMetrics for clients that request it, such as
    /// Prometheus, and the text format 0.0.4 for others. Without a QUERY it serves all metrics of
    /// all entities; with a QUERY only the metrics in it, of the entities that it selects, and its
    /// results, which are also printed. Counters have the values that agents report, for rate().
    /// Stale entities are left out. After the end of captures the last values are served until
    /// Ctrl-C. It has no authentication: on other addresses than 127.0.0.1, every client that
    /// reaches the port can read.
    #[arg(short, long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:9343", value_parser = prometheus::address, help_heading = "Prometheus")]
    prometheus: Option<SocketAddr>,

    /// The maximum number of series in a response, which has at most 12 MiB.
    ///
    /// sflow_series_left_out counts the series beyond it. Results come first, then agents, then
    /// entities in the order of their first appearance. sflow_stream_… and sflow_entities are
    /// always included.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        value_parser = series,
        requires = "prometheus",
        help_heading = "Prometheus"
    )]
    prometheus_series: usize,

    /// Print JSON, one object per line.
    #[arg(short, long, help_heading = "Output")]
    json: bool,

    /// Print comma-separated values of a query or --flows at each interval, one result per line.
    #[arg(long, conflicts_with = "json", help_heading = "Output")]
    csv: bool,

    /// Show bytes as bits.
    #[arg(long, help_heading = "Output")]
    bits: bool,

    /// Draw the values of a query, or of --flows with --every, over time to an SVG image.
    ///
    /// It has one line for each expression and group, or for each of the heaviest flows: at most
    /// eight for each unit. The results are printed as well.
    #[arg(
        long,
        value_name = "FILE.svg",
        help_heading = "Output",
        conflicts_with = "listen"
    )]
    plot: Option<PathBuf>,

    #[command(flatten)]
    output: command::Output,

    #[command(flatten)]
    documents: command::Documents,
}

const EXAMPLES: &str = "\
Queries:
  STATISTIC:METRIC[+METRIC…][,…][{KEY=VALUE[|VALUE…][,…]}][ by KEY][[WINDOW]]
  statistics: avg sum min max median q1 q3 iqr p95 var sdev count any
  keys: container container.uuid container.state host host.uuid interface interface.index agent …
  `*` in a value matches any text, != excludes; windows: 30s, 5m:max, 1m:p95, 1m tumbling, …
  `query --metrics` lists the metrics; `custom.NAME` is the metric NAME of an application

Examples:
  CPU utilization of a service over a capture, every ten seconds of it, and as a chart:
    query 'avg:vir_cpu_utilization{container=apache.*}' capture.pcap
    query 'avg:vir_cpu_utilization{container=apache.*}' capture.pcap --every 10s --csv
    query 'avg:vir_cpu_utilization{container=apache.*}' capture.pcap --plot cpu.svg

  Several metrics, live:
    query 'avg:load_one,max:mem_utilization,sum:bytes_in+bytes_out' --listen

  By swarm service (the part of the name before slot and task):
    query 'sum:vir_cpu_cores by container=(*).*.*' capture.pcap

  Traffic between containers and hosts, and dropped packets by reason:
    query --flows 'keys=end.src,end.dst,ip.protocol;value=bytes' capture.pcap
    query --flows 'keys=drop.reason;value=drops' --listen

  The heaviest flows of each minute, in a part of a capture:
    query --flows 'keys=ip.src,ip.dst;value=bits;top=5' capture.pcap --every 1m --since 04:05 --until 04:15

  For Prometheus, all metrics, or one query on another port:
    query --listen --prometheus
    query 'avg:vir_cpu_utilization by host' --listen --prometheus 0.0.0.0:9344

  Entities and agents:
    query --entities capture.pcap
    query --agents --listen --every 5s

Exit codes:
  0  all input was read
  1  input could not be read or received, or contained no datagrams
  2  invalid command line";

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if self.documents.is_requested() {
            self.documents.print(Self::command())?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut style = Style {
            is_json: self.json,
            is_csv: self.csv,
            is_bits: self.bits,
            is_colored: self.output.is_colored(),
        };
        let mut arguments = self.arguments.clone().into_iter();
        let view = if self.metrics {
            return self.print_document(&show::catalogue(self.json)?);
        } else if self.flow_keys {
            return self.print_document(&show::keys(self.json)?);
        } else if self.prometheus.is_some()
            && arguments
                .as_slice()
                .first()
                .is_none_or(|argument| Path::new(argument).exists() || argument == "-")
            && !(self.entities || self.agents || self.flows.is_some())
        {
            // Metrics are served and nothing is printed.
            None
        } else if let Some(text) = &self.flows {
            let definition = match show::definition(text) {
                Ok((definition, is_bits)) => {
                    style.is_bits |= is_bits;
                    definition
                }
                Err(error) => {
                    let hint = match error.kind() {
                        flow::ErrorKind::UnknownKey { .. } => "\n--flow-keys lists all keys",
                        _ => "",
                    };
                    usage(ErrorKind::ValueValidation, &format!("{error}{hint}"))
                }
            };
            let is_averaged = text.contains("smooth=") || definition.window().is_some();
            Some(View::Flows(match self.listen {
                None if !is_averaged => definition.smoothed_over(None),
                _ => definition,
            }))
        } else if self.entities {
            Some(View::Entities)
        } else if self.agents {
            Some(View::Agents)
        } else {
            match arguments.next() {
                Some(text) => Some(View::Answers(query(&text))),
                None => usage(
                    ErrorKind::MissingRequiredArgument,
                    "give a query, or --flows, --entities, --agents or --metrics",
                ),
            }
        };
        let captures: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
        let input = match (self.listen, captures.is_empty()) {
            (Some(address), true) => Input::Sockets(address, self.workers),
            (None, _) if self.workers > 1 => usage(
                ErrorKind::ArgumentConflict,
                "--workers requires --listen; one thread reads captures",
            ),
            (None, false) => Input::Captures(captures, self.port),
            (Some(_), false) => usage(
                ErrorKind::ArgumentConflict,
                "give either captures or --listen, not both",
            ),
            (None, true) => usage(
                ErrorKind::MissingRequiredArgument,
                "give a capture, or --listen to receive datagrams from agents",
            ),
        };
        // A socket has no end at which results could be printed.
        let every = match input {
            Input::Sockets(..) => Some(self.every.unwrap_or(Duration::from_secs(10))),
            Input::Captures(..) => self.every,
        };
        let is_live = matches!(input, Input::Sockets(..));
        self.check_output(view.as_ref(), is_live);
        let query = match &view {
            Some(View::Answers(query)) => Some(query.clone()),
            _ => None,
        };
        let prometheus = self.prometheus.map(|address| Settings {
            address,
            query,
            max_series: self.prometheus_series,
        });
        let plot = self.plot.as_deref();
        let plot = plot.map(|path| self.output.create(path)).transpose()?;
        let run = Run {
            view,
            every,
            style,
            prometheus,
            span: Span {
                since: self.since,
                until: self.until,
            },
            is_to_terminal: self.output.is_terminal(),
        };
        Ok(match run.run(&input, self.output.open()?, plot)? {
            Outcome::Complete => ExitCode::SUCCESS,
            Outcome::Incomplete => ExitCode::FAILURE,
            Outcome::NoDatagrams => {
                if is_live {
                    report!("no datagrams received; check the port and the agents");
                }
                ExitCode::FAILURE
            }
        })
    }

    /// Prints what needs no input; a closed pipe is not an error.
    fn print_document(&self, text: &[u8]) -> anyhow::Result<ExitCode> {
        let mut output = self.output.open()?;
        match output.write_all(text).and_then(|()| output.flush()) {
            Err(error) if !command::is_closed(&error) => Err(error.into()),
            _ => Ok(ExitCode::SUCCESS),
        }
    }

    /// Ends the program if an option of the output does not fit the results.
    fn check_output(&self, view: Option<&View>, is_live: bool) {
        let is_once = self.every.is_none() && !is_live;
        let message = match view {
            Some(View::Answers(_)) if self.csv && is_once => {
                "--csv requires --every, as in --every 10s"
            }
            Some(View::Answers(_)) => return,
            Some(View::Flows(_)) if self.plot.is_some() && is_once => {
                "--plot of flows requires --every, as in --every 10s"
            }
            Some(View::Flows(_)) => return,
            _ if self.csv => "--csv is for a query or --flows; --json prints other results",
            _ if self.plot.is_some() => "--plot is for a query or --flows",
            _ => return,
        };
        usage(ErrorKind::ArgumentConflict, message)
    }
}

fn series(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "expected a number of series")
}

fn workers(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=64).contains(number))
        .ok_or("expected a number of threads from 1 to 64")
}

/// Parses a query, or ends the program with an error that shows the position of the mistake.
fn query(text: &str) -> Query {
    let error = match text.parse::<Query>() {
        Ok(query) => return query,
        Err(error) => error,
    };
    let hint = if PathBuf::from(text).exists() {
        format!("\n\n`{text}` is a file; give the query before it")
    } else if let query::ErrorKind::UnknownMetric(..) = error.kind() {
        "\n--metrics lists all metrics".to_owned()
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
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
