//! `Display` for values that consist of several parts.

use core::fmt;

/// Writes a value that consists of several parts with the width and precision of the format, if
/// there is one.
pub(crate) fn padded<T: fmt::Display>(
    value: &T,
    f: &mut fmt::Formatter<'_>,
) -> Option<fmt::Result> {
    let has_format = f.width().is_some() || f.precision().is_some();
    has_format.then(|| f.pad(&value.to_string()))
}

/// Writes items with a separator between them.
pub(crate) fn separated<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: impl IntoIterator<Item = T>,
) -> fmt::Result {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
