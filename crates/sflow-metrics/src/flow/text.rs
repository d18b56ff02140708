//! `Display` for values that consist of several parts.

use core::fmt;

/// Writes a value; if the formatter has a width or precision, these apply to the value as a whole.
pub(super) fn pad(
    f: &mut fmt::Formatter<'_>,
    write: impl Fn(&mut dyn fmt::Write) -> fmt::Result,
) -> fmt::Result {
    if f.width().is_none() && f.precision().is_none() {
        return write(f);
    }
    let mut text = String::new();
    write(&mut text)?;
    f.pad(&text)
}

/// Writes items with a separator between them.
pub(super) fn separated<T: fmt::Display>(
    out: &mut dyn fmt::Write,
    separator: &str,
    items: &[T],
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        let separator = if index > 0 { separator } else { "" };
        write!(out, "{separator}{item}")?;
    }
    Ok(())
}
