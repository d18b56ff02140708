use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::{Layer, Packet};

/// Longest header of which every beginning is read too.
const SHORT: usize = 512;

/// Takes the first byte as a header protocol and the rest as the header of a packet, dissects
/// it, and holds the result against what must be true of any packet.
///
/// * No panic, and an end: one rest, as the last layer, and no more layers than are allowed.
/// * Every layer lies directly behind the one before, the first at the start, all inside.
/// * The packets inside tunnels have the layers of the whole, each its own.
/// * What is read of a beginning is what is read of the whole, as far as it goes: the last
///   layer may be cut.
///
/// # Panics
///
/// If one of these does not hold.
pub fn check_packet(bytes: &[u8]) {
    let Some((protocol, header)) = bytes.split_first() else {
        return;
    };
    let protocol = HeaderProtocol(u32::from(*protocol));
    let whole = examine(Packet::new(protocol, header), header);
    examine(Packet::from_llc(header), header);
    if header.len() <= SHORT {
        for length in 0..header.len() {
            let part = layers(Packet::new(protocol, &header[..length]));
            beginning(&part, &whole);
        }
    }
}

/// Everything that can be asked; the layers without the rest.
fn examine<'a>(packet: Packet<'a>, header: &[u8]) -> Vec<Layer<'a>> {
    let mut walk = packet.layers();
    let all: Vec<_> = walk.by_ref().collect();
    assert!(walk.next().is_none(), "an end, for good");
    let (rest, layers) = all.split_last().expect("a rest at least");
    assert!(matches!(rest, Layer::Rest(rest) if *rest == packet.rest()));
    assert!(layers.len() <= usize::from(Packet::MAX_LAYERS));

    let mut place = 0;
    for layer in &all {
        let is_rest = matches!(layer, Layer::Rest(_));
        let bytes = layer.bytes();
        assert!(is_rest || !bytes.is_empty(), "progress: {layer:?}");
        let there = header.get(place..place + bytes.len()).expect("inside");
        let is_there = bytes.is_empty() || bytes.as_ptr_range() == there.as_ptr_range();
        assert!(is_there, "not behind the one before: {layer:?}");
        place += bytes.len();
    }
    assert_eq!(
        all.iter()
            .filter(|layer| matches!(layer, Layer::Rest(_)))
            .count(),
        1,
        "one rest"
    );

    let mut own = Vec::new();
    let mut current = Some(packet);
    while let Some(packet) = current {
        let answers = (packet.ethernet(), packet.ip(), packet.transport());
        let shown = (answers, packet.icmp(), packet.tunnel(), packet.to_string());
        assert!(!format!("{shown:?}").is_empty());
        let tags = packet.vlans().count() + packet.mpls_labels().count();
        own.extend(packet.own_layers());
        assert!(tags <= own.len());
        current = packet.inner();
        assert_eq!(current.is_some(), packet.tunnel().is_some());
    }
    assert_eq!(own, all, "packets inside each other");
    layers.to_vec()
}

fn layers(packet: Packet<'_>) -> Vec<Layer<'_>> {
    let rest = |layer: &Layer<'_>| matches!(layer, Layer::Rest(_));
    packet.layers().filter(|layer| !rest(layer)).collect()
}

/// Panics unless these are the first layers of the whole, the last of them perhaps cut.
fn beginning(part: &[Layer<'_>], whole: &[Layer<'_>]) {
    assert!(part.len() <= whole.len(), "more: {part:?}, whole {whole:?}");
    for (place, (part, whole)) in part.iter().zip(whole).enumerate() {
        let (name, bytes) = (part.name(), part.bytes());
        assert_eq!(name, whole.name(), "layer {place}");
        assert!(
            whole.bytes().starts_with(bytes),
            "layer {place}: {part:?}, whole {whole:?}"
        );
    }
    if let Some((_, uncut)) = part.split_last() {
        let whole = &whole[..uncut.len()];
        assert_eq!(uncut, whole, "only the last one may be cut");
    }
}
