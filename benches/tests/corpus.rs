//! The program `corpus`, which writes corpora for other decoders.

use std::path::Path;
use std::process::{Command, Output};

use sflow_benches::Corpus;
use sflow_collector::capture::Capture;

fn run(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_corpus"))
        .args(arguments)
        .arg("--out")
        .arg(folder)
        .output()
        .unwrap()
}

fn expected(corpus: Corpus, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let datagrams = corpus.datagrams(seed).take(count);
    datagrams.map(|sent| sent.bytes).collect()
}

#[test]
fn captures_of_all_corpora_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new/folder");
    let output = run(&["--count", "50", "--seed", "7"], &out);
    assert!(output.status.success(), "{output:?}");
    for corpus in Corpus::ALL {
        let path = out.join(corpus.name()).with_extension("pcap");
        let mut capture = Capture::open(path).unwrap();
        let mut datagrams = Vec::new();
        while let Some(received) = capture.next_datagram().unwrap() {
            datagrams.push(received.bytes.to_vec());
        }
        assert!(datagrams == expected(corpus, 7, 50), "{}", corpus.name());
    }
}

#[test]
fn datagrams_of_one_corpus_are_written_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["--count", "20", "--format", "bin", "host"], folder.path());
    assert!(output.status.success(), "{output:?}");
    let bytes = std::fs::read(folder.path().join("host.bin")).unwrap();
    let mut rest = &bytes[..];
    let mut datagrams = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (datagram, behind) = behind.split_at(u32::from_be_bytes(*length) as usize);
        datagrams.push(datagram.to_vec());
        rest = behind;
    }
    assert!(datagrams == expected(Corpus::Host, 1, 20));

    let table = String::from_utf8(output.stdout).unwrap();
    let row = table.lines().last().unwrap();
    let numbers: Vec<_> = row.split_whitespace().take(4).collect();
    assert_eq!(numbers, ["host", "20", "20", "220"]);
    assert_eq!(table.lines().count(), 2);
}

#[test]
fn help_and_errors_list_corpora() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["flow"], folder.path());
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("flows, counters, host, containers, mixed"),
        "{error}"
    );

    let help = run(&["--help"], folder.path());
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(
        help.contains("Examples:") && help.contains("--seed"),
        "{help}"
    );
}
