//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory as _, Parser};
use sflow_collector::capture::Port;
use sflow_collector::udp::listen_address;

use stop::Stop;
use untrusted::report;

use crate::filter::{Condition, Filter};
use crate::json::Json;
use crate::output::Output;
use crate::run::{Findings, Inputs, Run};
use crate::view::View;

/// Print the content of sFlow datagrams from captures or a UDP port.
///
/// Every structure of sFlow version 5 is decoded, under the names of the specification. Unknown and
/// malformed structures are printed with their bytes; the rest of the datagram is decoded.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("input").args(["files", "listen"]))]
#[command(group = ArgGroup::new("view").args(["brief", "json", "count", "null"]))]
pub(crate) struct Cli {
    /// Captures or directories of captures, read in order; `-` is standard input.
    ///
    /// Formats: pcap and pcapng, also compressed with gzip, zstd, xz, bzip2 or LZ4 (detected by
    /// content). The files of a directory are read in the order of their names, with numbers by
    /// value; subdirectories are not searched. sFlow is also found in tunnels and IP fragments.
    /// Packets without sFlow are counted by cause on standard error.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Receive datagrams on a UDP address: ADDRESS:PORT, ADDRESS or PORT. Default: 0.0.0.0:6343.
    ///
    /// Port 0 selects a free port. The address is printed on standard error. Ctrl-C ends the
    /// program.
    #[arg(
        short,
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        default_missing_value = "0.0.0.0:6343",
        value_parser = listen_address,
        help_heading = "Input"
    )]
    listen: Option<SocketAddr>,

    /// Print one line for each sampled packet, in the notation of tcpdump.
    ///
    /// The time is that of the datagram, in UTC. `length` is that of the payload; the parentheses
    /// contain the length of the frame, the sampling rate, the interfaces and the agent. Dropped
    /// packets have the reason instead of the rate. Counters are not shown.
    #[arg(short = '1', long, help_heading = "Output")]
    brief: bool,

    /// Print JSON, one object per line and datagram.
    #[arg(short, long, help_heading = "Output")]
    json: bool,

    /// Add the time of reception to each object, as `received_at`.
    #[arg(long, requires = "json", help_heading = "Output")]
    time: bool,

    /// Print only a summary at the end: agents, lost datagrams, formats, errors.
    #[arg(short, long, help_heading = "Output")]
    count: bool,

    /// Decode everything, and print only the rate at the end.
    #[arg(long, help_heading = "Output")]
    null: bool,

    /// Show only matching parts: agent=ADDRESS, format=ENTERPRISE:NUMBER or name=NAME.
    ///
    /// An agent is an address or a network (10.0.0.0/8). A name may contain `*` and `?`. The part
    /// up to the equals sign is optional. Several filters of one kind are alternatives; filters of
    /// different kinds must all match. A format or name matches a record, or a sample with all its
    /// records. Other records, samples without matching records, and datagrams without matching
    /// samples are not shown.
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<Condition>,

    /// End after NUMBER datagrams.
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = limit)]
    limit: Option<u64>,

    /// UDP destination port of the datagrams in captures; `any` for all ports.
    #[arg(
        short,
        long,
        value_name = "PORT",
        default_value = "6343",
        conflicts_with = "listen",
        help_heading = "Input"
    )]
    port: Port,

    /// Exit with code 3 if anything is malformed.
    #[arg(long)]
    strict: bool,

    #[command(flatten)]
    output: command::Output,

    #[command(flatten)]
    documents: command::Documents,
}

const EXAMPLES: &str = "\
Examples:
  Check whether an agent sends, and what:
    dump --listen
    dump --listen 127.0.0.1:6343 --limit 1

  List the agents in a capture and the datagrams lost:
    dump --count capture.pcap

  Print the packets that agents sampled, one line each:
    dump -1 capture.pcap

  Print the processor time of every container as JSON:
    dump --json --filter virt_cpu capture.pcap | jq .samples[].records[].fields.cpuTime

  Show the packets of two agents live:
    dump --listen --filter 10.0.0.1 --filter 10.0.0.2 --filter 'flow_sample*'

  Show datagrams that are captured on another machine:
    ssh router tcpdump -U -w - udp port 6343 | dump -

Exit codes:
  0  success, also if nothing matches the filter or the reader of the output closed it
  1  an input could not be read or received, or the output not written
  2  invalid command line
  3  something was malformed or not sFlow, with --strict";

fn limit(text: &str) -> Result<u64, &'static str> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or("expected a number above 0")
}

impl Cli {
    /// Runs the program; errors go to standard error.
    pub(crate) fn run(self) -> ExitCode {
        if self.documents.is_requested() {
            return match self.documents.print(Self::command()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    report!("cannot write to standard output: {error}");
                    ExitCode::FAILURE
                }
            };
        }
        if self.files.is_empty() && self.listen.is_none() {
            let message = "give a capture or a UDP address: <FILE|--listen [<ADDRESS>]>";
            let mut command = Self::command();
            command
                .error(ErrorKind::MissingRequiredArgument, message)
                .exit();
        }
        let filter = match Filter::new(&self.filter) {
            Ok(filter) => filter,
            Err(error) => {
                let mut command = Self::command();
                command.error(ErrorKind::ArgumentConflict, error).exit();
            }
        };
        let view = match &self {
            Self { brief: true, .. } => View::Brief,
            Self { json: true, .. } => View::Json(Json::new(self.time)),
            Self { count: true, .. } => View::Count(Box::default()),
            Self { null: true, .. } => View::Speed(Default::default()),
            _ => View::Text {
                is_colored: self.output.is_colored(),
            },
        };
        let output = match self.output.open() {
            Ok(output) => Output::new(output, self.output.is_terminal()),
            Err(error) => {
                report!("{error:#}");
                return ExitCode::FAILURE;
            }
        };
        let inputs = match self.listen {
            Some(address) => Inputs::Socket(address),
            None => Inputs::Files(self.files, self.port),
        };
        let stop = Stop::watch().unwrap_or_else(|error| {
            report!("cannot handle Ctrl-C, which will end without a summary: {error}");
            Stop::default()
        });
        let run = Run {
            filter,
            view,
            left: self.limit,
            is_strict: self.strict,
            stop,
            findings: Findings::default(),
            output,
            received: 0,
            shown: 0,
        };
        match run.run(&inputs) {
            Ok(findings) if findings.is_incomplete => ExitCode::FAILURE,
            Ok(findings) if findings.is_malformed && self.strict => ExitCode::from(3),
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                report!("{error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_valid() {
        Cli::command().debug_assert();
    }
}
