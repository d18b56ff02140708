//! Writes the datagrams of agents to the log.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sflow_collector::kafka::{Sink, SinkSettings, SinkStats};
use sflow_collector::udp::{SocketSettings, UdpReceiver};
use sflow_collector::{OtherProtocol, Tally};
use stop::Stop;
use untrusted::report;

/// How often a request to stop is checked while no datagrams arrive.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How often counts are printed, if they have changed.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// The time for which the end of the program waits for brokers; less than `stop::GRACE`.
const CLOSE_TIME: Duration = Duration::from_millis(400);

#[derive(Debug)]
pub(crate) struct Receive {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) listen: SocketAddr,
    pub(crate) name: String,
    pub(crate) queue_bytes: usize,
}

/// Datagrams that were received, and what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    sink: SinkStats,
    kernel_drops: Option<u64>,
    /// Other protocols than sFlow version 5.
    protocols: Tally<OtherProtocol>,
}

impl Receive {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let settings = SinkSettings::new(&self.brokers, &self.topic).with(|settings| {
            settings.receiver.clone_from(&self.name);
            settings.queue_bytes = self.queue_bytes;
            settings.options.clone_from(&self.options);
        });
        let sink = Sink::new(&settings)?;
        let mut receiver = UdpReceiver::bind(self.listen, &SocketSettings::default())?;
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        report!("listening on {}", receiver.local_addr()?);
        let mut protocols = Tally::default();
        let mut reported = Counts::default();
        let mut next = Instant::now() + REPORT_INTERVAL;
        while !stop.is_requested() {
            if let Some(received) = receiver.receive_within(POLL_INTERVAL)? {
                // The sink counts losses.
                if sink.send(received).is_err()
                    && let Some(protocol) = OtherProtocol::detect(received.bytes)
                {
                    protocols.add(protocol, 1);
                }
            }
            if Instant::now() >= next {
                next += REPORT_INTERVAL;
                let counts = Counts {
                    sink: sink.stats(),
                    kernel_drops: receiver.stats().kernel_drops,
                    protocols,
                };
                if counts != reported {
                    counts.report();
                }
                reported = counts;
            }
        }
        let kernel_drops = receiver.stats().kernel_drops;
        let counts = Counts {
            sink: sink.close(CLOSE_TIME),
            kernel_drops,
            protocols,
        };
        counts.report();
        Ok(())
    }
}

impl Counts {
    fn report(&self) {
        let sink = &self.sink;
        let (sent, delivered, queued) = (sink.sent, sink.delivered, sink.queued());
        let mut line = format!("received {sent}, written {delivered}, queued {queued}");
        if sink.lost.total() > 0 {
            line.push_str(&format!("; lost: {}", sink.lost));
        }
        if self.protocols.total() > 0 {
            line.push_str(&format!("; other protocols: {}", self.protocols));
        }
        if let Some(drops) = self.kernel_drops.filter(|drops| *drops > 0) {
            line.push_str(&format!("; dropped by the kernel: {drops}"));
        }
        if let Some(last) = &sink.errors.last {
            let count = sink.errors.count;
            line.push_str(&format!("; {count} errors of the log, last: {last}"));
        }
        report!("{line}");
    }
}
