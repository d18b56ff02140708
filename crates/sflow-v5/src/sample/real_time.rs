use super::named::{NamedValue, NamedValues};
use crate::address::{Ipv4Address, Ipv6Address, Mac};
use crate::error::{DecodeError, Error};
use crate::number::{Counter32, Counter64, Gauge32, Gauge64};
use crate::text::Text;
use crate::wire::Wire;
use crate::writer::Writer;

/// Metrics named by an application.
///
/// The sample has no sequence number, and its data source is a name.
///
/// Source: enterprise 4300 (InMon), `rtmetric`, as Host sFlow sends it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RtMetric<'a> {
    /// Name of the data source.
    pub datasource: Text<'a>,
    /// The metrics.
    pub metrics: NamedValues<'a, RtMetricValue<'a>>,
}

/// A flow of an application, with keys and values named by it.
///
/// Source: enterprise 4300 (InMon), `rtflow`, as Host sFlow sends it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RtFlow<'a> {
    /// Name of the data source.
    pub datasource: Text<'a>,
    /// One of this many flows is sampled; 0 if unknown.
    pub sampling_rate: u32,
    /// Number of flows that could have been sampled, modulo 2^32.
    pub sample_pool: u32,
    /// Keys and values.
    pub fields: NamedValues<'a, RtFlowValue<'a>>,
}

impl<'a> RtMetric<'a> {
    #[inline(always)]
    pub(super) fn decode(mut bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let input = &mut bytes;
        let datasource = Text::decode(input)?;
        let metrics = NamedValues::decode(input)?;
        Ok(Self {
            datasource,
            metrics,
        })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        self.datasource.encode(out);
        self.metrics.encode(out);
    }
}

impl<'a> RtFlow<'a> {
    #[inline(always)]
    pub(super) fn decode(mut bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let input = &mut bytes;
        let datasource = Text::decode(input)?;
        let sampling_rate = u32::decode(input)?;
        let sample_pool = u32::decode(input)?;
        let fields = NamedValues::decode(input)?;
        Ok(Self {
            datasource,
            sampling_rate,
            sample_pool,
            fields,
        })
    }

    pub(super) fn encode(&self, out: &mut Writer<'_>) {
        self.datasource.encode(out);
        out.word(self.sampling_rate);
        out.word(self.sample_pool);
        self.fields.encode(out);
    }
}

/// Declares the types of one kind of named value: number, name, and field type.
macro_rules! values {
    (
        $(#[$doc:meta])*
        pub enum $name:ident in $sample:literal {
            $($(#[$variant_doc:meta])* $number:literal $word:literal => $variant:ident($kind:ty),)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $name<'a> {
            $($(#[$variant_doc])* $variant($kind),)*
            /// A value of unknown type, or an invalid value: its bytes from the name on, everything
            /// behind it, and the reason.
            Malformed(&'a [u8], Error),
        }

        impl<'a> NamedValue<'a> for $name<'a> {
            const SAMPLE: &'static str = $sample;

            fn read(kind: u32, input: &mut &'a [u8]) -> Option<Result<Self, DecodeError>> {
                match kind {
                    $($number => Some(<$kind>::decode(input).map(Self::$variant)),)*
                    _ => None,
                }
            }

            fn malformed(rest: &'a [u8], error: Error) -> Self {
                Self::Malformed(rest, error)
            }

            fn as_malformed(&self) -> Option<(&'a [u8], Error)> {
                match self {
                    Self::Malformed(rest, error) => Some((rest, *error)),
                    _ => None,
                }
            }

            fn kind(&self) -> (u32, &'static str) {
                match self {
                    $(Self::$variant(_) => ($number, $word),)*
                    Self::Malformed(..) => (u32::MAX, "malformed"),
                }
            }

            fn encode(&self, out: &mut Writer<'_>) {
                match self {
                    $(Self::$variant(value) => value.encode(out),)*
                    Self::Malformed(rest, _) => out.put(rest),
                }
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            /// The value without its name and type.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => value.serialize(serializer),)*
                    Self::Malformed(rest, _) => crate::text::Opaque(rest).serialize(serializer),
                }
            }
        }
    };
}

values! {
    /// The value of a metric.
    pub enum RtMetricValue in "rtmetric" {
        /// `0`
        0 "string" => Text(Text<'a>),
        /// `1`
        1 "counter32" => Counter32(Counter32),
        /// `2`
        2 "counter64" => Counter64(Counter64),
        /// `3`
        3 "gauge32" => Gauge32(Gauge32),
        /// `4`
        4 "gauge64" => Gauge64(Gauge64),
        /// `5`
        5 "float" => Float(f32),
        /// `6`
        6 "double" => Double(f64),
    }
}

values! {
    /// The value of a flow's field.
    pub enum RtFlowValue in "rtflow" {
        /// `0`
        0 "string" => Text(Text<'a>),
        /// `1`
        1 "mac" => Mac(Mac),
        /// `2`
        2 "ip" => Ipv4(Ipv4Address),
        /// `3`
        3 "ip6" => Ipv6(Ipv6Address),
        /// `4`
        4 "int32" => Int32(i32),
        /// `5`
        5 "int64" => Int64(i64),
        /// `6`
        6 "float" => Float(f32),
        /// `7`
        7 "double" => Double(f64),
    }
}
