use std::fmt;

use askama::filters::{Escaper, Html};

use crate::printable;

/// An escaper for templates of askama: escapes text for HTML and SVG, and replaces unprintable
/// characters.
///
/// A program names it in `askama.toml`, so that it applies to every value in its templates:
///
/// ```toml
/// [[escaper]]
/// path = "untrusted::Markup"
/// extensions = ["html", "svg"]
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Markup;

impl Escaper for Markup {
    fn write_escaped_str<W: fmt::Write>(&self, markup: W, text: &str) -> fmt::Result {
        Html.write_escaped_str(markup, &printable(text))
    }
}
