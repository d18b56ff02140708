//! `FAULTS.md` links each promise to tests that exist. Faults that only a real engine can show have
//! a test on a real engine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Faults that need a test on a real engine or swarm.
const REAL: [&str; 21] = [
    "T11", "T16", "D1", "D2", "D3", "D6", "D7", "D8", "D9", "D10", "D11", "D13", "D14", "D15",
    "D16", "S4", "S5", "S6", "S12", "S13", "S14",
];

#[test]
fn every_fault_has_a_row_and_every_row_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(folder.join("FAULTS.md")).unwrap();
    let mut faults = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [fault, _, kind, tests] = cells[..] else {
            panic!("four columns: {line}");
        };
        if fault == "#" || fault.starts_with("--") {
            continue;
        }
        assert!(faults.insert(fault.to_owned()), "{fault} twice");
        // Each test is a link: [name](file).
        let links: Vec<&str> = tests.split("](").collect();
        assert!(links.len() > 1, "{fault}: no test");
        let is_real = tests.contains("(tests/docker.rs)") || tests.contains("(tests/swarm/");
        assert_eq!(is_real, kind.contains("swarm"), "{fault}: {kind}");
        assert!(
            is_real || !REAL.contains(&fault),
            "{fault}: not on a real engine"
        );
        for pair in links.windows(2) {
            let name = pair[0].rsplit('[').next().unwrap().trim_matches('`');
            let file = pair[1].split(')').next().unwrap();
            let text = fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{fault}: {file}: {error}"));
            let is_there = text.contains(&format!("fn {name}("));
            assert!(is_there, "{fault}: no test {name} in {file}");
        }
    }
    let all = (1..=30).map(|number| format!("T{number}"));
    let all = all.chain((1..=29).map(|number| format!("D{number}")));
    let all = all.chain((1..=14).map(|number| format!("S{number}")));
    let all = all.chain((1..=12).map(|number| format!("P{number}")));
    let all = all.chain((1..=8).map(|number| format!("N{number}")));
    assert_eq!(faults, all.collect());
}
