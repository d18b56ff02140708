use core::fmt;

use crate::walk::Field;

/// `data_format`: the number of a structure, within the space of samples, flow records or
/// counter records.
///
/// Twenty bits of enterprise, of which 0 is the standard, and twelve bits of format.
///
/// ```
/// use sflow_v5::DataFormat;
///
/// let format = DataFormat::new(4413, 1);
/// assert_eq!((format.enterprise(), format.format()), (4413, 1));
/// assert_eq!(format.to_string(), "4413:1");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataFormat(pub u32);

impl DataFormat {
    /// From an enterprise number of at most 20 bits and a format of at most 12; what is above
    /// is cut off.
    pub const fn new(enterprise: u32, format: u32) -> Self {
        Self(enterprise << 12 | format & 0xfff)
    }

    /// The organisation that defined the structure; 0 is sFlow.org.
    pub const fn enterprise(self) -> u32 {
        self.0 >> 12
    }

    /// Its number there.
    pub const fn format(self) -> u32 {
        self.0 & 0xfff
    }
}

impl fmt::Display for DataFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.enterprise(), self.format())
    }
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(DataFormat);

/// One line of a registry: a number and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The number.
    pub format: DataFormat,
    /// The specification's name.
    pub name: &'static str,
    /// The fields in order.
    pub fields: &'static [Field],
}
