use core::fmt::{self, Write};
use core::str::Utf8Error;

use crate::padding::pad;

/// Text from the wire: bytes that should be UTF-8.
///
/// Agents also send other bytes (SSIDs, user identifiers, truncated names), so nothing here fails:
/// [`to_str`](Self::to_str) checks them, and `Display` replaces what is not UTF-8 by U+FFFD.
/// Control characters are kept: escape them before text reaches a terminal or a page.
///
/// ```
/// use sflow_v5::types::Text;
///
/// let name = Text::from("web-1");
/// assert!(name == "web-1");
/// assert_eq!(Text::from(&b"web-\xff"[..]).to_string(), "web-\u{fffd}");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The bytes, without padding.
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text, if it is UTF-8.
    ///
    /// # Errors
    ///
    /// If it is not; the error contains the length of the valid part.
    pub const fn to_str(self) -> Result<&'a str, Utf8Error> {
        core::str::from_utf8(self.0)
    }

    /// Whether the text is empty, which means "unknown".
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text, unless it is empty.
    pub const fn known(self) -> Option<Self> {
        if self.is_empty() { None } else { Some(self) }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Text<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, text: &&str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<Text<'_>> for str {
    fn eq(&self, text: &Text<'_>) -> bool {
        text == self
    }
}

impl PartialEq<Text<'_>> for &str {
    fn eq(&self, text: &Text<'_>) -> bool {
        text == self
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("{}", Lossy(self.0)))
    }
}

/// Text in which U+FFFD replaces what is not UTF-8.
struct Lossy<'a>(&'a [u8]);

impl fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// `opaque<>`: bytes preceded by their length, such as the header of a sampled packet.
///
/// `Display`, `Debug` and `serde` write hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Opaque<'a>(pub &'a [u8]);

impl core::ops::Deref for Opaque<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl<'a> From<&'a [u8]> for Opaque<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Opaque<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Opaque<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl fmt::Display for Opaque<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        pad(f, format_args!("{}", Hexadecimal(self.0)))
    }
}

/// Bytes as hexadecimal digits.
pub(crate) struct Hexadecimal<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    /// Writes blocks of 64 bytes: one call for each digit would be slow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'?');
        for part in self.0.chunks(64) {
            let mut text = [[0u8; 2]; 64];
            for (place, byte) in text.iter_mut().zip(part) {
                *place = [digit(byte >> 4), digit(byte & 0xf)];
            }
            let digits = text.as_flattened().get(..part.len().saturating_mul(2));
            f.write_str(core::str::from_utf8(digits.unwrap_or(&[])).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Opaque<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(feature = "serde")]
crate::serialize::as_text!(Text<'_>, Opaque<'_>);
