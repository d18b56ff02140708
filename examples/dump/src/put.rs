//! Appends text to a byte buffer.

use std::fmt;

/// `fmt::Write` for a byte buffer.
pub(crate) struct Sink<'b>(pub(crate) &'b mut Vec<u8>);

impl fmt::Write for Sink<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// `write!` to a byte buffer, which cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        _ = ::std::fmt::Write::write_fmt(&mut $crate::put::Sink($out), format_args!($($text)*))
    };
}

pub(crate) use put;

/// Appends a number, faster than `put!`.
#[inline]
pub(crate) fn put_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a label and a number.
#[inline]
pub(crate) fn put_pair(out: &mut Vec<u8>, label: &str, number: impl itoa::Integer) {
    out.extend_from_slice(label.as_bytes());
    put_number(out, number);
}

/// Appends bytes as hexadecimal digits.
pub(crate) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    for (pair, byte) in out[start..].as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = digits(*byte);
    }
}

/// Hexadecimal digits, without a table, so that the loop is vectorised.
#[inline]
pub(crate) fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| digit + if digit < 10 { b'0' } else { b'a' - 10 })
}
