//! Differences of the peers from this decoder on valid input, and why they are errors.

mod datagrams;
mod names;
mod structures;

pub(super) use datagrams::{may_misread, may_reject};
pub(super) use names::{is_name, is_same_choice, is_same_text};
pub(super) use structures::{Reading, reading};

/// All known differences.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let structures = structures::READINGS.iter().map(|(_, _, why, _)| *why);
    let datagrams = datagrams::CONDITIONS.iter().map(|(_, _, why, _)| *why);
    structures
        .chain(datagrams)
        .chain([names::COLLAPSED, names::REPLACED])
}
