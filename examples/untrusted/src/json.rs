//! JSON in which unprintable characters are escaped, some of which JSON permits.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::is_unprintable;

/// The value as compact JSON.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub fn to_string(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    to_writer(&mut bytes, value)?;
    String::from_utf8(bytes).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// The value as JSON with line breaks and indentation.
///
/// # Errors
///
/// If the value cannot be written as JSON.
pub fn to_string_pretty(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    let formatter = Escaping(PrettyFormatter::new());
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    String::from_utf8(bytes).map_err(|error| serde_json::Error::io(io::Error::other(error)))
}

/// Writes the value as compact JSON.
///
/// # Errors
///
/// If the value cannot be written as JSON, or the writer fails.
pub fn to_writer(writer: impl Write, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
    let formatter = Escaping(CompactFormatter);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        writer, formatter,
    ))
}

/// Adds escapes for unprintable characters to a formatter.
struct Escaping<F>(F);

/// Escapes fragments of strings; the inner formatter writes the layout.
impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((place, character)) = rest
            .char_indices()
            .find(|(_, character)| is_unprintable(*character))
        {
            let (plain, behind) = rest.split_at(place);
            writer.write_all(plain.as_bytes())?;
            write_escape(writer, character)?;
            rest = behind.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, is_first)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, is_first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// Writes the JSON escape of a character: `\u202e`, or a surrogate pair above U+FFFF.
fn write_escape<W: Write + ?Sized>(writer: &mut W, character: char) -> io::Result<()> {
    for unit in character.encode_utf16(&mut [0; 2]) {
        write!(writer, "\\u{unit:04x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_keys_are_escaped_and_keep_their_value() {
        let name = "a\u{202e}b\u{7f}\u{9b}\u{e0041}\"\\\n\u{2069}größer";
        let value = serde_json::json!({ name: [name, 1, null, { "x": [] }] });
        for text in [
            to_string(&value).unwrap(),
            to_string_pretty(&value).unwrap(),
        ] {
            let is_layout = |c: char| c == '\n' && text.contains("\n  ");
            let bad = text.chars().find(|c| is_unprintable(*c) && !is_layout(*c));
            assert_eq!(bad, None, "{text}");
            assert!(
                text.contains("\\u202e") && text.contains("größer"),
                "{text}"
            );
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&text).unwrap(),
                value
            );
        }
        let plain = serde_json::json!({ "a": [1, { "b": "c" }], "d": {} });
        assert_eq!(
            to_string_pretty(&plain).unwrap(),
            serde_json::to_string_pretty(&plain).unwrap()
        );
    }
}
