//! Checks another decoder with the corpus: see "Other decoders" in the README.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use sflow_v5::{Datagram, Sample};

/// The maximum time of a decoder for one datagram.
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> io::Result<ExitCode> {
    let command: Vec<_> = env::args_os().skip(1).collect();
    if command.is_empty() {
        eprintln!("usage: peer COMMAND [ARGUMENT…]; the command reads a datagram from its input");
        return Ok(ExitCode::FAILURE);
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/corpus/datagram");
    let mut files: Vec<PathBuf> = fs::read_dir(corpus)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut failed = 0;
    for file in &files {
        let datagram = fs::read(file)?;
        if let Err(problem) = check(&command, &datagram)? {
            failed += 1;
            println!("{}: {problem}", file.display());
        }
    }
    println!("{} datagrams, {failed} failed", files.len());
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the command with one datagram. Returns the difference from the expected result.
fn check(command: &[OsString], datagram: &[u8]) -> io::Result<Result<(), String>> {
    let (program, arguments) = command.split_first().expect("a command");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut output = child.stdout.take().expect("a pipe");
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).map(|_| bytes)
    });
    // A decoder may stop reading before the end.
    drop(child.stdin.take().expect("a pipe").write_all(datagram));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TIMEOUT {
            child.kill()?;
            child.wait()?;
            return Ok(Err(format!("no result after {TIMEOUT:?}")));
        }
        thread::sleep(Duration::from_millis(1));
    };
    let output = reader.join().expect("reading does not panic")?;
    if status.code().is_none() {
        return Ok(Err(format!("killed: {status}")));
    }
    let output = String::from_utf8_lossy(&output);
    let answer = output.lines().find(|line| line.starts_with("samples "));
    let expected = counts(datagram);
    Ok(match (answer, expected) {
        (Some(answer), Some(expected)) if answer.trim() != expected => {
            Err(format!("{answer}, expected {expected}"))
        }
        _ => Ok(()),
    })
}

/// The expected output for a valid datagram.
fn counts(datagram: &[u8]) -> Option<String> {
    let datagram = Datagram::parse(datagram).ok()?;
    datagram.validate().ok()?;
    // Wrappers around samples are not counted.
    let is_sample = |sample: &Sample<'_>| !matches!(sample, Sample::FoundryAcl(_));
    let samples = datagram.samples().filter(is_sample).count();
    let records = datagram.samples().map(|sample| match sample {
        Sample::Flow(sample) => sample.records().count(),
        Sample::Counters(sample) => sample.records().count(),
        Sample::Discarded(sample) => sample.records().count(),
        _ => 0,
    });
    Some(format!(
        "samples {samples} records {}",
        records.sum::<usize>()
    ))
}
