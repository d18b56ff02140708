//! The README lists the registered structures, and shows the examples. `BLESS=1` updates the list.

use std::fmt::Write as _;
use std::fs;

use sflow_v5::field::Registered;
use sflow_v5::{CounterRecord, FlowRecord};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const START: &str =
    "<!-- structures: written by `BLESS=1 cargo test -p sflow-v5 --test readme` -->\n";
const END: &str = "<!-- end of structures -->\n";

#[test]
fn readme_shows_the_examples() {
    let readme = fs::read_to_string(README).unwrap();
    for name in ["receiver", "sender", "vendor"] {
        let path = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let example = fs::read_to_string(path).unwrap();
        let (_, code) = example.split_once("\n\n").unwrap();
        assert!(readme.contains(code), "{name} differs");
        assert!(example.lines().count() <= 40, "{name} is too long");
    }
}

#[test]
fn readme_links_work_outside_rustdoc() {
    let readme = fs::read_to_string(README).unwrap();
    let links = readme.split("](").skip(1);
    for link in links.filter_map(|rest| rest.split(')').next()) {
        assert!(
            link.starts_with("https://") || link.starts_with('#'),
            "{link}"
        );
    }
    let names = readme.split("[`").skip(1);
    for (name, rest) in names.filter_map(|rest| rest.split_once("`]")) {
        assert!(rest.starts_with('('), "{name} is a link in rustdoc alone");
    }
}

#[test]
fn readme_lists_the_structures() {
    let readme = fs::read_to_string(README).unwrap();
    let (before, rest) = readme.split_once(START).expect("the start of the table");
    let (table, after) = rest.split_once(END).expect("the end of the table");
    let expected = expected();
    if std::env::var_os("BLESS").is_some() {
        fs::write(README, [before, START, &expected, END, after].concat()).unwrap();
    } else {
        assert_eq!(table, expected, "set BLESS=1 to update the table");
    }
}

fn expected() -> String {
    let mut table = String::new();
    list(&mut table, "Flow record", "flow", FlowRecord::REGISTERED);
    list(
        &mut table,
        "Counter record",
        "counter",
        CounterRecord::REGISTERED,
    );
    table
}

fn list(table: &mut String, title: &str, module: &str, lines: &[Registered]) {
    writeln!(
        table,
        "\n| {title} | name | type | fields |\n| --- | --- | --- | --- |"
    )
    .unwrap();
    for line in lines {
        let (format, name, fields) = (line.format, line.name, line.fields.len());
        let type_name: String = name.split('_').map(capitalised).collect();
        writeln!(
            table,
            "| {format} | `{name}` | `{module}::{type_name}` | {fields} |"
        )
        .unwrap();
    }
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + &rest.to_lowercase()
}
