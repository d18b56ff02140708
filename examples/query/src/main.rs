//! The `query` command: metrics, flows and agents of an sFlow stream.

mod cli;
mod duration;
mod input;
mod plot;
mod prometheus;
mod quantity;
mod run;
mod series;
mod show;
mod span;
mod telemetry;

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
