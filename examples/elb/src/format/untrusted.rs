//! Sanitising of external text.

use std::fmt;

use askama::filters::{Escaper, Html};
use untrusted::printable;

/// Escapes text for HTML and SVG, and replaces unprintable characters. It applies to every value in
/// a template.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Markup;

impl Escaper for Markup {
    fn write_escaped_str<W: fmt::Write>(&self, markup: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(markup, &printable(text))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_contains_no_markup() {
        let mut markup = String::new();
        let text = "<b a='\"'>&\u{1b}[0m\u{202e}";
        Markup.write_escaped_str(&mut markup, text).unwrap();
        assert_eq!(markup, "&#60;b a=&#39;&#34;&#39;&#62;&#38;�[0m�");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shortened("größer", 6), "größer");
        assert_eq!(shortened("größer", 4), "grö…");
        assert_eq!(shortened("ab", 0), "…");
    }
}
