//! Checks decoders with random datagrams: see "Other decoders" in the README of `sflow-fuzz`.

use std::process::ExitCode;

use clap::Parser;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sflow_fuzz::decoders::select;
use sflow_fuzz::harness::{Candidate, Checker, Input, Report, json, table};
use sflow_fuzz::{Built, build};

/// Check sFlow decoders with random datagrams of all published structures, valid and damaged.
///
/// Prints the same table as compare, without measurements. The exit status is 1 if a decoder accepts
/// no valid datagram, panics, or does not return.
#[derive(Parser)]
struct Arguments {
    /// Only these decoders [default: all]
    names: Vec<String>,

    /// Print JSON with all findings
    #[arg(long)]
    json: bool,

    /// Number of datagrams for each decoder
    #[arg(long, value_name = "NUMBER", default_value_t = 200_000)]
    executions: u64,

    /// Other datagrams
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let decoders = select(&arguments.names).map_err(anyhow::Error::msg)?;
    let reports: Vec<Report> = decoders
        .iter()
        .map(|decoder| check(&**decoder, &arguments))
        .collect();
    if arguments.json {
        println!("{}", json(&reports)?);
    } else {
        print!("{}", table(&reports));
    }
    let failures: Vec<String> = reports.iter().filter_map(Report::failure).collect();
    failures
        .iter()
        .for_each(|failure| eprintln!("failed: {failure}"));
    Ok(match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn check(decoder: &dyn Candidate, arguments: &Arguments) -> Report {
    let Arguments {
        executions, seed, ..
    } = *arguments;
    let mut checker = Checker::new(decoder);
    let mut random = Random(SplitMix64::seed_from_u64(seed));
    let mut number = 0;
    while number < executions {
        let Built { bytes, damaged, .. } = build(&random.recipe());
        number += 1;
        let is_damaged = damaged != bytes;
        checker.check(&Input {
            name: format!("datagram {number} of seed {seed}"),
            bytes,
        });
        if is_damaged && number < executions {
            number += 1;
            checker.check_damaged(&Input {
                name: format!("datagram {number} of seed {seed}"),
                bytes: damaged,
            });
        }
    }
    checker.finish()
}

struct Random(SplitMix64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 8 to 64 choices, of which each is often the first option.
    fn recipe(&mut self) -> Vec<u8> {
        let words = 1 + self.next() % 8;
        let masks = [u64::MAX, 0x0f0f_0f0f_0f0f_0f0f, 0x0303_0303_0303_0303];
        (0..words)
            .flat_map(|_| {
                let mask = masks[usize::try_from(self.next() % 3).unwrap_or(0)];
                (self.next() & mask).to_be_bytes()
            })
            .collect()
    }
}
