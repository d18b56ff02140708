//! Where the peers differ from this decoder on valid input, and why they are wrong.

mod datagrams;
mod names;
mod structures;

pub(super) use datagrams::{may_refuse, reads_else};
pub(super) use names::{is_name, is_same_choice, is_same_text};
pub(super) use structures::{Reading, reading};

/// All differences that have a name.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let structures = structures::READINGS.iter().map(|(_, _, why, _)| *why);
    let datagrams = datagrams::CONDITIONS.iter().map(|(_, _, why, _)| *why);
    structures
        .chain(datagrams)
        .chain([names::COLLAPSED, names::REPLACED])
}
