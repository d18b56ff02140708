use sflow_v5::enums::HeaderProtocol;
use sflow_v5::packet::{Layer, Packet};

/// The maximum length of headers that are also checked truncated at every byte.
const SHORT: usize = 512;

/// Dissects a header, whose first byte is the header protocol, and checks properties that must hold
/// for any packet.
///
/// * Dissection does not panic and ends with one rest, after at most `MAX_LAYERS` layers.
/// * The layers are adjacent, start at the first byte, and lie inside the header.
/// * The layers of the packets in tunnels together are the layers of the whole.
/// * A truncated header yields the first layers of the complete one; the last may be truncated.
///   Layers that are identified by content may differ.
///
/// # Panics
///
/// If one of them does not hold.
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
            check_prefix(&part, &whole);
        }
    }
}

/// Calls all accessors. Returns the layers without the rest.
fn examine<'a>(packet: Packet<'a>, header: &[u8]) -> Vec<Layer<'a>> {
    let mut walk = packet.layers();
    let all: Vec<_> = walk.by_ref().collect();
    assert!(walk.next().is_none(), "a layer after the end");
    let (rest, layers) = all.split_last().expect("a rest");
    assert!(matches!(rest, Layer::Rest(rest) if *rest == packet.rest()));
    assert!(layers.len() <= usize::from(Packet::MAX_LAYERS));

    let mut offset = 0;
    for layer in &all {
        let is_rest = matches!(layer, Layer::Rest(_));
        let bytes = layer.bytes();
        assert!(is_rest || !bytes.is_empty(), "progress: {layer:?}");
        let there = header.get(offset..offset + bytes.len()).expect("inside");
        let is_there = bytes.is_empty() || bytes.as_ptr_range() == there.as_ptr_range();
        assert!(is_there, "not adjacent: {layer:?}");
        offset += bytes.len();
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
    assert_eq!(own, all, "layers of nested packets");
    layers.to_vec()
}

fn layers(packet: Packet<'_>) -> Vec<Layer<'_>> {
    let rest = |layer: &Layer<'_>| matches!(layer, Layer::Rest(_));
    packet.layers().filter(|layer| !rest(layer)).collect()
}

/// Panics unless these are the first layers of the whole, the last one possibly truncated.
///
/// Behind a layer that does not identify the next one, the bytes of a longer sample may refute what
/// those of a shorter one suggest. Layers are compared up to there.
fn check_prefix(part: &[Layer<'_>], whole: &[Layer<'_>]) {
    for (index, layer) in part.iter().enumerate() {
        let is_last = index == part.len() - 1;
        let is_same = whole.get(index).is_some_and(|whole| {
            layer == whole
                || is_last
                    && layer.name() == whole.name()
                    && whole.bytes().starts_with(layer.bytes())
        });
        if !is_same {
            let previous = index.checked_sub(1).map(|previous| &part[previous]);
            let is_guessed = matches!(layer, Layer::L2tpV3(_))
                || matches!(
                    previous,
                    Some(Layer::Mpls(_) | Layer::Udp(_) | Layer::GtpU(_) | Layer::L2tpV3(_))
                );
            assert!(is_guessed, "layer {index}: {part:?}, whole {whole:?}");
            return;
        }
    }
}
