//! The published structures, from `testdata/structures.json`. The decoder is declared independently
//! of this file.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value as Json;

/// The two number spaces of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    Flow,
    Counters,
}

impl Space {
    /// The space of the records of a sample with this format.
    pub(crate) fn of_records(sample_format: u32) -> Self {
        match sample_format {
            2 | 4 => Self::Counters,
            _ => Self::Flow,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) space: Space,
    /// Enterprise and format, encoded as on the wire.
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// Whether a record may end before the field.
    pub(crate) is_optional: bool,
    pub(crate) is_choice: bool,
}

/// The encoding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Unsigned32,
    Signed32,
    Unsigned64,
    Float32,
    /// A fixed number of bytes.
    Bare(usize),
    /// Six bytes and two of padding.
    Mac,
    /// A type, and an address of this type.
    Address,
    /// A length, bytes and padding.
    Opaque,
    /// Opaque bytes that are text.
    Text,
    /// A count, and elements with these values.
    List(&'static [Shape]),
    /// A count, and frames of flow records.
    Records,
}

const UNSIGNED: Shape = Shape::List(&[Shape::Unsigned32]);
const SIGNED: Shape = Shape::List(&[Shape::Signed32]);
const ADAPTERS: Shape = Shape::List(&[Shape::Unsigned32, Shape::List(&[Shape::Mac])]);
const AS_PATH: Shape = Shape::List(&[Shape::Unsigned32, UNSIGNED]);
const LANES: Shape = Shape::List(&[Shape::Unsigned32; 10]);
const PDUS: Shape = Shape::List(&[Shape::Records]);

/// The first fields that later versions appended, which the catalogue does not mark.
const APPENDED: [(&str, &str); 2] = [
    ("host_cpu", "cpu_steal"),
    ("jvm_statistics", "fd_open_count"),
];

/// All structures: flow records, then counter records, each by format.
pub(crate) fn structures() -> &'static [Structure] {
    &CATALOGUE.structures
}

/// The structure of a format.
pub(crate) fn structure(space: Space, format: u32) -> Option<&'static Structure> {
    let index = *CATALOGUE.indexes.get(&(space, format))?;
    CATALOGUE.structures.get(index)
}

struct Catalogue {
    structures: Vec<Structure>,
    indexes: HashMap<(Space, u32), usize>,
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
    let indexes = structures
        .iter()
        .enumerate()
        .map(|(index, line)| ((line.space, line.format), index))
        .collect();
    Catalogue {
        structures,
        indexes,
    }
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

fn shape(name: &str) -> Shape {
    match name {
        "u32" | "op4" => Shape::Unsigned32,
        "i32" => Shape::Signed32,
        "u64" => Shape::Unsigned64,
        "f32" => Shape::Float32,
        "ip4" => Shape::Bare(4),
        "uuid" | "ip6" | "gid" => Shape::Bare(16),
        "mac" => Shape::Mac,
        "addr" => Shape::Address,
        "opaque" => Shape::Opaque,
        "arr:u32" => UNSIGNED,
        "arr:i32" => SIGNED,
        "adapters" => ADAPTERS,
        "aspath" => AS_PATH,
        "lanes" => LANES,
        "pdus" => PDUS,
        text if text.starts_with("str") => Shape::Text,
        other => panic!("unknown type in the catalogue: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sflow_v5::{CounterRecord, FlowRecord};

    #[test]
    fn catalogue_equals_registry_of_decoder() {
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
