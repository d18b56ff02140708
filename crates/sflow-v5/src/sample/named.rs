//! Values with a name and a type in the sample itself.

use core::fmt;
use core::iter::FusedIterator;

use crate::error::{DecodeError, Error, ErrorKind};
use crate::text::Text;
use crate::wire::Wire;
use crate::writer::Writer;

/// A value and its name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Named<'a, V> {
    /// The name; empty if it is malformed.
    pub name: Text<'a>,
    /// The value.
    pub value: V,
}

/// The value of a [`Named`]: one of several types, chosen by a number in front of it.
pub trait NamedValue<'a>: Copy {
    /// Name of the sample that contains such values.
    const SAMPLE: &'static str;

    /// Reads a value of the type with number `kind`; `None` if there is no such type.
    ///
    /// # Errors
    ///
    /// If the bytes are not a valid value of this type.
    fn read(kind: u32, input: &mut &'a [u8]) -> Option<Result<Self, DecodeError>>;

    /// A malformed value: the rest of the list, from the name of the value on.
    fn malformed(rest: &'a [u8], error: Error) -> Self;

    /// The bytes and the reason, if the value is malformed.
    fn as_malformed(&self) -> Option<(&'a [u8], Error)>;

    /// Number and name of the type.
    fn kind(&self) -> (u32, &'static str);

    /// Writes the value without its name and type.
    fn encode(&self, out: &mut Writer<'_>);

    /// The reason, if the value is malformed.
    fn error(&self) -> Option<Error> {
        self.as_malformed().map(|(_, error)| error)
    }
}

/// The named values of a sample: encoded, or, to be encoded, in a slice.
///
/// The length of a value of unknown type is unknown, so it is the last item: malformed, with all
/// remaining bytes.
#[derive(Clone, Copy)]
pub struct NamedValues<'a, V> {
    wire: &'a [u8],
    count: u32,
    items: &'a [Named<'a, V>],
}

impl<'a, V: NamedValue<'a>> NamedValues<'a, V> {
    /// Takes the number of values from `input`, and all bytes behind it.
    #[inline(always)]
    pub(super) fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let count = u32::decode(input)?;
        Ok(Self {
            wire: core::mem::take(input),
            count,
            items: &[],
        })
    }

    /// The values, each decoded when the iterator reaches it.
    pub const fn iter(&self) -> NamedIter<'a, V> {
        NamedIter { rest: *self }
    }

    /// The values in front of the first malformed one, their number, and the bytes behind them.
    pub(super) fn complete(self) -> (Self, u32, &'a [u8]) {
        let (mut values, mut count) = (self.iter(), 0_u32);
        let mut behind = self.wire;
        while values
            .next()
            .is_some_and(|item| item.value.as_malformed().is_none())
        {
            count = count.saturating_add(1);
            behind = values.rest.wire;
        }
        let taken = self.wire.len().saturating_sub(behind.len());
        let wire = self.wire.get(..taken).unwrap_or_default();
        let complete = Self {
            wire,
            count,
            items: &[],
        };
        (complete, count, behind)
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        let place = out.len();
        out.word(0);
        let mut count = 0usize;
        for item in self.iter() {
            match item.value.as_malformed() {
                Some((rest, _)) => out.put(rest),
                None => {
                    item.name.encode(out);
                    out.word(item.value.kind().0);
                    item.value.encode(out);
                }
            }
            count = count.saturating_add(1);
        }
        out.overwrite(place, count);
    }
}

impl<'a, V> From<&'a [Named<'a, V>]> for NamedValues<'a, V> {
    fn from(items: &'a [Named<'a, V>]) -> Self {
        Self {
            wire: &[],
            count: 0,
            items,
        }
    }
}

impl<V> Default for NamedValues<'_, V> {
    fn default() -> Self {
        Self {
            wire: &[],
            count: 0,
            items: &[],
        }
    }
}

impl<'a, V: NamedValue<'a>> IntoIterator for NamedValues<'a, V> {
    type Item = Named<'a, V>;
    type IntoIter = NamedIter<'a, V>;

    fn into_iter(self) -> NamedIter<'a, V> {
        self.iter()
    }
}

impl<'a, V: NamedValue<'a> + PartialEq> PartialEq for NamedValues<'a, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, V: NamedValue<'a> + fmt::Debug> fmt::Debug for NamedValues<'a, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterates over [`NamedValues`]. It does not fail and always ends.
#[derive(Clone)]
pub struct NamedIter<'a, V> {
    rest: NamedValues<'a, V>,
}

impl<'a, V: NamedValue<'a>> Iterator for NamedIter<'a, V> {
    type Item = Named<'a, V>;

    fn next(&mut self) -> Option<Named<'a, V>> {
        if let Some((first, behind)) = self.rest.items.split_first() {
            self.rest.items = behind;
            return Some(*first);
        }
        self.rest.count = self.rest.count.checked_sub(1)?;
        let start = self.rest.wire;
        let mut name = Text::default();
        match read(&mut self.rest.wire, &mut name) {
            Ok(value) => Some(Named { name, value }),
            Err((field, error)) => {
                self.rest = NamedValues::default();
                let error = error.report(V::SAMPLE, field, start);
                let value = V::malformed(start, error);
                Some(Named { name, value })
            }
        }
    }
}

impl<'a, V: NamedValue<'a>> FusedIterator for NamedIter<'a, V> {}

impl<'a, V: NamedValue<'a> + fmt::Debug> fmt::Debug for NamedIter<'a, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rest.fmt(f)
    }
}

/// Reads one value and stores its name in `name`. An error contains the name of the invalid part.
fn read<'a, V: NamedValue<'a>>(
    input: &mut &'a [u8],
    name: &mut Text<'a>,
) -> Result<V, (&'static str, DecodeError)> {
    *name = Text::decode(input).map_err(|error| ("name", error))?;
    let before = *input;
    let kind = u32::decode(input).map_err(|error| ("type", error))?;
    match V::read(kind, input) {
        Some(value) => value.map_err(|error| ("value", error)),
        None => Err(("type", DecodeError::at(before, ErrorKind::ValueType(kind)))),
    }
}
