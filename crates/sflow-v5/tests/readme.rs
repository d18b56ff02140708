//! The README's table of structures is what is registered. `BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::fs;

use sflow_v5::field::Registered;
use sflow_v5::{CounterRecord, FlowRecord};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const START: &str =
    "<!-- structures: written by `BLESS=1 cargo test -p sflow-v5 --test readme` -->\n";
const END: &str = "<!-- end of structures -->\n";

#[test]
fn structures() {
    let readme = fs::read_to_string(README).unwrap();
    let (before, behind) = readme.split_once(START).expect("the start of the table");
    let (table, behind) = behind.split_once(END).expect("the end of the table");
    let expected = expected();
    if std::env::var_os("BLESS").is_some() {
        fs::write(README, [before, START, &expected, END, behind].concat()).unwrap();
    } else {
        assert_eq!(table, expected, "BLESS=1 writes the table anew");
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
