use crate::counter::CounterRecord;
use crate::error::Error;
use crate::flow::FlowRecord;
use crate::format::DataFormat;
use crate::walk::{Field, Value};
use crate::wire::Wire;

/// A wire structure: named fields in a fixed order, declared by [`structure!`](crate::structure).
pub trait Structure<'a>: Wire<'a> {
    /// Name in the specification.
    const NAME: &'static str;

    /// The fields, in the order of the wire.
    const FIELDS: &'static [Field];

    /// Decodes the structure from the start of `bytes`. Bytes behind its last field, which a
    /// later version may have appended, are ignored. `None` if `bytes` is invalid.
    #[inline(always)]
    fn from_bytes(mut bytes: &'a [u8]) -> Option<Self> {
        Self::decode(&mut bytes).ok()
    }

    /// [`from_bytes`](Self::from_bytes) with an error instead of `None`.
    ///
    /// # Errors
    ///
    /// If `bytes` is invalid: the field, its offset and the reason.
    #[inline]
    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        match Self::from_bytes(bytes) {
            Some(structure) => Ok(structure),
            None => Err(Self::diagnose(bytes)),
        }
    }

    /// The reason for which [`from_bytes`](Self::from_bytes) fails: decodes `bytes` again, field by field.
    fn diagnose(bytes: &'a [u8]) -> Error;

    /// The value of the field at `index` of [`FIELDS`](Self::FIELDS); [`Value::Absent`] if there
    /// is no such field.
    fn field(&self, index: usize) -> Value<'a>;

    /// The value of the field at `index`; `None` if the field is absent or unambiguously unknown.
    /// A gauge of zero is ambiguous, so its value is returned.
    fn known(&self, index: usize) -> Option<Value<'a>>;

    /// The fields whose value is known, in order, each with its name, kind and unit.
    ///
    /// ```
    /// use sflow_v5::{Structure, counter::VirtCpu};
    ///
    /// let cpu = VirtCpu { cpu_time: 1_250.into(), ..VirtCpu::default() };
    /// let mut known = cpu.known_fields();
    /// let (field, value) = known.find(|(field, _)| field.name == "cpuTime").unwrap();
    /// assert_eq!((value.as_f64(), field.unit), (Some(1_250.0), "ms"));
    /// ```
    fn known_fields(&self) -> impl Iterator<Item = (&'static Field, Value<'a>)> {
        let fields = Self::FIELDS.iter().enumerate();
        fields.filter_map(|(index, field)| Some((field, self.known(index)?)))
    }

    /// Calls `visit` with the index and the [known](Self::known) value of every field, in order.
    /// Faster than asking for one field after another.
    fn each_known(&self, visit: impl FnMut(usize, Option<Value<'a>>));

    /// The name of the value of the field at `index`, if the field is an enumeration and its
    /// number has a name.
    fn enum_name(&self, index: usize) -> Option<&'static str>;
}

/// A function that is compiled for each type of structure, see
/// [`CounterRecord::dispatch`] and [`FlowRecord::dispatch`].
pub trait Visitor<'a> {
    /// The result.
    type Output;

    /// Visits the bytes of a structure of type `T`, which were not checked.
    fn visit<T: Structure<'a>>(self, bytes: &'a [u8]) -> Self::Output;
}

/// A structure of flow records.
pub trait FlowStructure<'a>: Structure<'a> {
    /// Number of the structure.
    const FORMAT: DataFormat;

    /// The structure in `record`, if `record` has this type. Types declared outside this crate
    /// are decoded from unknown records with their number.
    fn from_record(record: &FlowRecord<'a>) -> Option<Self> {
        match record {
            FlowRecord::Unknown(frame) if frame.format == Self::FORMAT => {
                Self::from_bytes(frame.bytes)
            }
            _ => None,
        }
    }
}

/// A structure of counter records.
pub trait CounterStructure<'a>: Structure<'a> {
    /// Number of the structure.
    const FORMAT: DataFormat;

    /// The structure in `record`, if `record` has this type. Types declared outside this crate
    /// are decoded from unknown records with their number.
    fn from_record(record: &CounterRecord<'a>) -> Option<Self> {
        match record {
            CounterRecord::Unknown(frame) if frame.format == Self::FORMAT => {
                Self::from_bytes(frame.bytes)
            }
            _ => None,
        }
    }
}

