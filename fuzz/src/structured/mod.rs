//! Datagrams made from choices, so that few bytes lead deep.

mod build;
mod damage;

use sflow_v5::Datagram;

pub use build::{Built, Mark, What, build};

use crate::model;
use crate::oracle::{check_datagram, check_round_trip};

/// Takes `recipe` as a row of choices, builds a datagram of them, and holds it against
/// [`check_datagram`] and [`check_round_trip`]: first whole, when it must be valid and
/// canonical, then with the damage that the recipe chooses.
///
/// # Panics
///
/// If one of these does not hold.
pub fn check_structured(recipe: &[u8]) {
    let Built {
        bytes,
        is_canonical,
        damaged,
        ..
    } = build(recipe);
    let datagram = Datagram::parse(&bytes).expect("a good header");
    assert_eq!(datagram.validate(), Ok(()), "what is built is valid");
    assert_eq!(
        model::canonical(&bytes).as_ref() == Some(&bytes),
        is_canonical,
        "what is built is canonical"
    );
    check_datagram(&bytes);
    check_round_trip(&bytes);
    if damaged != bytes {
        check_datagram(&damaged);
        check_round_trip(&damaged);
    }
}
