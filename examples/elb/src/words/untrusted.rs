//! Names and reasons that others wrote, made fit to be shown.

use std::borrow::Cow;

/// The text with every character that is an instruction rather than a sign replaced by `�`:
/// control characters (a terminal obeys them), marks that change the direction or the width of
/// what follows, line separators, and what may not occur in XML.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_instruction) {
        let replace = |c| {
            if is_instruction(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        return Cow::Owned(text.chars().map(replace).collect());
    }
    Cow::Borrowed(text)
}

/// The printable text, cut to at most `limit` characters with `…` in place of the rest.
pub fn shortened(text: &str, limit: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= limit {
        return text.into_owned();
    }
    let kept = text.chars().take(limit.saturating_sub(1));
    kept.chain(['…']).collect()
}

fn is_instruction(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{FFFE}' | '\u{FFFF}'
            | '\u{E0000}'..='\u{E007F}')
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

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("größer", 6), "größer");
        assert_eq!(shortened("größer", 4), "grö…");
        assert_eq!(shortened("ab", 0), "…");
    }
}
