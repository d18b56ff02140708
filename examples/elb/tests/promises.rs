//! The table of faults names a test for each promise, and each test that it names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_fault_has_a_row_and_every_row_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(folder.join("FAULTS.md")).unwrap();
    let mut faults = BTreeSet::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [fault, _, _, tests] = cells[..] else {
            panic!("four columns: {line}");
        };
        if fault == "#" || fault.starts_with("--") {
            continue;
        }
        assert!(faults.insert(fault.to_owned()), "{fault} twice");
        // Each is a link: [name](file).
        let links: Vec<&str> = tests.split("](").collect();
        assert!(links.len() > 1, "{fault}: no test");
        for pair in links.windows(2) {
            let name = pair[0].rsplit('[').next().unwrap().trim_matches('`');
            let file = pair[1].split(')').next().unwrap();
            let text = fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{fault}: {file}: {error}"));
            let is_there = text.contains(&format!("fn {name}("));
            assert!(is_there, "{fault}: no test {name} in {file}");
        }
    }
    let all = (1..=21).map(|number| format!("T{number}"));
    let all = all.chain((1..=20).map(|number| format!("D{number}")));
    assert_eq!(faults, all.collect());
}
