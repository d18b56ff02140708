//! Prints the allocations per datagram as a table.
//!
//! `cargo bench -p sflow-benches --bench allocations`. A separate program, since the counting
//! allocator is slower and would affect the other measurements.

use allocation_counter::{AllocationInfo, measure};
use sflow_benches::decoding::{Contender, FIND, FLOWPARSER_SFLOW, PASS, SFLOW_PARSER, TYPED};
use sflow_benches::encoding::{Values, decode_and_encode, encode};
use sflow_benches::{Datagrams, Input, is_measuring};

fn main() {
    let most = if is_measuring() { 10_000 } else { 20 };
    let inputs = Input::ALL;
    let names = inputs.map(Input::name);
    println!("| allocations per datagram | {} |", names.join(" | "));
    println!("| --- |{}", " ---: |".repeat(inputs.len()));

    let inputs = inputs.map(|input| input.datagrams(most).expect("the inputs of the repository"));
    for contender in [TYPED, PASS, FIND, FLOWPARSER_SFLOW, SFLOW_PARSER] {
        row(contender.name, &inputs, |datagrams| {
            decode(contender, datagrams)
        });
    }
    row("sflow-v5: encode values", &inputs, |datagrams| {
        let values = Values::of(datagrams);
        let messages = values.messages();
        let mut buffer = [0; 1 << 16];
        measure(|| encode(&messages, &mut buffer))
    });
    row("sflow-v5: decode and encode", &inputs, |datagrams| {
        let mut buffer = [0; 1 << 16];
        measure(|| decode_and_encode(datagrams, &mut buffer))
    });
}

fn decode(contender: Contender, datagrams: &Datagrams) -> AllocationInfo {
    measure(|| (contender.run)(datagrams))
}

fn row(name: &str, inputs: &[Datagrams], count: impl Fn(&Datagrams) -> AllocationInfo) {
    let cells = inputs.iter().map(|datagrams| {
        let allocations = count(datagrams).count_total as f64;
        format!(" {:.1} |", allocations / datagrams.len() as f64)
    });
    println!("| {name} |{}", cells.collect::<String>());
}
