//! Escaping of text in HTML and URLs.

use std::fmt::{self, Display, Write as _};

use untrusted::printable;

/// Text escaped for element content and attributes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(&printable(self.0), f)
    }
}

/// Text escaped for the value of an input, without replaced characters.
pub(super) struct Sent<'a>(pub(super) &'a str);

impl Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.0, f)
    }
}

/// A percent-encoded part of a URL.
pub(super) struct Part<'a>(pub(super) &'a str);

impl Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b',' => {
                    f.write_char(char::from(byte))?;
                }
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for c in text.chars() {
        match c {
            '&' => f.write_str("&amp;")?,
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '"' => f.write_str("&quot;")?,
            '\'' => f.write_str("&#39;")?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        let shown = Text("<b a='\"'>&\u{1b}[0m\u{202e}").to_string();
        assert_eq!(shown, "&lt;b a=&#39;&quot;&#39;&gt;&amp;�[0m�");
        assert_eq!(Sent("<\u{202e}").to_string(), "&lt;\u{202e}");
    }

    #[test]
    fn separators_are_percent_encoded() {
        assert_eq!(Part("a&b=ü\"").to_string(), "a%26b%3D%C3%BC%22");
    }
}
