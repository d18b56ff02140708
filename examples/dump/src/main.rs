//! The `dump` command: prints sFlow datagrams from captures or a UDP port.

mod brief;
mod cli;
mod count;
mod escape;
mod filter;
mod json;
mod output;
mod put;
mod record;
mod run;
mod speed;
mod text;
mod time;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
