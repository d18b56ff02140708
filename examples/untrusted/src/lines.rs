use std::io::{self, Write};

use crate::is_unprintable;

/// The format of the text that is written through [`Lines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text: escapes are `\u{202e}`.
    Text,
    /// Text with colours: sequences `ESC [ … m` are kept, all other characters are escaped.
    Coloured,
    /// JSON: escapes are `\u202e`.
    Json,
}

/// A writer of lines, one per call of `write`, which escapes every unprintable character except the
/// line break at the end. Other line breaks are escaped too, so that text cannot forge a line.
#[derive(Debug)]
pub struct Lines<W> {
    inner: W,
    format: Format,
}

impl<W> Lines<W> {
    /// Writes lines in this format to `inner`.
    pub const fn new(inner: W, format: Format) -> Self {
        Self { inner, format }
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (&*text, ""),
        };
        if !line.chars().any(is_unprintable) {
            self.inner.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let mut out = Vec::with_capacity(bytes.len() + 16);
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let length = match self.format {
                Format::Coloured if character == '\u{1b}' => colour(rest),
                _ => None,
            };
            let length = match length {
                Some(length) => {
                    out.extend_from_slice(rest.get(..length).unwrap_or_default().as_bytes());
                    length
                }
                None => {
                    self.put(&mut out, character);
                    character.len_utf8()
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        out.extend_from_slice(end.as_bytes());
        self.inner.write_all(&out)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W> Lines<W> {
    fn put(&self, out: &mut Vec<u8>, character: char) {
        if !is_unprintable(character) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        match self.format {
            Format::Json => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
            Format::Text | Format::Coloured => {
                out.extend(character.escape_default().map(|c| c as u8));
            }
        }
    }
}

/// The length of a sequence `ESC [ … m` at the start of a text.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    parameters.get(end..)?.starts_with('m').then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, line: &str) -> String {
        let mut out = Vec::new();
        Lines::new(&mut out, format)
            .write_all(line.as_bytes())
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn line_breaks_and_control_characters_are_escaped() {
        let line = "\u{1b}[2mINFO\u{1b}[0m a\u{202e}b\n\u{1b}[2J\u{1b}]0;x\u{7}\n";
        assert_eq!(
            written(Format::Coloured, line),
            "\u{1b}[2mINFO\u{1b}[0m a\\u{202e}b\\n\\u{1b}[2J\\u{1b}]0;x\\u{7}\n"
        );
        assert_eq!(
            written(Format::Text, "\u{1b}[2ma\u{7f}größer\n"),
            "\\u{1b}[2ma\\u{7f}größer\n"
        );
        assert_eq!(
            written(Format::Json, "{\"a\":\"\u{202e}\u{e0041}\"}\n"),
            "{\"a\":\"\\u202e\\udb40\\udc41\"}\n"
        );
        assert_eq!(written(Format::Text, "plain\n"), "plain\n");
    }
}
