//! Bytes as hexadecimal digits.

/// The bytes that these digits represent; `None` if the text is not pairs of digits.
pub(crate) fn decode(text: &str) -> Option<Box<[u8]>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    let bytes: Option<_> = pairs.iter().map(byte).collect();
    bytes.filter(|_| rest.is_empty())
}

#[cfg(all(feature = "flows", feature = "serde"))]
pub(crate) use serialized::Hex;

#[cfg(all(feature = "flows", feature = "serde"))]
mod serialized {
    use core::fmt;

    use serde::de::Error as _;

    /// Bytes whose serialised form is hexadecimal digits.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Hex(pub(crate) Box<[u8]>);

    impl fmt::Display for Hex {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }

    impl serde::Serialize for Hex {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> serde::Deserialize<'de> for Hex {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let bytes = super::decode(&text).map(Self);
            bytes.ok_or_else(|| D::Error::custom("expected pairs of hexadecimal digits"))
        }
    }
}
