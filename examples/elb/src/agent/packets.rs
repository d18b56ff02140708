use std::collections::HashMap;
use std::io;
use std::thread;

use sflow_agent::linux::{Packet, PacketSampler};
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tracing::warn;

/// A sampled packet, and the number of samples of its interface that were dropped before it.
#[derive(Debug)]
pub(super) struct Sampled {
    pub(super) packet: Packet,
    pub(super) dropped: u32,
}

/// Samples one packet in `rate` in a separate thread, which ends when the receiver is closed. A
/// rate of 0 disables sampling. A missing permission also disables it and is logged.
pub(super) fn sample(rate: u32) -> Receiver<Sampled> {
    const QUEUE: usize = 1_024;
    let (sender, samples) = mpsc::channel(QUEUE);
    if rate == 0 {
        return samples;
    }
    let started = PacketSampler::open(rate).and_then(|sampler| {
        let run = move || {
            if let Err(error) = run(&sampler, &sender) {
                warn!("packet sampling has ended: {error}");
            }
        };
        thread::Builder::new().name("packets".to_owned()).spawn(run)
    });
    if let Err(error) = started {
        warn!(
            "packets are not sampled, only counters are sent: {error}; sampling needs the \
             capability CAP_NET_RAW; --sampling 0 turns it off"
        );
    }
    samples
}

fn run(sampler: &PacketSampler, samples: &Sender<Sampled>) -> io::Result<()> {
    let mut dropped: HashMap<u32, u32> = HashMap::new();
    while !samples.is_closed() {
        let Some(packet) = sampler.next_packet()? else {
            continue;
        };
        let before = dropped.remove(&packet.if_index).unwrap_or(0);
        let sampled = Sampled {
            packet,
            dropped: before,
        };
        if let Err(TrySendError::Full(Sampled { packet, .. })) = samples.try_send(sampled) {
            dropped.insert(packet.if_index, before.saturating_add(1));
        }
    }
    Ok(())
}
