use core::fmt;
use core::str::FromStr;

use crate::error::ParseError;
use crate::padding::pad;
use crate::walk::Field;

/// `data_format`: the number of a structure among the samples, flow records or counter records.
///
/// It consists of an enterprise number (20 bits; 0 is the standard) and a format (12 bits).
///
/// ```
/// use sflow_v5::DataFormat;
///
/// let format = DataFormat::new(4413, 1);
/// assert_eq!((format.enterprise(), format.format()), (4413, 1));
/// assert_eq!(format.to_string(), "4413:1");
/// assert_eq!("4413:1".parse(), Ok(format));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataFormat(pub u32);

impl DataFormat {
    /// The number of format `format` of an enterprise. Only the lower 20 bits of `enterprise`
    /// and the lower 12 bits of `format` are used; [`checked`](Self::checked) refuses others.
    pub const fn new(enterprise: u32, format: u32) -> Self {
        Self(enterprise << 12 | format & 0xfff)
    }

    /// As [`new`](Self::new); `None` if `enterprise` exceeds 20 bits or `format` 12 bits.
    pub const fn checked(enterprise: u32, format: u32) -> Option<Self> {
        if enterprise > 0xf_ffff || format > 0xfff {
            return None;
        }
        Some(Self::new(enterprise, format))
    }

    /// The enterprise that defined the structure; 0 is sFlow.org.
    pub const fn enterprise(self) -> u32 {
        self.0 >> 12
    }

    /// The number that the enterprise gave to the structure.
    pub const fn format(self) -> u32 {
        self.0 & 0xfff
    }
}

impl fmt::Display for DataFormat {
    /// Enterprise and format, `4413:1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("{}:{}", self.enterprise(), self.format()))
    }
}

impl FromStr for DataFormat {
    type Err = ParseError;

    /// Parses what `Display` writes: two decimal numbers, `4413:1`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (enterprise, format) = text.split_once(':')?;
            Self::checked(decimal(enterprise)?, decimal(format)?)
        };
        parse().ok_or(ParseError {
            expected: "enterprise:format, such as 4413:1, at most 1048575:4095",
        })
    }
}

/// A number of digits alone: `u32::from_str` also accepts a sign.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(DataFormat);

/// A structure that this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its number.
    pub format: DataFormat,
    /// Its name in the specification.
    pub name: &'static str,
    /// Its fields in order.
    pub fields: &'static [Field],
}
