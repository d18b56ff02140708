use arbitrary::Unstructured;

use super::damage::{Damage, Mark, MarkKind};
use crate::catalogue::{Shape, Space, Structure, structures};

/// The length in bytes from which no further items are added.
const LARGE: usize = 8 << 10;
/// The maximum nesting of records.
const DEEP: u32 = 3;
/// The format of an unknown structure.
const UNKNOWN: u32 = 999 << 12 | 7;

/// A datagram built from a recipe.
#[derive(Debug)]
pub struct Built {
    /// The valid datagram.
    pub bytes: Vec<u8>,
    /// Whether an encoder writes it the same. (It does not write wrappers around samples.)
    pub is_canonical: bool,
    /// The datagram with the damage of the recipe.
    pub damaged: Vec<u8>,
    /// The words that determine the structure of the following bytes.
    pub marks: Vec<Mark>,
}

/// Builds a datagram. Each byte of the recipe is a choice. After its end, the first option is chosen,
/// so that short recipes give simple datagrams.
///
/// | bytes | choice |
/// | --- | --- |
/// | 1, and 4 each | number of damages; kind, position (two bytes) and number of each |
/// | 1 | agent address: IPv4, unknown, IPv6; each word of the address and header uses one byte |
/// | 1 | samples: 1, 2, 3, 4, 8 |
/// | 1 per sample | kind: `0:1` to `0:5`, `4300:1002`, `4300:1003`, `1991:1` around and before another sample, unknown |
/// | 1 per word | a simple value, 0, all ones, one less, 2^31, small, or any (4 more bytes) |
/// | 1 | records: 1, 0, 2, 3, 4, 8 |
/// | 1 per record | the structure, in the order of the registry; an unknown one after the last |
/// | 1 per text | the name of the field, empty, not UTF-8, 255 long, any |
/// | 1 per list | elements: 2, 0, 1, 3, 9 |
#[must_use]
pub fn build(recipe: &[u8]) -> Built {
    let mut builder = Builder {
        choices: Unstructured::new(recipe),
        bytes: Vec::new(),
        marks: Vec::new(),
        is_canonical: true,
        depth: 0,
    };
    let damages: Vec<_> = (0..builder.pick(4))
        .map(|_| Damage::choose(&mut builder.choices))
        .collect();
    builder.datagram();
    let mut damaged = builder.bytes.clone();
    for damage in damages {
        damage.apply(&mut damaged, &builder.marks);
    }
    Built {
        bytes: builder.bytes,
        is_canonical: builder.is_canonical,
        damaged,
        marks: builder.marks,
    }
}

struct Builder<'r> {
    choices: Unstructured<'r>,
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    is_canonical: bool,
    depth: u32,
}

