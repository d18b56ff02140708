//! One table that says how fast decoding and encoding are, beside the floors and other decoders,
//! and whether that is what we set out for.
//!
//! `cargo bench -p sflow-benches --bench ratios`. Criterion measures one thing after another;
//! here they take turns, so that ratios hold on a machine that is shared.

use sflow_benches::decoding::{
    CONTENDERS, Contender, FIND, FLOWPARSER_SFLOW, LENGTHS, SFLOW_PARSER, TYPED, WORDS,
};
use sflow_benches::encoding::{Message, Values, copy, decode_and_encode, encode};
use sflow_benches::measure::{Job, Rounds, Spread};
use sflow_benches::{Corpus, Input, is_measuring};

/// What a field may cost on top of twice the copying.
const NANOSECONDS_A_FIELD: f64 = 5.0;

fn main() {
    let (datagrams, few, rounds) = if is_measuring() {
        (10_000, 200, 60)
    } else {
        (20, 20, 1)
    };
    let columns: Vec<Column> = Input::ALL
        .into_iter()
        .map(|input| Column::measure(input, datagrams, few, rounds))
        .collect();
    print(&columns, rounds);
}

/// All that is measured on one input.
struct Column {
    input: Input,
    decoding: Rounds,
    rejected: Vec<(&'static str, f64)>,
    encoding: Rounds,
    fields: f64,
}

/// The jobs of encoding, in their order.
const COPY: usize = 0;
const ENCODE: usize = 1;
const DECODE_AND_ENCODE: usize = 2;

impl Column {
    /// Decodes `most` datagrams, and encodes a `few` of them, which is few enough for the cache,
    /// where an agent has what it has just read.
    fn measure(input: Input, most: usize, few: usize, rounds: usize) -> Self {
        let datagrams = input.datagrams(most).expect("inputs are in the repository");
        let mut jobs = CONTENDERS.map(|contender| Job {
            things: datagrams.len(),
            run: Box::new({
                let datagrams = &datagrams;
                move || (contender.run)(datagrams)
            }),
        });
        let decoding = Rounds::of(&mut jobs, rounds);
        let rejected = CONTENDERS.map(|contender| {
            let rejected = datagrams.iter().filter(|bytes| !(contender.accepts)(bytes));
            let rejected = rejected.count() as f64 / datagrams.len() as f64;
            (contender.name, rejected)
        });

        let datagrams = &input.datagrams(few).expect("they were there before");
        let values = Values::of(datagrams);
        let messages = values.messages();
        let fields: usize = messages.iter().map(Message::fields).sum();
        let buffers = &mut [[0; 1 << 16]; 3];
        let [copied, encoded, again] = buffers;
        let things = datagrams.len();
        let mut jobs = [
            Job {
                things,
                run: Box::new(|| copy(datagrams, copied)),
            },
            Job {
                things,
                run: Box::new(|| encode(&messages, encoded)),
            },
            Job {
                things,
                run: Box::new(|| decode_and_encode(datagrams, again)),
            },
        ];
        Self {
            input,
            decoding,
            rejected: rejected.to_vec(),
            encoding: Rounds::of(&mut jobs, rounds),
            fields: fields as f64 / datagrams.len() as f64,
        }
    }

    fn rejected(&self, contender: Contender) -> f64 {
        let found = self
            .rejected
            .iter()
            .find(|(name, _)| *name == contender.name);
        found.map_or(0.0, |(_, share)| *share)
    }

    /// The time of `contender`, relative to another's.
    fn ratio(&self, contender: Contender, to: Contender) -> Spread {
        self.decoding.ratio(place(contender), place(to))
    }

