//! Builds datagrams from choices, so that few bytes reach deeply nested structures.

mod build;
mod damage;

use sflow_v5::Datagram;

pub use build::{Built, build};
pub use damage::{Mark, MarkKind};

use crate::model;
use crate::oracle::{check_datagram, check_round_trip};

/// Builds a datagram from `recipe`, a sequence of choices, and checks it with [`check_datagram`] and
/// [`check_round_trip`]: first undamaged, when it must be valid and canonical, then with the damage
/// of the recipe.
///
/// # Panics
///
/// If one of them does not hold.
pub fn check_structured(recipe: &[u8]) {
    let Built {
        bytes,
        is_canonical,
        damaged,
        ..
    } = build(recipe);
    let datagram = Datagram::parse(&bytes).expect("a valid header");
    assert_eq!(datagram.validate(), Ok(()), "the built datagram is valid");
    assert_eq!(
        model::canonical(&bytes).as_ref() == Some(&bytes),
        is_canonical,
        "the built datagram is canonical"
    );
    check_datagram(&bytes);
    check_round_trip(&bytes);
    if damaged != bytes {
        check_datagram(&damaged);
        check_round_trip(&damaged);
    }
}
