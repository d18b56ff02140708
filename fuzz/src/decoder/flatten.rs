//! Converts a value to leaves by `serde::Serialize`, which visits the fields in order.

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{self, Impossible};

use super::Leaf;

/// The leaves of a value, and the name of the variant of an enum.
pub(super) fn flatten(value: &impl Serialize) -> (&'static str, Vec<Leaf>) {
    let mut flatten = Flatten::default();
    value
        .serialize(&mut flatten)
        .expect("serialising into leaves does not fail");
    let leaves = flatten.leaves.into_iter().map(|part| match part {
        Part::Leaf(leaf) => leaf,
        Part::Byte(byte) => Leaf::Number(byte.into()),
    });
    (flatten.variant.unwrap_or(""), leaves.collect())
}

#[derive(Default)]
struct Flatten {
    leaves: Vec<Part>,
    /// The variant of the outermost enum.
    variant: Option<&'static str>,
}

enum Part {
    Leaf(Leaf),
    /// A byte that may be part of a byte string.
    Byte(u8),
}

impl Flatten {
    fn push(&mut self, leaf: Leaf) -> Result<(), Never> {
        self.leaves.push(Part::Leaf(leaf));
        Ok(())
    }

    /// Joins the parts since `start` into one leaf, if all are bytes.
    fn join(&mut self, start: usize) -> bool {
        let bytes = self.leaves[start..].iter().map(|part| match part {
            Part::Byte(byte) => Some(*byte),
            Part::Leaf(_) => None,
        });
        let bytes: Option<Vec<_>> = bytes.collect();
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            return false;
        };
        self.leaves.truncate(start);
        self.leaves.push(Part::Leaf(Leaf::Bytes(bytes)));
        true
    }
}

/// The elements of a sequence or structure.
struct Elements<'f> {
    flatten: &'f mut Flatten,
    start: usize,
    length: usize,
    /// Whether the number of elements was on the wire.
    is_counted: bool,
}

impl<'f> Elements<'f> {
    fn new(flatten: &'f mut Flatten, is_counted: bool) -> Self {
        let start = flatten.leaves.len();
        Self {
            flatten,
            start,
            length: 0,
            is_counted,
        }
    }

    fn add<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Never> {
        self.length += 1;
        element.serialize(&mut *self.flatten)
    }

    fn finish(self) {
        if !self.flatten.join(self.start) && self.is_counted {
            let items = Part::Leaf(Leaf::Items(self.length));
            self.flatten.leaves.insert(self.start, items);
        }
    }
}

/// An error that does not occur.
#[derive(Debug)]
struct Never;

impl Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("never")
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: Display>(message: T) -> Self {
        panic!("{message}")
    }
}

macro_rules! numbers {
    ($($name:ident($kind:ty) $(as $unsigned:ty)?,)*) => {
        $(fn $name(self, number: $kind) -> Result<(), Never> {
            $(let number = <$unsigned>::from_ne_bytes(number.to_ne_bytes());)?
            self.push(Leaf::Number(number.into()))
        })*
    };
}

impl<'f> ser::Serializer for &'f mut Flatten {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Elements<'f>;
    type SerializeTuple = Elements<'f>;
    type SerializeTupleStruct = Elements<'f>;
    type SerializeTupleVariant = Elements<'f>;
    type SerializeMap = Impossible<(), Never>;
    type SerializeStruct = Elements<'f>;
    type SerializeStructVariant = Elements<'f>;

    numbers! {
        serialize_bool(bool),
        serialize_i8(i8) as u8,
        serialize_i16(i16) as u16,
        serialize_i32(i32) as u32,
        serialize_i64(i64) as u64,
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
    }

    fn serialize_u8(self, byte: u8) -> Result<(), Never> {
        self.leaves.push(Part::Byte(byte));
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), Never> {
        self.push(Leaf::Float(number))
    }

    fn serialize_f64(self, number: f64) -> Result<(), Never> {
        self.push(Leaf::float(number))
    }

    fn serialize_char(self, letter: char) -> Result<(), Never> {
        self.push(Leaf::Number(u32::from(letter).into()))
    }

    fn serialize_str(self, text: &str) -> Result<(), Never> {
        self.push(Leaf::Bytes(text.as_bytes().to_vec()))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Never> {
        self.push(Leaf::Bytes(bytes.to_vec()))
    }

    /// A MAC address as text.
    fn collect_str<T: Display + ?Sized>(self, text: &T) -> Result<(), Never> {
        let text = text.to_string();
        let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
        let bytes: Result<Vec<_>, _> = bytes.collect();
        self.push(Leaf::Bytes(bytes.unwrap_or_else(|_| text.into_bytes())))
    }

    fn serialize_none(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), Never> {
        self.push(Leaf::Choice {
            list: name,
            index,
            number: index.into(),
        })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        self.variant.get_or_insert(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'f>, Never> {
        Ok(Elements::new(self, true))
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'f>, Never> {
        Ok(Elements::new(self, false))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'f>, Never> {
        Ok(Elements::new(self, false))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'f>, Never> {
        self.variant.get_or_insert(variant);
        Ok(Elements::new(self, false))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Never> {
        panic!("sFlow has no maps")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Elements<'f>, Never> {
        Ok(Elements::new(self, false))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'f>, Never> {
        self.variant.get_or_insert(variant);
        Ok(Elements::new(self, false))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! elements {
    ($($collection:ident: $add:ident, $end:ident;)*) => {
        $(impl ser::$collection for Elements<'_> {
            type Ok = ();
            type Error = Never;

            fn $add<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Never> {
                self.add(element)
            }

            fn end(self) -> Result<(), Never> {
                self.$end();
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element, finish;
    SerializeTuple: serialize_element, finish;
    SerializeTupleStruct: serialize_field, finish;
    SerializeTupleVariant: serialize_field, finish;
}

macro_rules! structs {
    ($($collection:ident)*) => {
        $(impl ser::$collection for Elements<'_> {
            type Ok = ();
            type Error = Never;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Never> {
                self.add(value)
            }

            fn end(self) -> Result<(), Never> {
                Ok(())
            }
        })*
    };
}

structs! { SerializeStruct SerializeStructVariant }
