//! Registries: the structures of one number space, and the dispatch from a number to its decoder.

use crate::format::DataFormat;

/// Declares the structures of one number space, and from them an enum with a variant for each
/// structure and its dispatch. A duplicate number is a compile error.
macro_rules! registry {
    (
        $(#[$doc:meta])*
        pub enum $record:ident<$life:lifetime>: $structure:ident {
            $($enterprise:literal : $format:literal => $variant:ident $(<$variant_life:lifetime>)?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $record<$life> {
            $(
                #[doc = concat!("`", $enterprise, ":", $format, "`")]
                $variant($variant $(<$variant_life>)?),
            )*
            /// A record with a number that this crate does not know.
            Unknown($crate::Frame<$life>),
            /// A record whose bytes are invalid, or the rest of a list whose framing is invalid;
            /// with these bytes and the reason.
            Malformed($crate::Frame<$life>, $crate::Error),
        }

        #[allow(non_upper_case_globals, reason = "a constant for each variant, under its name")]
        mod formats {
            $(pub(super) const $variant: $crate::DataFormat =
                $crate::DataFormat::new($enterprise, $format);)*
        }

        impl<$life> $record<$life> {
            /// All structures of this number space that the crate knows, sorted by number.
            pub const REGISTERED: &'static [$crate::field::Registered] = &[$(
                $crate::field::Registered {
                    format: formats::$variant,
                    name: <$variant $(<$variant_life>)? as $crate::Structure<$life>>::NAME,
                    fields: <$variant $(<$variant_life>)? as $crate::Structure<$life>>::FIELDS,
                },
            )*];

            /// Number of the structure.
            #[inline]
            pub const fn format(&self) -> $crate::DataFormat {
                match self {
                    $(Self::$variant(_) => formats::$variant,)*
                    Self::Unknown(frame) | Self::Malformed(frame, _) => frame.format,
                }
            }

            /// Calls `visitor` with the type and the bytes of the structure in `frame`; `None` if
            /// its number is unknown.
            ///
            /// Code that handles the fields of all structures is compiled for each of them, and
            /// reads only the fields that it uses.
            ///
            /// ```
            /// use sflow_v5::field::Value;
            /// use sflow_v5::{CounterRecord, DataFormat, Frame, Structure, Visitor};
            ///
            /// /// Adds up the numbers of a structure; `None` if it cannot be decoded.
            /// struct Sum;
            ///
            /// impl<'a> Visitor<'a> for Sum {
            ///     type Output = Option<u64>;
            ///
            ///     fn visit<T: Structure<'a>>(self, bytes: &'a [u8]) -> Option<u64> {
            ///         let mut sum = 0;
            ///         T::from_bytes(bytes)?.each_known(|_, value| {
            ///             if let Some(Value::Unsigned(number)) = value {
            ///                 sum += number;
            ///             }
            ///         });
            ///         Some(sum)
            ///     }
            /// }
            ///
            /// // `host_parent` has the number 0:2002.
            /// let bytes = [0, 0, 0, 2, 0, 0, 0, 1];
            /// let mut frame = Frame { format: DataFormat::new(0, 2002), bytes: &bytes };
            /// assert_eq!(CounterRecord::dispatch(frame, Sum), Some(Some(3)));
            /// frame.bytes = &[];
            /// assert_eq!(CounterRecord::dispatch(frame, Sum), Some(None));
            /// ```
            #[inline]
            pub fn dispatch<V: $crate::Visitor<$life>>(
                frame: $crate::Frame<$life>,
                visitor: V,
            ) -> Option<V::Output> {
                match frame.format {
                    $(formats::$variant => {
                        Some(visitor.visit::<$variant $(<$variant_life>)?>(frame.bytes))
                    })*
                    _ => None,
                }
            }

            /// Name of the structure in the specification, if the structure is known.
            pub fn name(&self) -> Option<&'static str> {
                let registered = Self::REGISTERED.iter().find(|line| line.format == self.format());
                registered.map(|line| line.name)
            }

            /// The fields of the structure; empty for unknown and malformed records.
            pub const fn fields(&self) -> &'static [$crate::field::Field] {
                match self {
                    $(Self::$variant(_) => <$variant $(<$variant_life>)? as $crate::Structure<$life>>::FIELDS,)*
                    Self::Unknown(_) | Self::Malformed(..) => &[],
                }
            }

            /// The value of the field at `index` of [`fields`](Self::fields);
            /// [`Value::Absent`](crate::field::Value::Absent) if there is no such field.
            pub fn field(&self, index: usize) -> $crate::field::Value<$life> {
                match self {
                    $(Self::$variant(record) => $crate::Structure::field(record, index),)*
                    Self::Unknown(_) | Self::Malformed(..) => $crate::field::Value::Absent,
                }
            }

            /// The value of the field at `index`; `None` if the field is absent or unambiguously
            /// unknown. A gauge of zero is ambiguous, so its value is returned.
            pub fn known(&self, index: usize) -> Option<$crate::field::Value<$life>> {
                match self {
                    $(Self::$variant(record) => $crate::Structure::known(record, index),)*
                    Self::Unknown(_) | Self::Malformed(..) => None,
                }
            }

            /// Calls `visit` with the index and the [known](Self::known) value of every field, in
            /// order. Faster than asking for one field after another.
            #[inline]
            pub fn each_known(&self, visit: impl FnMut(usize, Option<$crate::field::Value<$life>>)) {
                match self {
                    $(Self::$variant(record) => $crate::Structure::each_known(record, visit),)*
                    Self::Unknown(_) | Self::Malformed(..) => {}
                }
            }

            /// The fields whose value is known, in order, each with its name, kind and unit.
            ///
            /// There is an example at [`Structure::known_fields`](crate::Structure::known_fields).
            pub fn known_fields(
                &self,
            ) -> impl Iterator<Item = (&'static $crate::field::Field, $crate::field::Value<$life>)> {
                let fields = self.fields().iter().enumerate();
                fields.filter_map(|(index, field)| Some((field, self.known(index)?)))
            }

            /// The name of the value of the field at `index`, if the field is an enumeration and
            /// its number has a name.
            pub fn enum_name(&self, index: usize) -> Option<&'static str> {
                match self {
                    $(Self::$variant(record) => $crate::Structure::enum_name(record, index),)*
                    Self::Unknown(_) | Self::Malformed(..) => None,
                }
            }
        }

        /// Decodes a record: one function for each structure.
        type Reader = for<'b> fn($crate::DataFormat, &'b [u8]) -> Option<$record<'b>>;

        /// Index of the reader of each standard number.
        static INDICES: [u8; $crate::registry::STANDARD] =
            $crate::registry::indices([$(formats::$variant),*]);

        /// Index 0 is the reader of all other numbers.
        static READERS: [Reader; $crate::registry::READERS] = $crate::registry::readers(
            enterprise,
            [$({
                fn reader<'b>(format: $crate::DataFormat, bytes: &'b [u8]) -> Option<$record<'b>> {
                    $crate::frame::read::<$crate::registry::applied!($variant $(<$variant_life> 'b)?), _>(format, bytes)
                }
                const READER: Reader = reader;
                READER
            }),*],
        );

        /// Decodes structures of enterprises and unknown numbers.
        #[inline(never)]
        #[deny(unreachable_patterns, reason = "a duplicate number")]
        fn enterprise<$life>(format: $crate::DataFormat, bytes: &$life [u8]) -> Option<$record<$life>> {
            match format {
                $(formats::$variant => {
                    $crate::frame::read::<$variant $(<$variant_life>)?, _>(format, bytes)
                })*
                _ => Some($record::Unknown($crate::Frame { format, bytes })),
            }
        }

        impl $crate::frame::sealed::Sealed for $record<'_> {}

        impl<$life> $crate::frame::Record<$life> for $record<$life> {
            #[inline(always)]
            fn read(format: $crate::DataFormat, bytes: &$life [u8]) -> Option<Self> {
                let index = INDICES.get($crate::wire::to_usize(format.0));
                match READERS.get(index.map_or(0, |index| usize::from(*index))) {
                    Some(reader) => reader(format, bytes),
                    None => enterprise(format, bytes),
                }
            }

            #[cold]
            fn malformed(frame: $crate::Frame<$life>, error: $crate::Error) -> Self {
                Self::Malformed(frame, error)
            }

            fn write(&self, out: &mut $crate::wire::Writer<'_>) {
                match self {
                    $(Self::$variant(record) => $crate::frame::write_structure(formats::$variant, record, out),)*
                    Self::Unknown(frame) | Self::Malformed(frame, _) => frame.write(out),
                }
            }

            fn format(&self) -> $crate::DataFormat {
                self.format()
            }

            fn name(&self) -> Option<&'static str> {
                self.name()
            }

            fn known_fields(
                &self,
            ) -> impl Iterator<Item = (&'static $crate::field::Field, $crate::field::Value<$life>)> {
                self.known_fields()
            }

            fn error(&self) -> Option<$crate::Error> {
                match self {
                    Self::Malformed(_, error) => Some(*error),
                    _ => None,
                }
            }
        }

        $(
            impl<'wire> $crate::$structure<'wire> for $crate::registry::applied!($variant $(<$variant_life> 'wire)?) {
                const FORMAT: $crate::DataFormat = formats::$variant;

                fn from_record(record: &$record<'wire>) -> Option<Self> {
                    match record {
                        $record::$variant(record) => Some(*record),
                        _ => None,
                    }
                }
            }

            impl<'wire> From<$crate::registry::applied!($variant $(<$variant_life> 'wire)?)> for $record<'wire> {
                fn from(record: $crate::registry::applied!($variant $(<$variant_life> 'wire)?)) -> Self {
                    Self::$variant(record)
                }
            }
        )*

        #[cfg(feature = "serde")]
        impl<$life> serde::Serialize for $record<$life> {
            /// `{"format", "name", "fields"}`; unknown and malformed records as
            /// `{"format", "bytes"}`, the latter with `"error"`.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct as _;
                match self {
                    $(Self::$variant(record) => {
                        let mut map = serializer.serialize_struct("record", 3)?;
                        map.serialize_field("format", &formats::$variant)?;
                        map.serialize_field("name", <$variant $(<$variant_life>)? as $crate::Structure<$life>>::NAME)?;
                        map.serialize_field("fields", record)?;
                        map.end()
                    })*
                    Self::Unknown(frame) => frame.serialize(serializer),
                    Self::Malformed(frame, error) => frame.serialize_with(Some(error), serializer),
                }
            }
        }
    };
}

