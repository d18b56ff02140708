//! Text from the network, made safe to show.
//!
//! A name may contain characters that a terminal, a browser or an editor executes instead of
//! showing: control characters, marks that reverse the direction of text, and characters of no
//! width. [`printable`] replaces them, [`escaped`] writes them as `\u{202e}`, [`Lines`] does so for
//! everything that is written through it, and with the feature `json`, `json` writes JSON in which
//! they are escaped as `\u202e`: the same JSON value, and nothing in it that steers a terminal.

#[cfg(feature = "json")]
pub mod json;
mod lines;
mod text;

pub use lines::{Format, Lines};
pub use text::{escaped, is_unprintable, printable};
