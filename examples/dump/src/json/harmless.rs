use std::io::{self, Write};

use serde_json::ser::Formatter;

use harmless::is_instruction;

/// Compact JSON in which characters that a terminal would obey are escaped, although JSON
/// itself would let some of them stand.
pub(super) struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((place, character)) = rest
            .char_indices()
            .find(|(_, character)| is_instruction(*character))
        {
            let (plain, behind) = rest.split_at(place);
            writer.write_all(plain.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = behind.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}
