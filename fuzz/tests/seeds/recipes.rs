//! Recipes for datagrams: see `sflow_fuzz::build`.

use sflow_v5::{CounterRecord, FlowRecord};

use super::Seeds;

/// The choices before those of the first sample: no damage, an address, three words, one sample.
const HEADER: [u8; 7] = [0; 7];

pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut keep = |name: String, recipe: Vec<u8>| assert!(seeds.insert(name, recipe).is_none());
    keep("nothing".into(), Vec::new());
    // Kind and number of words.
    let kinds = [
        ("flow", 0, 7, FlowRecord::REGISTERED),
        ("counters", 1, 2, CounterRecord::REGISTERED),
        ("flow-expanded", 2, 10, FlowRecord::REGISTERED),
        ("counters-expanded", 3, 3, CounterRecord::REGISTERED),
        ("discarded-packet", 4, 7, FlowRecord::REGISTERED),
    ];
    for (name, kind, length, registered) in kinds {
        let sample = [&HEADER[..], &[kind], &vec![0; length]].concat();
        // Eight records per recipe, so that the recipes contain all of them.
        for (first, line) in (0..).zip(registered).step_by(4) {
            let records = (0..8).flat_map(|next| [first + next]);
            let recipe = sample.iter().copied().chain([5]).chain(records).collect();
            keep(format!("{name}-from-{}", line.name), recipe);
        }
        for (choice, value) in [(1, "zero"), (2, "all-ones"), (4, "2-31"), (5, "small")] {
            let mut recipe = vec![0, 0, choice, choice, choice, choice, 0, kind];
            recipe.extend(vec![choice; length + 40]);
            keep(format!("{name}-{value}"), recipe);
        }
    }
    for (kind, name) in (5..).zip([
        "rtmetric",
        "rtflow",
        "wrapper-around",
        "wrapper-before",
        "unknown",
    ]) {
        keep(name.into(), [&HEADER[..], &[kind]].concat());
        let values = [0, 0, 0, 4, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4];
        keep(
            format!("{name}-with-values"),
            [&HEADER[..], &[kind], &values].concat(),
        );
    }
    for kind in 0..5_u8 {
        for place in 0..4_u8 {
            for number in [0, 13] {
                let damage = [1, kind, place, 0, number];
                let recipe = [&damage[..], &[0, 0, 0, 0, 0, 3], &[place % 10], &[0; 30]].concat();
                let name =
                    ["number", "other-number", "cut", "inserted", "removed"][usize::from(kind)];
                keep(format!("damage-{name}-at-mark-{place}-by-{number}"), recipe);
            }
        }
    }
    seeds
}
