//! Compares this decoder with two others.

mod differences;
mod flatten;
mod leaf;
mod peers;

use sflow_v5::{Datagram, Sample};

use crate::model;
use differences::Reading;
use leaf::{Leaf, Record};
use peers::{Peer, PeerRecord, PeerSample};

/// Decodes with this decoder and with the crates `sflow-parser` and `flowparser-sflow`, and
/// compares the number of samples and records, their types, and all their values.
///
/// `bytes` are converted to the form that an encoder writes, and must then be valid, since decoders
/// may differ for invalid input. Differences on valid input are in a table with their reasons;
/// those that occurred are returned, out of [`known_differences`].
///
/// # Panics
///
/// If a peer reads different values, and the difference is unknown.
pub fn check_differential(bytes: &[u8]) -> Vec<&'static str> {
    let mut met = Vec::new();
    // Each pass repairs one level: the frame of a sample, its last record, the fields of that record.
    let again = |bytes: Vec<u8>| model::canonical(&bytes);
    let canonical = again(bytes.to_vec()).and_then(again).and_then(again);
    let Some(bytes) = canonical else {
        return met;
    };
    let datagram = Datagram::parse(&bytes).expect("a header");
    if datagram.validate().is_err() {
        return met;
    }
    for peer in Peer::ALL {
        compare(peer, &bytes, &datagram, &mut met);
    }
    met.sort_unstable();
    met.dedup();
    met
}

/// All known differences of the peers on valid input, with reasons.
pub fn known_differences() -> impl Iterator<Item = &'static str> {
    differences::all()
}

fn compare(peer: Peer, bytes: &[u8], datagram: &Datagram<'_>, met: &mut Vec<&'static str>) {
    let theirs = match peer.read(bytes) {
        Ok(theirs) => theirs,
        Err(error) => {
            let reasons = differences::may_reject(peer, datagram);
            assert!(
                !reasons.is_empty(),
                "{peer:?} rejects {datagram:?}: {error}"
            );
            return met.extend(reasons);
        }
    };
    let reasons = differences::may_misread(peer, datagram);
    if !reasons.is_empty() {
        return met.extend(reasons);
    }
    let header = datagram.header;
    let ours = [
        Leaf::Bytes(leaf::bytes(header.agent_address)),
        Leaf::Number(header.sub_agent_id.into()),
        Leaf::Number(header.sequence_number.into()),
        Leaf::Number(header.uptime.into()),
    ];
    same_leaves(peer, "datagram", &ours, &theirs.header, met);
    let count = datagram.samples().count();
    assert_eq!(theirs.samples.len(), count, "{peer:?}: samples");
    for (ours, theirs) in datagram.samples().zip(&theirs.samples) {
        sample(peer, &ours, theirs, met);
    }
}

fn sample(peer: Peer, ours: &Sample<'_>, theirs: &PeerSample, met: &mut Vec<&'static str>) {
    let name = ours.name().unwrap_or("unknown");
    assert_eq!(theirs.format, ours.format().0, "{peer:?}: {name}");
    if let Some((why, _)) = differences::reading(peer, name) {
        return met.push(why);
    }
    match ours {
        Sample::Flow(sample) => records(peer, sample.records(), &theirs.records, met),
        Sample::Counters(sample) => records(peer, sample.records(), &theirs.records, met),
        Sample::Discarded(sample) => records(peer, sample.records(), &theirs.records, met),
        _ => assert!(theirs.records.is_empty()),
    }
    same_leaves(peer, name, &leaf::sample(ours), &theirs.words, met);
}

fn records<R: Record>(
    peer: Peer,
    ours: impl Iterator<Item = R>,
    theirs: &[PeerRecord],
    met: &mut Vec<&'static str>,
) {
    let ours: Vec<_> = ours.collect();
    assert_eq!(theirs.len(), ours.len(), "{peer:?}: records");
    for (ours, theirs) in ours.iter().zip(theirs) {
        record(peer, ours, theirs, met);
    }
}

fn record<R: Record>(peer: Peer, ours: &R, theirs: &PeerRecord, met: &mut Vec<&'static str>) {
    let name = ours.name();
    let inner = ours.names_inside().into_iter();
    let reading = differences::reading(peer, name);
    met.extend(reading.map(|(why, _)| why));
    let mut expected = ours.leaves();
    let mut found = theirs.leaves.clone();
    match reading.map(|(_, reading)| reading) {
        Some(Reading::Raw) => {
            return assert_eq!(theirs.variant, "Unknown", "{peer:?} reads {name}");
        }
        Some(Reading::Wrong) => return,
        Some(Reading::First) => expected.truncate(found.len()),
        Some(Reading::LengthAt(place)) => {
            if let Some(Leaf::Bytes(bytes)) = expected.get(place) {
                let length = u64::try_from(bytes.len()).expect("few bytes");
                expected.insert(place, Leaf::Number(length));
            }
        }
        Some(Reading::PathLengths) => {
            let is_type = |leaf: &Leaf| matches!(leaf, Leaf::Choice("AsPathType", _));
            let mut behind_type = false;
            found.retain(|leaf| !std::mem::replace(&mut behind_type, is_type(leaf)));
        }
        // Differences of a record also affect records that contain it.
        None if inner
            .into_iter()
            .any(|name| differences::reading(peer, name).is_some()) =>
        {
            return;
        }
        None => {}
    }
    assert!(
        differences::is_name(name, theirs.variant),
        "{peer:?} reads {name} as {}",
        theirs.variant
    );
    same_leaves(peer, name, &expected, &found, met);
}

#[track_caller]
fn same_leaves(
    peer: Peer,
    name: &str,
    ours: &[Leaf],
    theirs: &[Leaf],
    met: &mut Vec<&'static str>,
) {
    assert!(
        ours.len() == theirs.len(),
        "{peer:?}: {name}: ours {ours:?}, theirs {theirs:?}"
    );
    for (our, their) in ours.iter().zip(theirs) {
        let is_same = our.is(their)
            || differences::is_same_choice(our, their, met)
            || differences::is_same_text(peer, our, their, met);
        assert!(
            is_same,
            "{peer:?}: {name}: {our:?} is {their:?}; ours {ours:?}, theirs {theirs:?}"
        );
    }
}
