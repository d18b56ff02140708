//! Text at the end of a buffer.

use std::fmt;

/// A buffer that takes whatever is formatted.
pub(crate) struct Sink<'b>(pub(crate) &'b mut Vec<u8>);

impl fmt::Write for Sink<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// As `write!` to a vector of bytes, which cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {
        _ = ::std::fmt::Write::write_fmt(&mut $crate::put::Sink($out), format_args!($($text)*))
    };
}

pub(crate) use put;

/// A number, in less time than by `put!`.
#[inline]
pub(crate) fn put_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Words, and a number behind them.
#[inline]
pub(crate) fn put_pair(out: &mut Vec<u8>, words: &str, number: impl itoa::Integer) {
    out.extend_from_slice(words.as_bytes());
    put_number(out, number);
}

/// Bytes as hexadecimal digits.
pub(crate) fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    for (pair, byte) in out[start..].as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = digits(*byte);
    }
}

/// Without a table, so that many bytes are done at once.
#[inline]
pub(crate) fn digits(byte: u8) -> [u8; 2] {
    [byte >> 4, byte & 0xf].map(|digit| digit + if digit < 10 { b'0' } else { b'a' - 10 })
}
