//! The `cluster` command: receivers write datagrams to a log on Kafka's protocol, workers read its
//! partitions, and queries ask all workers.

mod ask;
mod cli;
mod client;
mod partitions;
mod protocol;
mod receive;
mod server;
mod work;

use std::process::ExitCode;

use clap::Parser as _;
use untrusted::report;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            report!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
