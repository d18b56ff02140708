//! Checks decoders with random datagrams: see "Other decoders" in the README.

use std::env;
use std::process::ExitCode;

use sflow_fuzz::decoders::decoders;
use sflow_fuzz::harness::{Checker, Input, Report, json, table};
use sflow_fuzz::{Built, build};

const USAGE: &str = "usage: damage [--json] [--executions NUMBER] [--seed NUMBER] [DECODER…]

Builds random datagrams of all published structures, valid and damaged, and checks decoders with
them in this process. Prints the same table as `compare`, without measurements. The exit status is 1
if a decoder accepts no valid datagram, panics, or does not return.

  --json               print JSON with all findings
  --executions NUMBER  datagrams for each decoder [default: 200000]
  --seed NUMBER        other datagrams [default: 1]";

struct Arguments {
    json: bool,
    executions: u64,
    seed: u64,
    names: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = match parse(env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut decoders = decoders();
    if !arguments.names.is_empty() {
        decoders.retain(|decoder| arguments.names.iter().any(|name| name == decoder.label()));
    }
    let reports: Vec<Report> = decoders
        .iter()
        .map(|decoder| {
            let mut checker = Checker::new(&**decoder);
            let mut random = Random(arguments.seed);
            let mut executions = 0;
            while executions < arguments.executions {
                let Built { bytes, damaged, .. } = build(&random.recipe());
                executions += 1;
                let name = format!("datagram {executions} of seed {}", arguments.seed);
                let is_damaged = damaged != bytes;
                checker.check(&Input { name, bytes });
                if is_damaged {
                    executions += 1;
                    let name = format!("datagram {executions} of seed {}", arguments.seed);
                    checker.check_damaged(&Input {
                        name,
                        bytes: damaged,
                    });
                }
            }
            checker.finish()
        })
        .collect();
    if arguments.json {
        match json(&reports) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("{error}"),
        }
    } else {
        print!("{}", table(&reports));
    }
    let failures: Vec<String> = reports.iter().filter_map(Report::failure).collect();
    failures
        .iter()
        .for_each(|failure| eprintln!("failed: {failure}"));
    match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// `None` if help is requested.
fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        json: false,
        executions: 200_000,
        seed: 1,
        names: Vec::new(),
    };
    let known: Vec<String> = decoders()
        .iter()
        .map(|decoder| decoder.label().to_owned())
        .collect();
    while let Some(word) = words.next() {
        let mut number = || {
            let number = words.next().and_then(|number| number.parse().ok());
            number.ok_or_else(|| format!("{word} requires a number"))
        };
        match &word[..] {
            "-h" | "--help" => return Ok(None),
            "--json" => arguments.json = true,
            "--executions" => arguments.executions = number()?,
            "--seed" => arguments.seed = number()?,
            _ if known.contains(&word) => arguments.names.push(word),
            _ => {
                return Err(format!(
                    "unknown decoder `{word}`; known: {}",
                    known.join(", ")
                ));
            }
        }
    }
    Ok(Some(arguments))
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
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
