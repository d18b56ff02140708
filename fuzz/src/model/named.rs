use super::Plain;
use super::record::Reader;
use crate::catalogue::Shape;

/// A kind of sample with named values: the number of words before them, and their types by number.
pub(super) struct Kind {
    words: usize,
    types: &'static [Type],
}

#[derive(Clone, Copy)]
enum Type {
    Like(Shape),
    Signed64,
    Float64,
}

pub(super) const METRICS: Kind = Kind {
    words: 0,
    types: &[
        Type::Like(Shape::Text),
        Type::Like(Shape::Unsigned32),
        Type::Like(Shape::Unsigned64),
        Type::Like(Shape::Unsigned32),
        Type::Like(Shape::Unsigned64),
        Type::Like(Shape::Float32),
        Type::Float64,
    ],
};

pub(super) const FLOW: Kind = Kind {
    words: 2,
    types: &[
        Type::Like(Shape::Text),
        Type::Like(Shape::Mac),
        Type::Like(Shape::Bare(4)),
        Type::Like(Shape::Bare(16)),
        Type::Like(Shape::Signed32),
        Type::Signed64,
        Type::Like(Shape::Float32),
        Type::Float64,
    ],
};

/// A sample with named values.
pub(crate) struct Named<'a> {
    pub(crate) datasource: &'a [u8],
    pub(crate) values: Vec<NamedValue<'a>>,
    pub(crate) canonical: Vec<u8>,
    /// The bytes up to the end of the last value; all bytes if it is malformed.
    pub(crate) taken: usize,
    /// The offset of the number of values in the canonical form.
    count_at: usize,
}

pub(crate) enum NamedValue<'a> {
    Read {
        name: &'a [u8],
        kind: u32,
        value: Plain<'a>,
    },
    /// The unreadable rest.
    Broken(&'a [u8]),
}

impl Named<'_> {
    /// The canonical form with only the first `count` values.
    pub(super) fn canonical_of(mut self, count: u32) -> Vec<u8> {
        if let Some(NamedValue::Broken(rest)) = self.values.last() {
            self.canonical.truncate(self.canonical.len() - rest.len());
        }
        self.canonical[self.count_at..self.count_at + 4].copy_from_slice(&count.to_be_bytes());
        self.canonical
    }
}

/// Parses a sample with named values; `None` if the part before the values is malformed.
pub(crate) fn named<'a>(sample: &Kind, bytes: &'a [u8]) -> Option<Named<'a>> {
    let mut reader = Reader::new(bytes);
    let mut canonical = Vec::new();
    let Plain::Bytes(datasource) = reader.value(Shape::Text, &mut canonical)? else {
        return None;
    };
    for _ in 0..sample.words {
        reader.word(&mut canonical)?;
    }
    let place = canonical.len();
    let count = reader.word(&mut canonical)?;
    let mut values = Vec::new();
    for _ in 0..count {
        let start = reader.at;
        let before = canonical.len();
        match one(sample, &mut reader, &mut canonical) {
            Some(value) => values.push(value),
            None => {
                canonical.truncate(before);
                canonical.extend_from_slice(&bytes[start..]);
                values.push(NamedValue::Broken(&bytes[start..]));
                reader.at = bytes.len();
                break;
            }
        }
    }
    let count = u32::try_from(values.len()).ok()?;
    canonical[place..place + 4].copy_from_slice(&count.to_be_bytes());
    Some(Named {
        datasource,
        values,
        canonical,
        taken: reader.at,
        count_at: place,
    })
}

fn one<'a>(sample: &Kind, reader: &mut Reader<'a>, out: &mut Vec<u8>) -> Option<NamedValue<'a>> {
    let Plain::Bytes(name) = reader.value(Shape::Text, out)? else {
        return None;
    };
    let kind = reader.word(out)?;
    let value = match sample.types.get(usize::try_from(kind).ok()?)? {
        Type::Like(shape) => reader.value(*shape, out)?,
        Type::Signed64 => Plain::Signed(reader.double(out)?.cast_signed()),
        Type::Float64 => Plain::Float(f64::from_bits(reader.double(out)?)),
    };
    Some(NamedValue::Read { name, kind, value })
}
