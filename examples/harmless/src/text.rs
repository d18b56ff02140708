use std::borrow::Cow;

/// Whether a character is an instruction rather than a sign: control characters (a terminal obeys
/// them), marks that change the direction or the width of what follows, line separators, tags, and
/// what may not occur in XML.
pub fn is_instruction(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with every [instruction](is_instruction) replaced by `�`.
///
/// ```
/// assert_eq!(harmless::printable("apache\u{1b}]0;owned\u{7}"), "apache�]0;owned�");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_instruction) {
        return Cow::Borrowed(text);
    }
    let replace = |character| match is_instruction(character) {
        true => char::REPLACEMENT_CHARACTER,
        false => character,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_to_a_terminal_do_not_pass() {
        assert_eq!(printable("apache\x1b]0;owned\x07\n"), "apache�]0;owned��");
        assert_eq!(printable("\u{9b}31mred"), "�31mred");
        assert_eq!(printable("txt.\u{202e}exe"), "txt.�exe");
    }

    #[test]
    fn text_of_any_language_passes_unchanged() {
        for text in ["apache.1.x7", "größer → kleiner", "負荷分散", "🐳"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }
}
