//! The `top-flows` command.

mod cli;

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
