//! What has been read and not been sent, and the way to the collector.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sflow_v5::{EncodeError, Encoder, Header};
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::reading::Reading;

/// Counters and packets go under this number.
const SUB_AGENT: u32 = 100_000;

/// Bytes of a datagram: what passes everywhere in one piece.
const DATAGRAM: usize = 1_400;

/// How long what has been read waits for company.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long a name may take to be resolved, and how long until it is tried again.
const RESOLVING: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Outbox {
    collector: String,
    address: Option<IpAddr>,
    socket: Option<UdpSocket>,
    /// When the next attempt to reach the collector is due, if the last one failed.
    again: Option<Instant>,
    /// Whether the last attempt failed, which is said once.
    fails: bool,
    started: Instant,
    /// Of the last datagram.
    sequence: u32,
    pending: Vec<Reading>,
    flush_at: Option<Instant>,
    buffer: Vec<u8>,
}

impl Outbox {
    pub(super) fn new(collector: String, address: Option<IpAddr>, now: Instant) -> Self {
        Self {
            collector,
            address,
            socket: None,
            again: None,
            fails: false,
            started: now,
            sequence: 0,
            pending: Vec::new(),
            flush_at: None,
            buffer: vec![0; DATAGRAM],
        }
    }

    /// When it is to be flushed.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.flush_at
    }

    pub(super) fn keep(&mut self, reading: Reading, now: Instant) {
        self.pending.push(reading);
        self.flush_at.get_or_insert(now + PATIENCE);
    }

    /// Sends what is pending, in as many datagrams as it takes. What the collector cannot be
    /// told now is lost: an old counter is worth less than the next one.
    pub(super) async fn flush(&mut self, now: Instant) {
        self.flush_at = None;
        self.connect(now).await;
        let (Some(socket), Some(address)) = (&self.socket, self.address) else {
            self.pending.clear();
            return;
        };
        let mut rest = self.pending.as_slice();
        let mut failure = None;
        while !rest.is_empty() {
            let next = self.sequence.wrapping_add(1);
            let header = Header {
                agent_address: address.into(),
                sub_agent_id: SUB_AGENT,
                sequence_number: next,
                uptime: self.started.elapsed().as_millis() as u32,
            };
            let Ok((bytes, taken)) = fill(&mut self.buffer, &header, rest) else {
                break;
            };
            if taken > 0 {
                self.sequence = next;
                if let Err(error) = send(socket, bytes).await {
                    failure = Some(error);
                }
            }
            // A sample that does not fit into an empty datagram cannot be sent at all.
            rest = rest.get(taken.max(1)..).unwrap_or(&[]);
        }
        self.pending.clear();
        match failure {
            Some(error) => self.failed(&error.to_string(), now),
            None => (self.fails, self.again) = (false, None),
        }
    }

    async fn connect(&mut self, now: Instant) {
        let is_due = match self.again {
            Some(again) => again <= now,
            None => self.socket.is_none(),
        };
        if !is_due {
            return;
        }
        match reach(&self.collector).await {
            Ok((socket, from, to)) => {
                let address = *self.address.get_or_insert(from);
                info!("telling {to} as agent {address}");
                self.socket = Some(socket);
                self.again = None;
            }
            Err(why) => {
                self.again = None;
                self.failed(&why, now);
            }
        }
    }

    fn failed(&mut self, why: &str, now: Instant) {
        if !self.fails {
            warn!(
                "cannot reach the collector {}: {why}; is it right, and does it run? \
                 Trying on every {AGAIN:?}",
                self.collector
            );
        }
        self.fails = true;
        // Its name may lead somewhere else by then; until then it may come back where it was.
        self.again.get_or_insert(now + AGAIN);
    }
}

/// A socket to the collector, with the addresses of both ends.
async fn reach(collector: &str) -> Result<(UdpSocket, IpAddr, SocketAddr), String> {
    let found = timeout(RESOLVING, lookup_host(collector)).await;
    let mut found = found
        .map_err(|_| format!("its name was not resolved within {RESOLVING:?}"))?
        .map_err(|error| error.to_string())?;
    let to = found.next().ok_or("its name leads to no address")?;
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let connected = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(to).await?;
        let from = socket.local_addr()?.ip();
        Ok::<_, io::Error>((socket, from, to))
    };
    connected.await.map_err(|error| error.to_string())
}

/// A refusal is heard of when the next datagram is sent, which then stays behind.
async fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<()> {
    if socket.send(bytes).await.is_err() {
        socket.send(bytes).await?;
    }
    Ok(())
}

/// A datagram with as many of the readings as fit.
fn fill<'b>(
    buffer: &'b mut [u8],
    header: &Header,
    readings: &[Reading],
) -> Result<(&'b [u8], usize), EncodeError> {
    let mut encoder = Encoder::new(buffer, header)?;
    let taken = readings
        .iter()
        .take_while(|reading| reading.push(&mut encoder).is_ok())
        .count();
    Ok((encoder.finish(), taken))
}
