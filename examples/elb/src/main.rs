//! The `elb` command.

use std::process::ExitCode;

use clap::Parser;
use elb::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
