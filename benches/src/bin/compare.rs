//! Compares decoders: see "Other decoders" in the README of `sflow-fuzz`.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use sflow_benches::measure::{Job, Rounds};
use sflow_benches::{Corpus, Input};
use sflow_fuzz::decoders::{Program, select};
use sflow_fuzz::harness::{self, Candidate, Checker, Report, corpus, damage, is_valid};

/// Compare sFlow decoders: accepted datagrams, wrong fields, panics, time and allocations.
///
/// The valid datagrams are those of testdata/corpus/datagram, five generated corpora and all
/// captures. Malformed ones are made from the former; only panics count for them. The exit status is
/// 1 if a decoder accepts no valid datagram, panics, or does not return.
#[derive(Parser)]
#[command(after_help = "Examples:\n  \
    compare --json sflow-v5 sflow-parser\n  \
    compare sflow-v5 -- python3 decoder.py")]
struct Arguments {
    /// Only these decoders [default: all]
    names: Vec<String>,

    /// Print JSON with all findings
    #[arg(long)]
    json: bool,

    /// Maximum number of datagrams of each generated corpus and capture
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    datagrams: usize,

    /// Rounds of measurement, 5 ms for each decoder; 0 measures nothing
    #[arg(long, value_name = "NUMBER", default_value_t = 40)]
    rounds: usize,

    /// A program that reads one datagram and prints `samples N records N`. It is not measured
    #[arg(last = true, value_name = "COMMAND")]
    program: Vec<OsString>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let candidates = candidates(&arguments)?;
    let corpus = corpus().context("testdata/corpus/datagram")?;
    let sources = sources(arguments.datagrams)?;

    let mut reports: Vec<Report> = Vec::new();
    for candidate in &candidates {
        let mut checker = Checker::new(&**candidate);
        corpus
            .iter()
            .chain(&sources)
            .for_each(|input| checker.check(input));
        // Starting a program for each of these would take hours.
        if candidate.is_measured() {
            damage(&corpus).for_each(|input| checker.check_damaged(&input));
        }
        reports.push(checker.finish());
    }
    let measured = measure(&candidates, &sources, &mut reports, arguments.rounds);

    if arguments.json {
        println!("{}", harness::json(&reports)?);
    } else {
        print!("{}", harness::table(&reports));
        println!(
            "\nTime and allocations: {measured} datagrams of the generated corpora and captures that all \
             measured decoders accept; programs are not measured."
        );
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

fn candidates(arguments: &Arguments) -> anyhow::Result<Vec<Box<dyn Candidate>>> {
    let mut candidates = select(&arguments.names).map_err(anyhow::Error::msg)?;
    if let Some(program) = Program::new(arguments.program.clone()) {
        candidates.push(Box::new(program));
    }
    Ok(candidates)
}

/// The datagrams of the generated corpora and captures.
fn sources(most: usize) -> anyhow::Result<Vec<harness::Input>> {
    let corpora = Corpus::ALL.map(Input::Corpus);
    let captures = ["hsflowd-swarm", "hsflowd-marktraffic", "openvswitch"].map(Input::Capture);
    let mut inputs = Vec::new();
    for source in corpora.into_iter().chain(captures) {
        let datagrams = source.datagrams(most).with_context(|| source.name())?;
        inputs.extend(
            datagrams
                .iter()
                .enumerate()
                .map(|(index, bytes)| harness::Input {
                    name: format!("{} {}", source.name(), index + 1),
                    bytes: bytes.to_vec(),
                }),
        );
    }
    Ok(inputs)
}

/// Measures the decoders on the valid datagrams that all of them accept, except decoders that accept
/// none. Returns the number of these datagrams.
fn measure(
    candidates: &[Box<dyn Candidate>],
    inputs: &[harness::Input],
    reports: &mut [Report],
    rounds: usize,
) -> usize {
    let mut measured: Vec<(&dyn Candidate, &mut Report)> = candidates
        .iter()
        .map(|candidate| &**candidate)
        .zip(reports)
        .filter(|(candidate, report)| candidate.is_measured() && report.accepted > 0)
        .collect();
    let is_accepted = |bytes: &&[u8]| {
        is_valid(bytes)
            && measured
                .iter()
                .all(|(candidate, _)| harness::accepts(*candidate, bytes))
    };
    let datagrams: Vec<&[u8]> = inputs
        .iter()
        .map(|input| &input.bytes[..])
        .filter(is_accepted)
        .collect();
    if rounds == 0 || datagrams.is_empty() || measured.is_empty() {
        return 0;
    }
    let mut times = None;
    allocation_counter::opt_out(|| {
        let mut jobs: Vec<Job<'_>> = measured
            .iter()
            .map(|(candidate, _)| Job {
                things: datagrams.len(),
                run: Box::new(|| candidate.decode_all(&datagrams)),
            })
            .collect();
        times = Some(Rounds::of(&mut jobs, rounds));
    });
    for (index, (candidate, report)) in measured.iter_mut().enumerate() {
        let allocations = allocation_counter::measure(|| candidate.decode_all(&datagrams));
        report.nanoseconds = times.as_ref().map(|times| times.time(index).median);
        report.allocations = Some(allocations.count_total as f64 / datagrams.len() as f64);
    }
    datagrams.len()
}
