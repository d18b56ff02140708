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