impl Builder<'_> {
    fn datagram(&mut self) {
        self.put(5);
        self.value(Shape::Address, "datagram-agent_address");
        for number in [0, 12, 345_678] {
            self.word(number);
        }
        let samples = self.one_of([1, 2, 3, 4, 8]);
        self.list("datagram-samples", samples, Self::sample);
    }

    fn sample(&mut self) {
        match self.pick(10) {
            0 => self.frame(1, "flow_sample", |this, name| this.flow(name, 7)),
            1 => self.frame(2, "counters_sample", |this, name| this.counters(name, 2)),
            2 => self.frame(3, "flow_sample_expanded", |this, name| this.flow(name, 10)),
            3 => self.frame(4, "counters_sample_expanded", |this, name| {
                this.counters(name, 3);
            }),
            4 => self.frame(5, "discarded_packet", |this, name| this.flow(name, 7)),
            5 => self.frame(4300 << 12 | 1002, "rtmetric", |this, name| {
                this.named(name, 0, &METRICS);
            }),
            6 => self.frame(4300 << 12 | 1003, "rtflow", |this, name| {
                this.named(name, 2, &FLOW);
            }),
            7 => {
                self.is_canonical = false;
                self.frame(1991 << 12 | 1, "foundry_acl", |this, _| {
                    this.numbers(2);
                    this.simple_sample();
                });
            }
            8 => {
                self.frame(1991 << 12 | 1, "foundry_acl", |this, _| this.numbers(2));
                self.simple_sample();
            }
            _ => self.unknown(),
        }
    }

    fn simple_sample(&mut self) {
        self.frame(1, "flow_sample", |this, name| this.flow(name, 7));
    }

    /// A sample with a number of words and flow records.
    fn flow(&mut self, name: &str, words: u32) {
        self.numbers(words);
        let records = self.one_of([1, 0, 2, 3, 4, 8]);
        self.list(&format!("{name}-records"), records, |this| {
            this.record(Space::Flow);
        });
    }

    fn counters(&mut self, name: &str, words: u32) {
        self.numbers(words);
        let records = self.one_of([1, 0, 2, 3, 4, 8]);
        self.list(&format!("{name}-records"), records, |this| {
            this.record(Space::Counters);
        });
    }

    fn named(&mut self, name: &str, words: u32, types: &[Shape]) {
        self.text(&format!("{name}-datasource"));
        self.numbers(words);
        let values = self.one_of([2, 0, 1, 3, 9]);
        self.list(&format!("{name}-values"), values, |this| {
            this.text(&format!("{name}-name"));
            let kind = this.pick(types.len());
            this.mark(MarkKind::Type, &format!("{name}-type"));
            this.put(u32::try_from(kind).expect("one of a few"));
            this.value(types[kind], &format!("{name}-value"));
        });
    }

    fn record(&mut self, space: Space) {
        let known: Vec<_> = structures()
            .iter()
            .filter(|structure| structure.space == space)
            .collect();
        match known.get(self.pick(known.len() + 1)) {
            Some(structure) => self.frame(structure.format, &structure.name, |this, _| {
                this.structure(structure);
            }),
            None => self.unknown(),
        }
    }

    fn structure(&mut self, structure: &Structure) {
        for field in &structure.fields {
            if field.is_optional && self.pick(2) == 1 {
                return;
            }
            let name = format!("{}-{}", structure.name, field.name);
            if field.is_choice {
                self.word(1);
            } else {
                self.value(field.shape, &name);
            }
        }
    }

    fn unknown(&mut self) {
        self.frame(UNKNOWN, "unknown", |this, _| this.opaque());
    }

    fn value(&mut self, shape: Shape, name: &str) {
        match shape {
            // Derived from the offset, so that all values differ.
            Shape::Unsigned32 | Shape::Signed32 => self.word(1_000 + self.place()),
            Shape::Float32 => self.word(0.5_f32.to_bits() + self.place()),
            Shape::Unsigned64 => {
                self.word(1);
                self.word(self.place());
            }
            Shape::Bare(length) => {
                (0..length / 4).for_each(|_| self.word(0x0a00_0000 + self.place()));
            }
            Shape::Mac => {
                self.word(0x0200_0000 + self.place());
                let [high, low, ..] = self.chosen(0x1234_0000).to_be_bytes();
                self.bytes.extend_from_slice(&[high, low, 0, 0]);
            }
            Shape::Address => {
                let (kind, words) = self.one_of([(1, 1), (0, 0), (2, 4)]);
                self.mark(MarkKind::Type, name);
                self.put(kind);
                (0..words).for_each(|_| self.word(0x0a00_0000 + self.place()));
            }
            Shape::Opaque => {
                self.mark(MarkKind::Length, name);
                self.opaque();
            }
            Shape::Text => self.text(name),
            Shape::List(row) => {
                let length = self.one_of([2, 0, 1, 3, 9]);
                self.list(name, length, |this| {
                    for shape in row {
                        this.value(*shape, &format!("{name}-inner"));
                    }
                });
            }
            Shape::Records => {
                self.depth += 1;
                let records = if self.depth > DEEP {
                    0
                } else {
                    self.one_of([1, 0, 2, 3])
                };
                self.list(name, records, |this| this.record(Space::Flow));
                self.depth -= 1;
            }
        }
    }

    fn text(&mut self, name: &str) {
        let word = name.rsplit('-').find(|word| *word != "inner");
        self.mark(MarkKind::Length, name);
        match self.pick(5) {
            0 => self.padded(word.unwrap_or_default().as_bytes()),
            1 => self.padded(&[]),
            2 => self.padded(b"\xff\xfe\x00<script>\x1b[2J"),
            3 => self.padded(&[b'x'; 255]),
            _ => self.opaque(),
        }
    }

    /// Arbitrary bytes; an Ethernet header by default.
    fn opaque(&mut self) {
        let length = self.one_of([14, 0, 1, 3, 45, 128]);
        let mut bytes = vec![0; length];
        self.choices
            .fill_buffer(&mut bytes)
            .expect("zeros after the end of the recipe");
        self.padded(&bytes);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.put(u32::try_from(bytes.len()).expect("few bytes"));
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// Up to `length` elements, as the size of the datagram permits.
    fn list(&mut self, name: &str, length: u32, element: impl Fn(&mut Self)) {
        self.mark(MarkKind::Count, name);
        let place = self.bytes.len();
        self.put(0);
        let mut built = 0;
        while built < length && self.bytes.len() < LARGE {
            element(self);
            built += 1;
        }
        self.overwrite(place, built);
    }

    fn frame(&mut self, format: u32, name: &str, body: impl FnOnce(&mut Self, &str)) {
        self.mark(MarkKind::Format, name);
        self.put(format);
        self.mark(MarkKind::Length, name);
        let place = self.bytes.len();
        self.put(0);
        body(self, name);
        let length = self.bytes.len() - place - 4;
        self.overwrite(place, u32::try_from(length).expect("few bytes"));
    }

    fn numbers(&mut self, count: u32) {
        (0..count).for_each(|number| self.word(number + 1));
    }

    fn word(&mut self, plain: u32) {
        let word = self.chosen(plain);
        self.put(word);
    }

    fn chosen(&mut self, plain: u32) -> u32 {
        match self.pick(7) {
            0 => plain,
            1 => 0,
            2 => u32::MAX,
            3 => u32::MAX - 1,
            4 => 1 << 31,
            5 => u32::from(self.choices.arbitrary::<u8>().unwrap_or_default()),
            _ => self.choices.arbitrary().unwrap_or(plain),
        }
    }

    fn place(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("few bytes")
    }

    fn put(&mut self, word: u32) {
        self.bytes.extend_from_slice(&word.to_be_bytes());
    }

    fn overwrite(&mut self, place: usize, word: u32) {
        self.bytes[place..place + 4].copy_from_slice(&word.to_be_bytes());
    }

    /// Marks the next word.
    fn mark(&mut self, kind: MarkKind, of: &str) {
        self.marks.push(Mark {
            at: self.bytes.len(),
            kind,
            of: of.to_owned(),
        });
    }

    fn one_of<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.pick(N)]
    }

    fn pick(&mut self, choices: usize) -> usize {
        self.choices.choose_index(choices).unwrap_or(0)
    }
}

/// Types of the values of `rtmetric`, by number.
const METRICS: [Shape; 7] = [
    Shape::Text,
    Shape::Unsigned32,
    Shape::Unsigned64,
    Shape::Unsigned32,
    Shape::Unsigned64,
    Shape::Float32,
    Shape::Unsigned64,
];

/// Types of the values of `rtflow`, by number.
const FLOW: [Shape; 8] = [
    Shape::Text,
    Shape::Mac,
    Shape::Bare(4),
    Shape::Bare(16),
    Shape::Signed32,
    Shape::Unsigned64,
    Shape::Float32,
    Shape::Unsigned64,
];