/// Numbers below this limit are looked up in a table. All registered numbers of enterprise 0 are.
pub(crate) const STANDARD: usize = 1 << 12;

/// Length of the table of readers: indexing it with a byte needs no bounds check.
pub(crate) const READERS: usize = 1 << 8;

/// For each standard number, the index of its reader: its position in the registry plus 1, or 0 if
/// it is not registered.
#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time, where a failure is a compile error"
)]
pub(crate) const fn indices<const N: usize>(formats: [DataFormat; N]) -> [u8; STANDARD] {
    assert!(N < READERS, "an index must fit into a byte");
    let mut indices = [0; STANDARD];
    let mut at = 0;
    while at < N {
        let number = formats[at].0 as usize;
        at += 1;
        if number < STANDARD {
            indices[number] = at as u8;
        }
    }
    indices
}

/// The table of readers, filled up with `other`.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated at compile time, where a failure is a compile error"
)]
pub(crate) const fn readers<R: Copy, const N: usize>(other: R, registered: [R; N]) -> [R; READERS] {
    let mut readers = [other; READERS];
    let mut at = 0;
    while at < N {
        readers[at + 1] = registered[at];
        at += 1;
    }
    readers
}

/// A type with the given lifetime, if it has a lifetime parameter.
macro_rules! applied {
    ($name:ident) => { $name };
    ($name:ident <$declared:lifetime> $life:lifetime) => { $name<$life> };
}

pub(crate) use {applied, registry};
