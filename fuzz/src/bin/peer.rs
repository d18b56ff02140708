//! Checks a program with the corpus: see "Programs in other languages" in the README.

use std::env;
use std::io;
use std::process::ExitCode;

use sflow_fuzz::decoders::Program;
use sflow_fuzz::harness::{Checker, corpus, table};

fn main() -> io::Result<ExitCode> {
    let Some(program) = Program::new(env::args_os().skip(1).collect()) else {
        eprintln!("usage: peer COMMAND [ARGUMENT…]; the command reads a datagram from its input");
        return Ok(ExitCode::FAILURE);
    };
    let mut checker = Checker::new(&program);
    for input in corpus()? {
        checker.check(&input);
    }
    let report = checker.finish();
    print!("{}", table(std::slice::from_ref(&report)));
    let failure = report.failure().or_else(|| {
        let wrong = !report.wrong_fields.is_empty();
        wrong.then(|| format!("{} miscounts samples or records", report.decoder))
    });
    Ok(match failure {
        Some(failure) => {
            eprintln!("failed: {failure}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    })
}
