//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgGroup, CommandFactory as _, Parser};
use sflow_collector::capture::Port;
use sflow_collector::udp::listen_address;

use stop::Stop;

use crate::filter::{Condition, Filter};
use crate::json::Json;
use crate::output::Output;
use crate::run::{Findings, Inputs, Run, complain};
use crate::view::View;

/// Print what an sFlow stream says: captures, or what agents send to this machine.
///
/// Every structure of sFlow version 5 is decoded, in the specification's names. What is unknown
/// or malformed is printed with its bytes; it costs nothing that stands around it.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("input").required(true).args(["files", "listen"]))]
#[command(group = ArgGroup::new("view").args(["json", "count", "null"]))]
pub(crate) struct Cli {
    /// Captures or directories of captures, one after the other; `-` is standard input.
    ///
    /// pcap and pcapng, also compressed with gzip, zstd, xz, bzip2 or LZ4 (recognised by content).
    /// The files of a directory are read in the order of their names, in which numbers go by their
    /// value; directories in it are not searched. sFlow is also found in tunnels and IP fragments;
    /// packets that are passed over are counted by cause on standard error.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Receive from agents instead: on ADDRESS:PORT, or one of the two; 0.0.0.0:6343 if neither.
    ///
    /// Port 0 is any free one; the address is told on standard error. Ctrl-C ends it.
    #[arg(
        short,
        long,
        value_name = "ADDRESS",
        num_args = 0..=1,
        default_missing_value = "0.0.0.0:6343",
        value_parser = listen_address
    )]
    listen: Option<SocketAddr>,

    /// Print JSON, one object a line for each datagram.
    #[arg(short, long)]
    json: bool,

    /// Add the time of reception to each object, as `received_at`.
    #[arg(long, requires = "json")]
    time: bool,

    /// Print a summary at the end instead: agents, formats, loss, errors.
    #[arg(short, long)]
    count: bool,

    /// Decode everything, print nothing but the rate at the end.
    #[arg(long)]
    null: bool,

    /// Show only this: agent=ADDRESS, format=ENTERPRISE:NUMBER or name=NAME.
    ///
    /// An agent is an address or a network (10.0.0.0/8); a name may have `*` and `?`. What is
    /// before the equals sign may be left out. Filters of one kind are alternatives, all kinds
    /// must be met; a format or a name is met by a record or by the sample around it. Records
    /// and samples that do not match are left out, and so are datagrams without any that do.
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<Condition>,

    /// End after so many datagrams.
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// In captures, the UDP port that agents sent to; `any` takes all of them.
    #[arg(
        short,
        long,
        value_name = "PORT",
        default_value = "6343",
        conflicts_with = "listen"
    )]
    port: Port,

    /// Exit with 3 if anything was malformed.
    #[arg(long)]
    strict: bool,
}

const EXAMPLES: &str = "\
Examples:
  Is my agent sending, and what?
    dump --listen
    dump --listen 9343 --limit 1

  Who is in this capture, and how much is missing?
    dump --count capture.pcap

  The processor time of every container, as JSON:
    dump --json --filter virt_cpu capture.pcap | jq .samples[].records[].fields.cpuTime

  Two agents' packets, live:
    dump --listen --filter 10.0.0.1 --filter 10.0.0.2 --filter 'flow_sample*'

  From another machine, as it comes:
    ssh router tcpdump -U -w - udp port 6343 | dump -

Exit codes:
  0  all was read, or who reads the output wanted no more
  1  something could not be read, received or written
  2  the command line is wrong
  3  something was malformed, with --strict";

impl Cli {
    /// Does what was asked for; errors go to standard error.
    pub(crate) fn run(self) -> ExitCode {
        let filter = match Filter::new(&self.filter) {
            Ok(filter) => filter,
            Err(error) => {
                let mut command = Self::command();
                command.error(ErrorKind::ArgumentConflict, error).exit();
            }
        };
        let view = match &self {
            Self { json: true, .. } => View::Json(Json::new(self.time)),
            Self { count: true, .. } => View::Count(Box::default()),
            Self { null: true, .. } => View::Speed(Default::default()),
            _ => View::Text,
        };
        let inputs = match self.listen {
            Some(address) => Inputs::Socket(address),
            None => Inputs::Files(self.files, self.port),
        };
        let stop = Stop::watch().unwrap_or_else(|error| {
            complain(&format_args!("Ctrl-C will end without a summary: {error}"));
            Stop::default()
        });
        let run = Run {
            filter,
            view,
            left: self.limit,
            is_strict: self.strict,
            stop,
            findings: Findings::default(),
            output: Output::new(),
        };
        match run.run(&inputs) {
            Ok(findings) if findings.is_incomplete => ExitCode::FAILURE,
            Ok(findings) if findings.is_malformed && self.strict => ExitCode::from(3),
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format_args!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
