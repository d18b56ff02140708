use core::fmt;

use super::piece;
use crate::display::padded;

/// A pattern for values: exact text, or text in which `*` matches any number of characters.
///
/// ```
/// use sflow_metrics::query::Pattern;
///
/// let apache = Pattern::glob("apache.*");
/// assert!(apache.fits("apache.1.rsm0h0ay4dbn"));
/// assert!(!apache.fits("apache2.1.b4txb8c1nyzj"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Literal parts between the `*`.
    pieces: Vec<String>,
}

impl Pattern {
    /// Matches exactly this value.
    pub fn exact(value: impl Into<String>) -> Self {
        Self {
            pieces: vec![value.into()],
        }
    }

    /// Matches this text, in which each `*` matches any number of characters.
    pub fn glob(value: &str) -> Self {
        Self {
            pieces: value.split('*').map(str::to_owned).collect(),
        }
    }

    pub(crate) fn from_pieces(pieces: Vec<String>) -> Self {
        Self { pieces }
    }

    /// Whether a value matches.
    pub fn fits(&self, value: &str) -> bool {
        self.fits_bytes(value.as_bytes())
    }

    pub(crate) fn fits_bytes(&self, value: &[u8]) -> bool {
        let mut pieces = self.pieces.iter();
        let Some(first) = pieces.next() else {
            return value.is_empty();
        };
        let Some(last) = pieces.next_back() else {
            return value == first.as_bytes();
        };
        let mut rest = piece::behind(value, first);
        for piece in pieces {
            rest = rest.and_then(|rest| piece::behind_first(rest, piece));
        }
        rest.is_some_and(|rest| piece::before(rest, last).is_some())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
        use fmt::Write as _;
        for (place, piece) in self.pieces.iter().enumerate() {
            if place > 0 {
                f.write_str("*")?;
            }
            for character in piece.chars() {
                if matches!(character, '\\' | '*' | '|' | ',' | '}') {
                    f.write_str("\\")?;
                }
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_matches_whole_value() {
        let cases = [
            ("apache", "apache", true),
            ("apache", "apache2", false),
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("apache.*", "apache.1.x", true),
            ("apache.*", "apache2.1.x", false),
            ("apache.*", "my_apache.1.x", false),
            ("*apache*", "my_apache.1.x", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("**", "x", true),
            ("*.1.*", "apache.1.x", true),
            ("*.1.*", "apache.11.x", false),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(
                Pattern::glob(pattern).fits(value),
                expected,
                "{pattern} and {value}"
            );
        }
        assert!(Pattern::exact("a*").fits("a*"));
        assert!(!Pattern::exact("a*").fits("ab"));
    }
}
