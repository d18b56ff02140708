//! Makes text from the network safe to show.
//!
//! A name may contain characters that a terminal, a browser or an editor interprets instead of
//! showing: control characters, marks that reverse the direction of text, and characters without
//! width. [`printable`] replaces them, [`escaped`] writes them as `\u{202e}`, and [`Lines`] escapes
//! them in all text written through it. [`report!`] prints a line without them to standard error.
//! With the feature `json`, the module `json` writes JSON in which they are escaped as `\u202e`; the
//! JSON value is the same. With the feature `markup`, `Markup` replaces them in templates of HTML and
//! SVG.

#[cfg(feature = "json")]
pub mod json;
mod lines;
#[cfg(feature = "markup")]
mod markup;
mod report;
mod text;

pub use lines::{Format, Lines};
#[cfg(feature = "markup")]
pub use markup::Markup;
pub use report::write_report;
pub use text::{escaped, is_unprintable, printable, shortened};
