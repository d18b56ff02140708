use std::borrow::Cow;

/// Whether a character affects the text around it or is invisible: control characters (C0, C1,
/// DEL), line and paragraph separators, direction marks, characters without width, fillers,
/// variation selectors, tags, and characters that XML does not permit.
pub fn is_unprintable(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text with every [unprintable character](is_unprintable) replaced by `�`.
///
/// ```
/// assert_eq!(untrusted::printable("apache\u{1b}]0;owned\u{7}"), "apache�]0;owned�");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let replace = |character| match is_unprintable(character) {
        true => char::REPLACEMENT_CHARACTER,
        false => character,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

/// The text with every [unprintable character](is_unprintable) written as an escape of Rust.
///
/// ```
/// assert_eq!(untrusted::escaped("txt.\u{202e}exe\n"), "txt.\\u{202e}exe\\n");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_unprintable(character) {
            // Not `escape_debug`, which does not escape some of these characters.
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// The [printable] text, cut to at most `limit` characters with `…` in place of the rest.
///
/// ```
/// assert_eq!(untrusted::shortened("apache\u{7}.example", 9), "apache�.…");
/// ```
pub fn shortened(text: &str, limit: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= limit {
        return text.into_owned();
    }
    let kept = text.chars().take(limit.saturating_sub(1));
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One character of each kind.
    const UNPRINTABLE: &[char] = &[
        '\u{0}',
        '\u{7}',
        '\n',
        '\r',
        '\u{1b}',
        '\u{7f}',
        '\u{80}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202b}',
        '\u{202c}',
        '\u{202d}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2067}',
        '\u{2068}',
        '\u{2069}',
        '\u{206f}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffff}',
        '\u{e0041}',
        '\u{e0100}',
    ];

    #[test]
    fn unprintable_characters_are_replaced_or_escaped() {
        assert_eq!(printable("apache\x1b]0;owned\x07\n"), "apache�]0;owned��");
        assert_eq!(printable("\u{9b}31mred"), "�31mred");
        for character in UNPRINTABLE {
            let name = format!("txt.{character}exe");
            assert_eq!(printable(&name), "txt.�exe", "{character:?}");
            let escaped = escaped(&name);
            assert!(escaped.starts_with("txt.\\"), "{escaped:?}");
            assert!(!escaped.chars().any(is_unprintable), "{escaped:?}");
        }
    }

    #[test]
    fn text_of_any_language_is_unchanged() {
        for text in [
            "apache.1.x7",
            "größer → kleiner",
            "負荷分散",
            "עברית",
            "🐳",
            "�",
        ] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text));
        }
    }
}
