use super::{Item, List, frame, padded, word};
use crate::catalogue::{Shape, Space, Structure, structure};
use crate::decoder::Leaf;

/// The maximum nesting of aggregated frames.
const DEEPEST: usize = 8;

/// A value as on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plain<'a> {
    Absent,
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bytes(&'a [u8]),
    List(usize),
}

pub(crate) struct FieldValues {
    pub(crate) name: &'static str,
    pub(crate) leaves: Vec<Leaf>,
}

/// The fields of a structure, and its bytes as an encoder writes them.
#[derive(Default)]
pub(crate) struct Record<'a> {
    pub(crate) values: Vec<Plain<'a>>,
    pub(crate) canonical: Vec<u8>,
}

/// Parses a structure; `None` if it is malformed.
pub(crate) fn record<'a>(structure: &Structure, bytes: &'a [u8]) -> Option<Record<'a>> {
    let mut reader = Reader::new(bytes);
    let mut record = Record::default();
    for field in &structure.fields {
        if field.is_optional && bytes.len() - reader.at < 4 {
            reader.at = bytes.len();
            record.values.push(Plain::Absent);
        } else {
            let value = reader.value(field.shape, &mut record.canonical)?;
            record.values.push(value);
        }
    }
    Some(record)
}

/// The values of all fields of a structure, and the names of nested records; `None` if it is
/// malformed.
pub(super) fn fields(
    structure: &'static Structure,
    bytes: &[u8],
) -> Option<(Vec<FieldValues>, Vec<&'static str>)> {
    let mut reader = Reader::new(bytes);
    let mut nested = Vec::new();
    let fields = structure.fields.iter().map(|field| {
        let mut leaves = Vec::new();
        if field.is_optional && bytes.len() - reader.at < 4 {
            reader.at = bytes.len();
        } else {
            reader.leaves(field.shape, &mut leaves, &mut nested)?;
        }
        Some(FieldValues {
            name: &field.name,
            leaves,
        })
    });
    let fields = fields.collect::<Option<_>>()?;
    Some((fields, nested))
}

/// Parses consecutive values, and writes each as an encoder does.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn value(&mut self, shape: Shape, out: &mut Vec<u8>) -> Option<Plain<'a>> {
        Some(match shape {
            Shape::Unsigned32 => Plain::Unsigned(self.word(out)?.into()),
            Shape::Signed32 => Plain::Signed(self.word(out)?.cast_signed().into()),
            Shape::Float32 => Plain::Float(f32::from_bits(self.word(out)?).into()),
            Shape::Unsigned64 => Plain::Unsigned(self.double(out)?),
            Shape::Bare(length) => Plain::Bytes(self.bare(length, out)?),
            Shape::Mac => {
                let bytes = self.bare(8, &mut Vec::new())?;
                out.extend_from_slice(&bytes[..6]);
                out.extend_from_slice(&[0; 2]);
                Plain::Bytes(&bytes[..6])
            }
            Shape::Address => {
                let length = match self.word(out)? {
                    0 => 0,
                    1 => 4,
                    2 => 16,
                    _ => return None,
                };
                Plain::Bytes(self.bare(length, out)?)
            }
            Shape::Opaque | Shape::Text => {
                let length = usize::try_from(self.word(out)?).ok()?;
                let bytes = self.bare(length, out)?;
                self.at = padded(self.at).min(self.bytes.len());
                out.resize(out.len() + length.wrapping_neg() % 4, 0);
                Plain::Bytes(bytes)
            }
            Shape::List(row) => {
                let length = self.word(out)?;
                for _ in 0..length {
                    for shape in row {
                        self.value(*shape, out)?;
                    }
                }
                Plain::List(usize::try_from(length).ok()?)
            }
            Shape::Records => {
                let Depth::Until(end) = depth(self.bytes, self.at, DEEPEST) else {
                    return None;
                };
                let count = self.word(out)?;
                let list = super::records(&self.bytes[self.at..end], count);
                items(Space::Flow, &list, out);
                self.at = end;
                Plain::List(list.items.len())
            }
        })
    }

    /// Appends a value with all its elements.
    fn leaves(
        &mut self,
        shape: Shape,
        out: &mut Vec<Leaf>,
        nested: &mut Vec<&'static str>,
    ) -> Option<()> {
        match shape {
            Shape::List(row) => {
                let length = self.word(&mut Vec::new())?;
                out.push(Leaf::Items(usize::try_from(length).ok()?));
                for _ in 0..length {
                    for shape in row {
                        self.leaves(*shape, out, nested)?;
                    }
                }
            }
            Shape::Records => {
                let Depth::Until(end) = depth(self.bytes, self.at, DEEPEST) else {
                    return None;
                };
                let count = self.word(&mut Vec::new())?;
                let list = super::records(&self.bytes[self.at..end], count);
                out.push(Leaf::Items(list.items.len()));
                for item in &list.items {
                    let Item::Frame { format, body } = *item else {
                        return None;
                    };
                    out.push(Leaf::Number(format.into()));
                    if let Some(structure) = structure(Space::Flow, format) {
                        nested.push(&structure.name);
                        let (fields, inner) = fields(structure, body)?;
                        out.extend(fields.into_iter().flat_map(|field| field.leaves));
                        nested.extend(inner);
                    } else {
                        // An unknown record contains its format again.
                        out.push(Leaf::Number(format.into()));
                        out.push(Leaf::Bytes(body.to_vec()));
                    }
                }
                self.at = end;
            }
            Shape::Signed32 => out.push(Leaf::Number(self.word(&mut Vec::new())?.into())),
            shape => out.push(match self.value(shape, &mut Vec::new())? {
                Plain::Unsigned(number) => Leaf::Number(number),
                Plain::Float(number) => Leaf::float(number),
                Plain::Bytes(bytes) => Leaf::Bytes(bytes.to_vec()),
                Plain::Signed(_) | Plain::Absent | Plain::List(_) => return None,
            }),
        }
        Some(())
    }

    pub(super) fn word(&mut self, out: &mut Vec<u8>) -> Option<u32> {
        let word = word(self.bytes, self.at)?;
        self.bare(4, out)?;
        Some(word)
    }

    pub(super) fn double(&mut self, out: &mut Vec<u8>) -> Option<u64> {
        let bytes = self.bare(8, out)?;
        Some(u64::from_be_bytes(bytes.try_into().ok()?))
    }

    fn bare(&mut self, length: usize, out: &mut Vec<u8>) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        out.extend_from_slice(bytes);
        self.at += length;
        Some(bytes)
    }
}