    /// Encoding relative to twice the copying and what the fields may cost.
    fn encoding_to_target(&self) -> Spread {
        let allowance = NANOSECONDS_A_FIELD * self.fields;
        self.encoding
            .compare(|times| times[ENCODE] / (2.0 * times[COPY] + allowance))
    }
}

fn place(contender: Contender) -> usize {
    let mut contenders = CONTENDERS.iter();
    let place = contenders.position(|other| other.name == contender.name);
    place.expect("every contender is among them")
}

/// What was set out for: a ratio, and on which side of a number it should be.
struct Target {
    name: &'static str,
    ratio: fn(&Column) -> Spread,
    bound: fn(&Column) -> Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// The peer does not decode this input, so the ratio says nothing.
    Void,
}

const TARGETS: [Target; 5] = [
    Target {
        name: "every record typed / read every word; at most 0.75, mixed 0.6",
        ratio: |column| column.ratio(TYPED, WORDS),
        bound: |column| match column.input {
            Input::Corpus(Corpus::Mixed) => Bound::AtMost(0.6),
            _ => Bound::AtMost(0.75),
        },
    },
    Target {
        name: "find one record / walk the lengths; at most 1.1",
        ratio: |column| column.ratio(FIND, LENGTHS),
        bound: |_| Bound::AtMost(1.1),
    },
    Target {
        name: "flowparser-sflow / every record typed; at least 7",
        ratio: |column| column.ratio(FLOWPARSER_SFLOW, TYPED),
        bound: |column| {
            if column.rejected(FLOWPARSER_SFLOW) < 0.5 {
                Bound::AtLeast(7.0)
            } else {
                Bound::Void
            }
        },
    },
    Target {
        name: "sflow-parser / every record typed; at least 20",
        ratio: |column| column.ratio(SFLOW_PARSER, TYPED),
        bound: |_| Bound::AtLeast(20.0),
    },
    Target {
        name: "encode values / (2 × memcpy + 5 ns a field); at most 1",
        ratio: Column::encoding_to_target,
        bound: |_| Bound::AtMost(1.0),
    },
];

fn print(columns: &[Column], rounds: usize) {
    let names: Vec<&str> = columns.iter().map(|column| column.input.name()).collect();
    let heading = |title: &str| {
        println!("\n| {title} | {} |", names.join(" | "));
        println!("| --- |{}", " ---: |".repeat(names.len()));
    };
    let row = |name: &str, cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().map(|column| format!(" {} |", cell(column)));
        println!("| {name} |{}", cells.collect::<String>());
    };

    heading("CPU ns a datagram");
    for (place, contender) in CONTENDERS.into_iter().enumerate() {
        row(contender.name, &|column| {
            let time = column.decoding.time(place).median;
            match column.rejected(contender) {
                0.0 => format!("{time:.0}"),
                1.0 => "rejects all".to_owned(),
                share => format!("{time:.0}, rejects {:.1} %", share * 100.0),
            }
        });
    }
    for (name, job) in [
        ("floor: memcpy", COPY),
        ("sflow-v5: encode values", ENCODE),
        ("sflow-v5: decode and encode", DECODE_AND_ENCODE),
    ] {
        row(name, &|column| {
            format!("{:.0}", column.encoding.time(job).median)
        });
    }
    row("fields a datagram", &|column| {
        format!("{:.0}", column.fields)
    });

    heading("targets");
    for target in TARGETS {
        row(target.name, &|column| {
            let ratio = (target.ratio)(column).median;
            let word = match (target.bound)(column) {
                Bound::Void => return "–".to_owned(),
                Bound::AtMost(bound) if ratio <= bound => "met",
                Bound::AtLeast(bound) if ratio >= bound => "met",
                _ => "**missed**",
            };
            format!("{ratio:.2} {word}")
        });
    }

    let spreads = columns
        .iter()
        .flat_map(|column| TARGETS.map(|target| (target.ratio)(column).relative()));
    let widest = spreads.fold(0.0, f64::max);
    println!(
        "\nMedians of the quieter half of {rounds} rounds. Half of those lie within {:.0} % of \
         each other, even where they are furthest apart.",
        widest * 100.0
    );
}
