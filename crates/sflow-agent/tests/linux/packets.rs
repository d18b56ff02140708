//! Sampling of packets.

use super::*;

#[test]
fn packets_are_sampled_where_permitted() {
    const PAYLOAD: [u8; 300] = [0xa7; 300];
    const HEADERS: usize = 14 + 20 + 8;
    let sampler = match PacketSampler::open(1) {
        Ok(sampler) => sampler,
        Err(error) => {
            eprintln!("skipped: packets cannot be sampled here: {error}");
            return;
        }
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = socket.local_addr().unwrap();
    let is_own = |packet: &Packet| {
        packet.header.get(34..36) == Some(&own.port().to_be_bytes())
            && packet.header.ends_with(&PAYLOAD[..128 - HEADERS])
    };
    // Other programs may use the loopback interface.
    let sampled = (0..100).find_map(|_| {
        socket.send_to(&PAYLOAD, own).unwrap();
        let packets = std::iter::from_fn(|| sampler.next_packet().unwrap());
        packets.take(10_000).find(is_own)
    });
    let packet = sampled.expect("a packet of this test is sampled");
    assert_eq!(packet.length as usize, HEADERS + PAYLOAD.len());
    assert_eq!(packet.header.len(), 128);
    let sample = packet.flow_sample(400);
    assert_eq!(sample.sampling_rate, 400);
    let (known, unknown) = if packet.is_inbound {
        (sample.input, sample.output)
    } else {
        (sample.output, sample.input)
    };
    assert_eq!(known.if_index(), Some(packet.if_index));
    assert_eq!(unknown.if_index(), None);

    let mut agent = Agent::new(Config::new(own.ip()), Duration::ZERO);
    agent.add_unscheduled("lo", PHYSICAL_HOST).unwrap();
    agent
        .flow_sample(&"lo", Duration::ZERO, &sample, |records| {
            packet.encode(records)
        })
        .unwrap();
    agent.flush();
    let datagram = agent.next_datagram(Duration::ZERO).unwrap();
    let Some(Sample::Flow(sent)) = Datagram::parse(datagram).unwrap().samples().next() else {
        panic!()
    };
    let header: SampledHeader<'_> = sent.find().unwrap();
    assert_eq!(header.frame_length, packet.length + 4);
    assert_eq!((header.stripped, header.header.0), (4, &*packet.header));
}

#[test]
fn dropped_packets_are_counted_for_each_interface() {
    let sampler = match PacketSampler::open(1) {
        Ok(sampler) => sampler,
        Err(error) => {
            eprintln!("skipped: packets cannot be sampled here: {error}");
            return;
        }
    };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..10 {
        socket.send_to(&[7], socket.local_addr().unwrap()).unwrap();
    }
    let (mut delivered, mut expected) = (0, HashMap::new());
    let ended = sampler.run(|packet, dropped| {
        let before: &mut u32 = expected.entry(packet.if_index).or_default();
        assert_eq!(dropped, *before);
        delivered += 1;
        match delivered {
            1..=3 => {
                *before += 1;
                Delivery::Dropped
            }
            4..=6 => {
                *before = 0;
                Delivery::Accepted
            }
            _ => Delivery::Closed,
        }
    });
    ended.unwrap();
    assert_eq!(delivered, 7);
}
