//! Tables of how fast decoding and encoding are: beside the floors and two other crates, and
//! against the targets.
//!
//! `cargo bench -p sflow-benches --bench ratios --profile plain` measures a build without
//! link-time optimisation; without `--profile`, cargo builds with fat LTO. Criterion measures one
//! job after another; here they take turns, so that ratios hold on a shared machine.

use sflow_benches::decoding::{
    COLLECT, COLLECT_FRAMES, CONTENDERS, Contender, FIND, FIND_INTERFACE, FLOWPARSER_SFLOW,
    LENGTHS, MATCH, MATCH_FRAMES, PASS, PASS_FRAMES, SFLOW_PARSER, WORDS,
};
use sflow_benches::encoding::{Message, Values, copy, decode_and_encode, encode};
use sflow_benches::measure::{Job, Rounds, Spread};
use sflow_benches::{Input, is_measuring};

/// Allowance for each encoded field, on top of twice the time of copying.
const NANOSECONDS_PER_FIELD: f64 = 5.0;

/// Datagrams that are decoded: they fit into the cache, as a datagram does that was just received.
/// With more, a decoder that skips most bytes waits for memory.
const DECODED: usize = 500;

/// Datagrams that are encoded.
const ENCODED: usize = 200;

fn main() {
    let (decoded, encoded, rounds) = if is_measuring() {
        (DECODED, ENCODED, 60)
    } else {
        (20, 20, 1)
    };
    let columns: Vec<Column> = Input::ALL
        .into_iter()
        .map(|input| Column::measure(input, decoded, encoded, rounds))
        .collect();
    print(&columns, rounds);
}

/// The measurements on one input.
struct Column {
    input: Input,
    decoding: Rounds,
    /// Share of datagrams that each contender rejects.
    rejected: Vec<(&'static str, f64)>,
    encoding: Rounds,
    fields: f64,
}

/// Indices of the encoding jobs.
const COPY: usize = 0;
const ENCODE: usize = 1;
const DECODE_AND_ENCODE: usize = 2;

impl Column {
    /// Measures decoding and encoding of so many datagrams.
    fn measure(input: Input, decoded: usize, encoded: usize, rounds: usize) -> Self {
        let datagrams = input
            .datagrams(decoded)
            .expect("inputs are in the repository");
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

        let datagrams = &input
            .datagrams(encoded)
            .expect("inputs are in the repository");
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

    /// The time of `contender` relative to that of `to`.
    fn ratio(&self, contender: Contender, to: Contender) -> Spread {
        self.decoding.ratio(place(contender), place(to))
    }

    /// The time of encoding relative to the target.
    fn encoding_to_target(&self) -> Spread {
        let allowance = NANOSECONDS_PER_FIELD * self.fields;
        self.encoding
            .compare(|times| times[ENCODE] / (2.0 * times[COPY] + allowance))
    }
}

fn place(contender: Contender) -> usize {
    let mut contenders = CONTENDERS.iter();
    let place = contenders.position(|other| other.name == contender.name);
    place.expect("CONTENDERS contains every contender")
}

/// A ratio and its bound.
struct Target {
    name: &'static str,
    ratio: fn(&Column) -> Spread,
    bound: Bound,
    /// The peer whose time is compared, if any: inputs that it rejects do not count.
    peer: Option<Contender>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

const TARGETS: [Target; 11] = [
    at_most(
        "match on records / read every word; at most 0.7",
        |column| column.ratio(MATCH, WORDS),
        0.7,
    ),
    at_most(
        "match on frames / read every word; at most 0.7",
        |column| column.ratio(MATCH_FRAMES, WORDS),
        0.7,
    ),
    at_most(
        "find VirtCpu or SampledHeader / walk the lengths; at most 1.2",
        |column| column.ratio(FIND, LENGTHS),
        1.2,
    ),
    at_most(
        "find IfCounters / walk the lengths; at most 1.2",
        |column| column.ratio(FIND_INTERFACE, LENGTHS),
        1.2,
    ),
    at_most(
        "pass &record / match on records; at most 1.3",
        |column| column.ratio(PASS, MATCH),
        1.3,
    ),
    at_most(
        "collect records / match on records; at most 1.3",
        |column| column.ratio(COLLECT, MATCH),
        1.3,
    ),
    at_most(
        "pass &frame / match on frames; at most 1.3",
        |column| column.ratio(PASS_FRAMES, MATCH_FRAMES),
        1.3,
    ),
    at_most(
        "collect frames / match on frames; at most 1.3",
        |column| column.ratio(COLLECT_FRAMES, MATCH_FRAMES),
        1.3,
    ),
    Target {
        name: "flowparser-sflow / match on records; at least 5",
        ratio: |column| column.ratio(FLOWPARSER_SFLOW, MATCH),
        bound: Bound::AtLeast(5.0),
        peer: Some(FLOWPARSER_SFLOW),
    },
    Target {
        name: "sflow-parser / match on records; at least 15",
        ratio: |column| column.ratio(SFLOW_PARSER, MATCH),
        bound: Bound::AtLeast(15.0),
        peer: Some(SFLOW_PARSER),
    },
    at_most(
        "encode values / (2 × memcpy + 5 ns per field); at most 1",
        Column::encoding_to_target,
        1.0,
    ),
];

const fn at_most(name: &'static str, ratio: fn(&Column) -> Spread, bound: f64) -> Target {
    Target {
        name,
        ratio,
        bound: Bound::AtMost(bound),
        peer: None,
    }
}

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

    println!("Profile `{}`.", profile());
    heading("CPU ns per datagram");
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
    row("fields per datagram", &|column| {
        format!("{:.0}", column.fields)
    });

    heading("targets");
    for target in TARGETS {
        row(target.name, &|column| {
            let rejects_most = |peer| column.rejected(peer) >= 0.5;
            if target.peer.is_some_and(rejects_most) {
                return "–".to_owned();
            }
            let ratio = (target.ratio)(column).median;
            let word = match target.bound {
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
        "\nMedians of the quieter half of {rounds} rounds. The widest interquartile range is {:.0} % \
         of its median.",
        widest * 100.0
    );
}

/// The profile of this build: the name of the folder in `target`.
fn profile() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.ancestors().nth(2).and_then(|path| path.file_name());
    folder.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
