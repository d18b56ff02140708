//! Differences of the peers from this decoder on valid input, and why they are errors.

mod datagrams;
mod structures;
mod values;

pub(super) use datagrams::{may_misread, may_reject};
pub(super) use structures::{Reading, reading};
pub(super) use values::same_value;

/// All known differences.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let structures = structures::READINGS.iter().map(|(_, _, why, _)| *why);
    let datagrams = datagrams::CONDITIONS.iter().map(|(_, _, why, _)| *why);
    structures
        .chain(datagrams)
        .chain([values::COLLAPSED, values::REPLACED])
}
