use std::thread;

use sflow_agent::linux::{Delivery, Packet, PacketSampler};
use tokio::sync::mpsc::{self, Receiver, error::TrySendError};
use tracing::warn;

/// Samples one packet in `rate` in a separate thread, which ends with the first packet after the
/// receiver is closed. With each packet, returns the number of packets of its interface that were
/// dropped before it. A rate of 0 disables sampling. A missing permission also disables it and is
/// logged.
pub(super) fn sample(rate: u32) -> Receiver<(Packet, u32)> {
    const QUEUE: usize = 1_024;
    let (sender, samples) = mpsc::channel(QUEUE);
    if rate == 0 {
        return samples;
    }
    let started = PacketSampler::open(rate).and_then(|sampler| {
        let run = move || {
            let ended = sampler.run(|packet, dropped| match sender.try_send((packet, dropped)) {
                Ok(()) => Delivery::Accepted,
                Err(TrySendError::Full(_)) => Delivery::Dropped,
                Err(TrySendError::Closed(_)) => Delivery::Closed,
            });
            if let Err(error) = ended {
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
