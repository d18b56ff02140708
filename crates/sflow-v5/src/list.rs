use core::fmt;
use core::iter::FusedIterator;

use crate::error::DecodeError;
use crate::walk::{Kind, Value};
use crate::wire::{Size, Wire, take_count};
use crate::writer::Writer;

/// An array from the wire. Its length is checked once; elements are decoded during iteration.
///
/// A list to be encoded is made from a slice: `List::from(&[1, 2, 3][..])`.
#[derive(Clone, Copy)]
pub struct List<'a, T> {
    length: usize,
    wire: &'a [u8],
    items: &'a [T],
}

impl<'a, T: Wire<'a>> List<'a, T> {
    /// The number of elements.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no elements.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The elements, by value.
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter {
            wire: self.wire,
            items: self.items.iter(),
            left: self.length,
        }
    }
}

/// The elements of a [`List`].
#[derive(Clone, Debug)]
pub struct ListIter<'a, T> {
    wire: &'a [u8],
    items: core::slice::Iter<'a, T>,
    left: usize,
}

impl<'a, T: Wire<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        match self.items.next() {
            Some(item) => Some(*item),
            None => T::decode(&mut self.wire).ok(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, T: Wire<'a>> ExactSizeIterator for ListIter<'a, T> {}
impl<'a, T: Wire<'a>> FusedIterator for ListIter<'a, T> {}

impl<'a, T: Wire<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = ListIter<'a, T>;

    fn into_iter(self) -> ListIter<'a, T> {
        self.iter()
    }
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self {
            length: 0,
            wire: &[],
            items: &[],
        }
    }
}

impl<'a, T> From<&'a [T]> for List<'a, T> {
    fn from(items: &'a [T]) -> Self {
        Self {
            length: items.len(),
            wire: &[],
            items,
        }
    }
}

impl<'a, T: Wire<'a> + PartialEq> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Wire<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Wire<'a>> Wire<'a> for List<'a, T> {
    const SIZE: Size = Size::AtLeast(4);
    const KIND: Kind = Kind::List;

    #[inline]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let length = take_count(input, T::SIZE)?;
        let mut rest = *input;
        // The number of elements is sufficient to check elements of constant size. Others are
        // decoded here once, so that iteration cannot fail later; each is at least four bytes long.
        if let Size::AtLeast(_) = T::SIZE {
            for _ in 0..length {
                T::decode(&mut rest)?;
            }
        } else {
            let bytes = crate::wire::to_usize(length).saturating_mul(T::SIZE.minimum());
            rest = rest.get(bytes..).unwrap_or(&[]);
        }
        let taken = input.len().saturating_sub(rest.len());
        let wire = input.get(..taken).unwrap_or(&[]);
        *input = rest;
        Ok(Self {
            length: crate::wire::to_usize(length),
            wire,
            items: &[],
        })
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.length(self.length);
        self.iter().for_each(|item| item.encode(out));
    }

    fn value(&self) -> Value<'a> {
        Value::List(self.length)
    }
}

#[cfg(feature = "serde")]
impl<'a, T: Wire<'a> + serde::Serialize> serde::Serialize for List<'a, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
