//! `Display` that honours width, fill and alignment, for text made of several parts.

use core::fmt::{self, Alignment, Write};

/// Writes `text` as [`Formatter::pad`](fmt::Formatter::pad) writes a `str`: with the width, fill,
/// alignment and precision (maximum number of characters) that the format asks for.
pub(crate) fn pad(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    if f.width().is_none() && f.precision().is_none() {
        return f.write_fmt(text);
    }
    let mut length = Length(0);
    length.write_fmt(text)?;
    let length = f.precision().map_or(length.0, |limit| limit.min(length.0));
    let missing = f.width().unwrap_or(0).saturating_sub(length);
    let before = match f.align() {
        None | Some(Alignment::Left) => 0,
        Some(Alignment::Center) => missing / 2,
        Some(Alignment::Right) => missing,
    };
    let fill = f.fill();
    (0..before).try_for_each(|_| f.write_char(fill))?;
    Prefix { f, left: length }.write_fmt(text)?;
    (before..missing).try_for_each(|_| f.write_char(fill))
}

/// Counts characters.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.chars().count());
        Ok(())
    }
}

/// Writes the first `left` characters.
struct Prefix<'f, 'g> {
    f: &'f mut fmt::Formatter<'g>,
    left: usize,
}

impl Write for Prefix<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.char_indices().nth(self.left).map(|(end, _)| end);
        let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
        self.left = self.left.saturating_sub(text.chars().count());
        self.f.write_str(text)
    }
}