/// The body of a record as an encoder writes it.
fn canonical_body(space: Space, format: u32, body: &[u8]) -> Vec<u8> {
    structure(space, format)
        .and_then(|structure| record(structure, body))
        .map_or_else(|| body.to_vec(), |record| record.canonical)
}

/// Appends a list of records.
pub(super) fn items(space: Space, list: &List<'_>, out: &mut Vec<u8>) {
    for item in &list.items {
        let (format, body) = frame_parts(*item);
        match item {
            Item::Frame { .. } => put(format, &canonical_body(space, format, body), out),
            Item::Broken(_) | Item::Cut { .. } => put(format, body, out),
        }
    }
}

/// Format and bytes of an item; for a malformed item, as far as they can be read.
pub(super) fn frame_parts(item: Item<'_>) -> (u32, &[u8]) {
    match item {
        Item::Frame { format, body } | Item::Cut { format, body, .. } => (format, body),
        Item::Broken(rest) => match (word(rest, 0), rest.get(8..)) {
            (Some(format), Some(behind)) => (format, behind),
            _ => (0, rest),
        },
    }
}

pub(super) fn put(format: u32, body: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(body.len()).expect("part of a datagram");
    out.extend_from_slice(&format.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The nesting of the records of an aggregated frame.
enum Depth {
    /// The records end at this offset.
    Until(usize),
    Unreadable,
    TooDeep,
}

/// Skips the records of an aggregated frame, with nested records as far as they can be parsed.
fn depth(bytes: &[u8], mut at: usize, allowed: usize) -> Depth {
    const AGGREGATION: u32 = 1016;
    let Some(count) = word(bytes, at) else {
        return Depth::Unreadable;
    };
    at += 4;
    if usize::try_from(count).map_or(true, |count| count > (bytes.len() - at) / 8) {
        return Depth::Unreadable;
    }
    for _ in 0..count {
        let Some((format, body)) = frame(bytes, at) else {
            return Depth::Unreadable;
        };
        at = padded(body.end).min(bytes.len());
        if format == AGGREGATION {
            if allowed == 0 {
                return Depth::TooDeep;
            }
            let inside = &bytes[body];
            let mut place = 4;
            for _ in 0..word(inside, 0).unwrap_or(0) {
                match depth(inside, place, allowed - 1) {
                    Depth::Until(end) => place = end,
                    Depth::Unreadable => break,
                    Depth::TooDeep => return Depth::TooDeep,
                }
            }
        }
    }
    Depth::Until(at)
}
