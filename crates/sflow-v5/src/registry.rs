//! One list for each number space: what is known there, and how a number finds its reader.

use crate::format::DataFormat;

/// Lists the structures of one number space: an enum with one variant for each, and its
/// dispatch, come from these lines. A number that stands twice does not compile.
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
            /// A structure that this crate does not know, with its bytes.
            Unknown($crate::Frame<$life>),
            /// A known structure whose bytes cannot be read as such, or the rest of a list
            /// whose framing is broken; with those bytes and the reason.
            Malformed($crate::Frame<$life>, $crate::Error),
        }

        #[allow(non_upper_case_globals, reason = "a constant for each variant, under its name")]
        mod formats {
            $(pub(super) const $variant: $crate::DataFormat =
                $crate::DataFormat::new($enterprise, $format);)*
        }

        impl<$life> $record<$life> {
            /// Every structure of this number space that the crate knows, in order of number.
            pub const REGISTERED: &'static [$crate::field::Registered] = &[$(
                $crate::field::Registered {
                    format: formats::$variant,
                    name: <$variant $(<$variant_life>)? as $crate::Structure<$life>>::NAME,
                    fields: <$variant $(<$variant_life>)? as $crate::Structure<$life>>::FIELDS,
                },
            )*];

            /// The number under which it stands on the wire.
            pub const fn format(&self) -> $crate::DataFormat {
                match self {
                    $(Self::$variant(_) => formats::$variant,)*
                    Self::Unknown(frame) | Self::Malformed(frame, _) => frame.format,
                }
            }

            /// The specification's name, if the structure is known.
            pub fn name(&self) -> Option<&'static str> {
                let registered = Self::REGISTERED.iter().find(|line| line.format == self.format());
                registered.map(|line| line.name)
            }

            /// Its fields; none if it is unknown or malformed.
            pub const fn fields(&self) -> &'static [$crate::field::Field] {
                match self {
                    $(Self::$variant(_) => <$variant $(<$variant_life>)? as $crate::Structure<$life>>::FIELDS,)*
                    Self::Unknown(_) | Self::Malformed(..) => &[],
                }
            }

            /// The value of the field at `index` of [`fields`](Self::fields).
            pub fn field(&self, index: usize) -> $crate::field::Value<$life> {
                match self {
                    $(Self::$variant(record) => $crate::Structure::field(record, index),)*
                    Self::Unknown(_) | Self::Malformed(..) => $crate::field::Value::Absent,
                }
            }

            /// The same, unless the field was not sent or says "unknown" in a way that can mean
            /// nothing else. (A gauge of zero can.)
            pub fn known(&self, index: usize) -> Option<$crate::field::Value<$life>> {
                match self {
                    $(Self::$variant(record) => $crate::Structure::known(record, index),)*
                    Self::Unknown(_) | Self::Malformed(..) => None,
                }
            }

            /// Hands every field over in order, as [`known`](Self::known) has it: for those who
            /// want all of them, and fast.
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

            /// The name of what the field at `index` chooses, if it is an enumeration and its
            /// number has a name.
            pub fn enum_name(&self, index: usize) -> Option<&'static str> {
                match self {
                    $(Self::$variant(record) => $crate::Structure::enum_name(record, index),)*
                    Self::Unknown(_) | Self::Malformed(..) => None,
                }
            }
        }

        /// What reads a record: one function for each structure.
        type Reader = for<'b> fn($crate::DataFormat, &'b [u8]) -> Option<$record<'b>>;

        /// Which of the readers is for a standard number.
        static PLACES: [u8; $crate::registry::STANDARD] =
            $crate::registry::places([$(formats::$variant),*]);

        /// That of all other numbers first.
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

        /// Structures of enterprises, and numbers that nobody has registered.
        #[inline(never)]
        #[deny(unreachable_patterns, reason = "a number that is registered twice")]
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
                let place = PLACES.get($crate::wire::to_usize(format.0));
                match READERS.get(place.map_or(0, |place| usize::from(*place))) {
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
            /// `{"format", "name", "fields"}`, or the bytes of what is not understood.
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

/// Standard numbers, of enterprise 0, are below this.
pub(crate) const STANDARD: usize = 1 << 12;

/// As many readers as a byte can tell apart, so that looking one up needs no check.
pub(crate) const READERS: usize = 1 << 8;

/// The place of each standard number's reader: one behind its place in the registry, and 0 for
/// numbers that are not in it.
#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs in the compiler alone, and what would be wrong does not compile"
)]
pub(crate) const fn places<const N: usize>(formats: [DataFormat; N]) -> [u8; STANDARD] {
    assert!(N < READERS, "a place must fit into a byte");
    let mut places = [0; STANDARD];
    let mut at = 0;
    while at < N {
        let number = formats[at].0 as usize;
        at += 1;
        if number < STANDARD {
            places[number] = at as u8;
        }
    }
    places
}

/// The readers at those places; all that are left are `other`.
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs in the compiler alone, and what would be wrong does not compile"
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

/// A type, applied to the given lifetime if it takes one.
macro_rules! applied {
    ($name:ident) => { $name };
    ($name:ident <$declared:lifetime> $life:lifetime) => { $name<$life> };
}

pub(crate) use {applied, registry};
