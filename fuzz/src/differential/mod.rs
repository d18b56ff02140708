//! Compares all decoders on valid datagrams, except for known differences.

mod differences;

use sflow_v5::Datagram;

use crate::compare::{Difference, Kind, compare};
use crate::decoders::{FlowparserSflow, Ours, SflowParser};
use crate::harness::Candidate;
use crate::model;
use differences::Reading;

/// Another decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    SflowParser,
    FlowparserSflow,
}

impl Peer {
    const ALL: [Self; 2] = [Self::SflowParser, Self::FlowparserSflow];

    fn decoder(self) -> &'static dyn Candidate {
        match self {
            Self::SflowParser => &SflowParser,
            Self::FlowparserSflow => &FlowparserSflow,
        }
    }
}

/// Decodes with this decoder and with the crates `sflow-parser` and `flowparser-sflow`, and
/// compares the number of samples and records, their types, and all their values with those of the
/// second parser.
///
/// `bytes` are converted to the form that an encoder writes, and must then be valid, since decoders
/// may differ for invalid input. Differences of the peers on valid input are in a table with their
/// reasons; those that occurred are returned, out of [`known_differences`].
///
/// # Panics
///
/// If a decoder reads different values, and the difference is unknown.
pub fn check_differential(bytes: &[u8]) -> Vec<&'static str> {
    let mut met = Vec::new();
    // Each pass repairs one level: the frame of a sample, its last record, the fields of that record.
    let again = |bytes: Vec<u8>| model::canonical(&bytes);
    let canonical = again(bytes.to_vec()).and_then(again).and_then(again);
    let Some(bytes) = canonical else {
        return met;
    };
    let datagram = Datagram::parse(&bytes).expect("a header");
    let Some(expected) = model::values(&bytes) else {
        assert!(datagram.validate().is_err(), "the second parser rejects it");
        return met;
    };
    assert_eq!(datagram.validate(), Ok(()), "the second parser accepts it");
    let ours = Ours.read(&bytes).expect("valid");
    if let Some(difference) = compare(&expected, &ours).first() {
        panic!("sflow-v5: {}", message(difference));
    }
    for peer in Peer::ALL {
        match peer.decoder().read(&bytes) {
            Ok(theirs) => {
                let reasons = differences::may_misread(peer, &datagram);
                if reasons.is_empty() {
                    for difference in compare(&expected, &theirs) {
                        met.push(reason(peer, &difference));
                    }
                }
                met.extend(reasons);
            }
            Err(error) => {
                let reasons = differences::may_reject(peer, &datagram);
                assert!(
                    !reasons.is_empty(),
                    "{peer:?} rejects {datagram:?}: {error}"
                );
                met.extend(reasons);
            }
        }
    }
    met.sort_unstable();
    met.dedup();
    met
}

/// All known differences of the peers on valid input, with reasons.
pub fn known_differences() -> impl Iterator<Item = &'static str> {
    differences::all()
}

/// The reason of a known difference.
///
/// # Panics
///
/// If the difference is unknown.
fn reason(peer: Peer, difference: &Difference<'_>) -> &'static str {
    // Differences of a record also affect records that contain it.
    let structures = std::iter::once(&difference.structure).chain(difference.nested);
    for structure in structures {
        let Some((why, reading)) = differences::reading(peer, structure) else {
            continue;
        };
        let is_known = *structure != difference.structure
            || match reading {
                Reading::Raw => matches!(difference.kind, Kind::NotDecoded),
                Reading::First => matches!(difference.kind, Kind::Value { found: None, .. }),
                Reading::Wrong => true,
            };
        if is_known {
            return why;
        }
    }
    if let Kind::Value {
        expected,
        found: Some(found),
    } = difference.kind
        && let Some(why) = differences::same_value(peer, expected, found)
    {
        return why;
    }
    panic!("{peer:?}: {}", message(difference))
}

fn message(difference: &Difference<'_>) -> String {
    let Difference {
        structure,
        field,
        kind,
        ..
    } = difference;
    format!("{structure}.{field}: {kind}")
}
