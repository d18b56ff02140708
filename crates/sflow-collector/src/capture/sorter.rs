//! The datagram in each packet, and counts of the other packets.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::file::Captured;
use super::packet::{Found, NoDatagram, Search};
use super::port::Port;
use super::reassembly::{Outcome, Reassembly};
use super::stats::PassedOver;
use crate::OtherProtocol;

/// Finds the datagram in each packet, and counts the other packets.
pub(super) struct Sorter {
    pub(super) port: Port,
    pub(super) passed_over: PassedOver,
    reassembly: Reassembly,
    /// The last datagram that was found.
    pub(super) datagram: Vec<u8>,
    /// The time of the last packet with a valid time.
    pub(super) time: SystemTime,
}

impl Default for Sorter {
    fn default() -> Self {
        Self {
            port: Port::default(),
            passed_over: PassedOver::default(),
            reassembly: Reassembly::default(),
            datagram: Vec::new(),
            time: SystemTime::UNIX_EPOCH,
        }
    }
}

/// Later times are invalid: nanoseconds since 1970 must fit 64 bits, which is up to the year 2554.
const LATEST: Duration = Duration::from_nanos(u64::MAX);

impl Sorter {
    /// The counts so far, with those of the reassembly.
    pub(super) fn passed_over(&self) -> PassedOver {
        PassedOver {
            incomplete: self.reassembly.incomplete(),
            overlapping: self.reassembly.rejected(),
            ..self.passed_over.clone()
        }
    }

    /// Counts a packet. Returns the sender of its datagram, if the caller selected it.
    pub(super) fn classify(&mut self, captured: &Captured<'_>) -> Option<SocketAddr> {
        self.passed_over.stats.packets += 1;
        let Captured::Packet { link, time, data } = *captured else {
            self.passed_over.stats.malformed += 1;
            return None;
        };
        let time = time.filter(|time| *time <= LATEST);
        let system_time = time.and_then(|time| SystemTime::UNIX_EPOCH.checked_add(time));
        if let Some(system_time) = system_time {
            self.time = system_time;
        }
        let mut search = Search::new(self.port);
        let found = search.packet(link, data);
        let source = self.sort(&mut search, found);
        if system_time.is_none() {
            self.passed_over.stats.untimed += u64::from(source.is_some());
        }
        source
    }

    /// Counts the content of a packet, and copies its datagram. The recursion is bounded by the
    /// headers of the search, since each fragment follows at least one of them.
    fn sort(
        &mut self,
        search: &mut Search,
        found: Result<Found<'_>, NoDatagram>,
    ) -> Option<SocketAddr> {
        match found {
            Ok(Found::Udp(udp)) if self.port.selects(udp.destination_port) => {
                self.passed_over.stats.datagrams += 1;
                self.passed_over.stats.cut += u64::from(udp.is_cut);
                if let Some(protocol) = OtherProtocol::detect(udp.payload) {
                    self.passed_over.protocols.add(protocol, 1);
                }
                self.datagram.clear();
                self.datagram.extend_from_slice(udp.payload);
                return Some(udp.source);
            }
            Ok(Found::Udp(udp)) => {
                self.passed_over.stats.other_ports += 1;
                self.passed_over.ports.add(udp.destination_port, 1);
            }
            Ok(Found::Fragment(fragment)) => {
                let now = self.time.duration_since(SystemTime::UNIX_EPOCH);
                match self.reassembly.insert(&fragment, now.unwrap_or_default()) {
                    Outcome::Waiting | Outcome::Rejected => self.passed_over.stats.fragments += 1,
                    Outcome::Duplicate => {
                        self.passed_over.stats.fragments += 1;
                        self.passed_over.duplicates += 1;
                    }
                    Outcome::Complete(whole) => {
                        let before = whole.fragments.saturating_sub(1);
                        self.passed_over.stats.fragments =
                            self.passed_over.stats.fragments.saturating_sub(before);
                        self.passed_over.stats.reassembled += before;
                        let found = search.payload(whole.protocol, whole.source, &whole.payload);
                        return self.sort(search, found);
                    }
                }
            }
            Err(other) => self.passed_over.add(other),
        }
        None
    }
}