/// Declares a wire structure: the type, its decoder and encoder, the walk over its fields and
/// its serialisation, from one list of fields in the order of the wire.
///
/// * `name as wireName: Type [unit]`: `as` is needed only if the specification's name differs from
///   the Rust name; the unit is optional.
/// * A field that a later version appended is an [`Option`]: `None` in records that end before it.
///
/// All fields before the first field of variable size are read behind one bounds check.
///
/// ```
/// use sflow_v5::types::{Counter32, Gauge32, Text};
/// use sflow_v5::{Structure, structure};
///
/// structure! {
///     /// Counters of a tenant.
///     pub struct Tenant<'a>: "tenant" {
///         /// Number of the tenant.
///         id: u32,
///         /// Requests served.
///         requests as reqCount: Counter32 [requests],
///         /// Name; empty if there is none.
///         name: Text<'a>,
///         /// Open connections; since version 2.
///         open: Option<Gauge32>,
///     }
/// }
///
/// let bytes = [0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0, 2, b'a', b'b', 0, 0];
/// let tenant = Tenant::parse(&bytes)?;
/// assert_eq!((tenant.id, tenant.requests.0, tenant.open), (7, 9, None));
/// assert_eq!(Tenant::FIELDS[1].name, "reqCount");
/// # Ok::<(), sflow_v5::Error>(())
/// ```
#[macro_export]
macro_rules! structure {
    (
        $(#[$doc:meta])*
        pub struct $name:ident $(<$life:lifetime>)? : $wire:literal { $($fields:tt)* }
    ) => {
        $crate::__declare! { $(#[$doc])* $name [$($life)?] $wire { $($fields)* } }
    };
}

/// Chooses the lifetime of a structure for [`structure!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __declare {
    ($(#[$doc:meta])* $name:ident [] $wire:literal { $($fields:tt)* }) => {
        $crate::__define! { $(#[$doc])* ['wire] $name [] $wire { $($fields)* } }
    };
    ($(#[$doc:meta])* $name:ident [$life:lifetime] $wire:literal { $($fields:tt)* }) => {
        $crate::__define! { $(#[$doc])* [$life] $name [<$life>] $wire { $($fields)* } }
    };
}

/// The expansion of [`structure!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __define {
    (
        $(#[$doc:meta])*
        [$life:lifetime] $name:ident [$($generics:tt)*] $wire:literal {
            $(
                $(#[$field_doc:meta])*
                $field:ident $(as $spelling:ident)? : $kind:ty $([$($unit:tt)+])?
            ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $name $($generics)* {
            $(
                $(#[$field_doc])*
                #[doc = ::core::concat!(
                    "\n`", $crate::__spelling!($field $($spelling)?), "`",
                    $(" in ", $crate::__unit!($($unit)+),)? "."
                )]
                pub $field: $kind,
            )*
        }

        impl<$life> $crate::wire::Wire<$life> for $name $($generics)* {
            const SIZE: $crate::wire::Size = $crate::wire::Size::sum(
                &[$(<$kind as $crate::wire::Wire<$life>>::SIZE),*],
            );
            const KIND: $crate::field::Kind = $crate::field::Kind::Plain;

            #[inline(always)]
            fn decode(
                input: &mut &$life [u8],
            ) -> ::core::result::Result<Self, $crate::wire::DecodeError> {
                let (mut lead, mut rest) = $crate::wire::split(input, const {
                    $crate::wire::Size::lead(&[$(<$kind as $crate::wire::Wire<$life>>::SIZE),*])
                })?;
                $(let $field = $crate::wire::next(&mut lead, &mut rest)?;)*
                *input = rest;
                ::core::result::Result::Ok(Self { $($field),* })
            }

            #[inline(always)]
            fn encode(&self, out: &mut $crate::wire::Writer<'_>) {
                let lead = const {
                    $crate::wire::Size::lead(&[$(<$kind as $crate::wire::Wire<$life>>::SIZE),*])
                };
                let mut fields = $crate::wire::Behind(lead);
                out.fixed(lead, |out| {
                    $(if !fields.next(<$kind as $crate::wire::Wire<$life>>::SIZE) {
                        $crate::wire::Wire::encode(&self.$field, out);
                    })*
                });
                let mut fields = $crate::wire::Behind(lead);
                $(if fields.next(<$kind as $crate::wire::Wire<$life>>::SIZE) {
                    $crate::wire::Wire::encode(&self.$field, out);
                })*
            }

            fn value(&self) -> $crate::field::Value<$life> {
                $crate::field::Value::Structure
            }
        }

        impl<$life> $crate::Structure<$life> for $name $($generics)* {
            const NAME: &'static str = $wire;

            const FIELDS: &'static [$crate::field::Field] = &[$(
                $crate::field::Field {
                    name: $crate::__spelling!($field $($spelling)?),
                    kind: <$kind as $crate::wire::Wire<$life>>::KIND,
                    unit: $crate::__unit!($($($unit)+)?),
                },
            )*];

            #[cold]
            fn diagnose(bytes: &$life [u8]) -> $crate::Error {
                let mut rest = bytes;
                $(
                    let field = $crate::__spelling!($field $($spelling)?);
                    if let ::core::result::Result::Err(error) =
                        <$kind as $crate::wire::Wire<$life>>::decode(&mut rest)
                    {
                        return error.report($wire, field, bytes);
                    }
                )*
                $crate::wire::DecodeError::truncated(rest, 1).report($wire, "", bytes)
            }

            fn field(&self, index: usize) -> $crate::field::Value<$life> {
                let mut values = 0..;
                $(
                    if values.next() == ::core::option::Option::Some(index) {
                        return $crate::wire::Wire::value(&self.$field);
                    }
                )*
                $crate::field::Value::Absent
            }

            fn known(&self, index: usize) -> ::core::option::Option<$crate::field::Value<$life>> {
                let mut values = 0..;
                $(
                    if values.next() == ::core::option::Option::Some(index) {
                        return $crate::wire::known(&self.$field);
                    }
                )*
                ::core::option::Option::None
            }

            #[inline]
            fn each_known(
                &self,
                mut visit: impl FnMut(usize, ::core::option::Option<$crate::field::Value<$life>>),
            ) {
                let mut values = 0..;
                $(
                    if let ::core::option::Option::Some(index) = values.next() {
                        visit(index, $crate::wire::known(&self.$field));
                    }
                )*
            }

            fn enum_name(&self, index: usize) -> ::core::option::Option<&'static str> {
                let mut values = 0..;
                $(
                    if values.next() == ::core::option::Option::Some(index) {
                        return $crate::wire::Wire::enum_name(&self.$field);
                    }
                )*
                ::core::option::Option::None
            }
        }

        $crate::__serialize! { [$life] $name [$($generics)*] $wire { $($field $($spelling)?),* } }
    };
}

/// The specification's name of a field.
#[doc(hidden)]
#[macro_export]
macro_rules! __spelling {
    ($field:ident) => {
        ::core::stringify!($field)
    };
    ($field:ident $spelling:ident) => {
        ::core::stringify!($spelling)
    };
}

/// The unit of a field.
#[doc(hidden)]
#[macro_export]
macro_rules! __unit {
    () => {
        ""
    };
    ($($unit:tt)+) => {
        ::core::stringify!($($unit)+)
    };
}

/// Serialisation of a structure as a map from field names to values.
#[cfg(feature = "serde")]
#[doc(hidden)]
#[macro_export]
macro_rules! __serialize {
    (
        [$life:lifetime] $name:ident [$($generics:tt)*] $wire:literal
        { $($field:ident $($spelling:ident)?),* }
    ) => {
        impl<$life> $crate::wire::serde::Serialize for $name $($generics)* {
            fn serialize<S: $crate::wire::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                use $crate::wire::serde::ser::SerializeStruct as _;
                let length = <Self as $crate::Structure<$life>>::FIELDS.len();
                let mut map = serializer.serialize_struct($wire, length)?;
                $(
                    let name = $crate::__spelling!($field $($spelling)?);
                    if $crate::wire::Wire::is_absent(&self.$field) {
                        map.skip_field(name)?;
                    } else {
                        map.serialize_field(name, &self.$field)?;
                    }
                )*
                map.end()
            }
        }
    };
}

#[cfg(not(feature = "serde"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __serialize {
    ($($declaration:tt)*) => {};
}
