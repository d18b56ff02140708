//! Escapes text from the network.

use untrusted::is_unprintable;

use crate::put::put;

/// Writes text in quotes, with control characters and invalid UTF-8 escaped: `"web\u{1b}[2J"`.
pub(crate) fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if matches!(character, '"' | '\\') || is_unprintable(character) {
                put!(out, "{}", character.escape_default());
            } else {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        for byte in chunk.invalid() {
            put!(out, "\\x{byte:02x}");
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for (bytes, expected) in [
            (&b"web.1"[..], r#""web.1""#),
            (b"\x1b]0;owned\x07", r#""\u{1b}]0;owned\u{7}""#),
            (b"a\"b\\c\r\n\t", r#""a\"b\\c\r\n\t""#),
            (b"\xff\xfeA\xc3", r#""\xff\xfeA\xc3""#),
            ("größer 負荷 🐳".as_bytes(), r#""größer 負荷 🐳""#),
            (
                "\u{9b}31m txt.\u{202e}exe".as_bytes(),
                r#""\u{9b}31m txt.\u{202e}exe""#,
            ),
        ] {
            let mut out = Vec::new();
            text(bytes, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
