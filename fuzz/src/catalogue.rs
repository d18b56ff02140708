//! The published structures: what `testdata/structures.json` says of them, which is not what the
//! decoder was made from.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

/// The two number spaces of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    Flow,
    Counters,
}

/// One structure.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) space: Space,
    /// Enterprise and format, as they stand on the wire.
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

/// One field of a structure.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// A record may end before it.
    pub(crate) is_optional: bool,
    pub(crate) is_choice: bool,
}

/// How a value stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Unsigned32,
    Signed32,
    Unsigned64,
    Float32,
    /// So many bytes without a length.
    Bare(usize),
    /// Six bytes in eight.
    Mac,
    /// A type, and as many bytes as an address of the type has.
    Address,
    /// A length, as many bytes, padding.
    Opaque,
    /// The same, and it is text.
    Text,
    /// A number of elements, and these.
    List(&'static [Shape]),
    /// Frames of flow records, with their number in front.
    Records,
}

/// A number of elements, each a row of these.
const WORDS: Shape = Shape::List(&[Shape::Unsigned32]);
const NUMBERS: Shape = Shape::List(&[Shape::Signed32]);
const ADAPTERS: Shape = Shape::List(&[Shape::Unsigned32, Shape::List(&[Shape::Mac])]);
const AS_PATH: Shape = Shape::List(&[Shape::Unsigned32, WORDS]);
const LANES: Shape = Shape::List(&[Shape::Unsigned32; 10]);
const PDUS: Shape = Shape::List(&[Shape::Records]);

/// Fields that later versions appended, which the catalogue does not tell: from these on.
const APPENDED: [(&str, &str); 2] = [
    ("host_cpu", "cpu_steal"),
    ("jvm_statistics", "fd_open_count"),
];

/// All structures, flow records before counter records, each in order of number.
pub(crate) fn structures() -> &'static [Structure] {
    &CATALOGUE.structures
}

/// The structure of this number.
pub(crate) fn structure(space: Space, format: u32) -> Option<&'static Structure> {
    let place = *CATALOGUE.places.get(&(space, format))?;
    CATALOGUE.structures.get(place)
}

struct Catalogue {
    structures: Vec<Structure>,
    places: HashMap<(Space, u32), usize>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let json: Json = serde_json::from_str(include_str!("../../testdata/structures.json"))
        .expect("the catalogue is JSON");
    let spaces = [
        (Space::Flow, "flow_records"),
        (Space::Counters, "counter_records"),
    ];
    let lines = spaces.into_iter().flat_map(|(space, list)| {
        let lines = json[list].as_array().expect("a list of structures");
        lines.iter().map(move |line| read(space, line))
    });
    let structures: Vec<_> = lines.collect();
    let places = structures
        .iter()
        .enumerate()
        .map(|(place, line)| ((line.space, line.format), place))
        .collect();
    Catalogue { structures, places }
});

fn read(space: Space, line: &Json) -> Structure {
    let number = |key: &str| u32::try_from(line[key].as_u64().expect(key)).expect(key);
    let name = line["name"].as_str().expect("a name").to_owned();
    let appended = APPENDED.iter().find(|(structure, _)| *structure == name);
    let mut is_optional = false;
    let fields = line["fields"].as_array().expect("a list of fields");
    let fields = fields.iter().map(|field| {
        let text = |key: &str| field[key].as_str().unwrap_or_default();
        is_optional |= appended.is_some_and(|(_, first)| *first == text("name"));
        Field {
            name: text("name").to_owned(),
            shape: shape(text("type")),
            is_optional,
            is_choice: text("kind") == "enum",
        }
    });
    Structure {
        space,
        format: number("enterprise") << 12 | number("format"),
        fields: fields.collect(),
        name,
    }
}

fn shape(word: &str) -> Shape {
    match word {
        "u32" | "op4" => Shape::Unsigned32,
        "i32" => Shape::Signed32,
        "u64" => Shape::Unsigned64,
        "f32" => Shape::Float32,
        "ip4" => Shape::Bare(4),
        "uuid" | "ip6" | "gid" => Shape::Bare(16),
        "mac" => Shape::Mac,
        "addr" => Shape::Address,
        "opaque" => Shape::Opaque,
        "arr:u32" => WORDS,
        "arr:i32" => NUMBERS,
        "adapters" => ADAPTERS,
        "aspath" => AS_PATH,
        "lanes" => LANES,
        "pdus" => PDUS,
        text if text.starts_with("str") => Shape::Text,
        other => panic!("the catalogue has a type that is not known here: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sflow_v5::{CounterRecord, FlowRecord};

    #[test]
    fn it_has_what_the_decoder_has() {
        let ours = FlowRecord::REGISTERED
            .iter()
            .chain(CounterRecord::REGISTERED)
            .map(|line| (line.format.0, line.name, line.fields.len()));
        let theirs = structures()
            .iter()
            .map(|line| (line.format, &line.name[..], line.fields.len()));
        assert!(ours.eq(theirs));
    }
}
