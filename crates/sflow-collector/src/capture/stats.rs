//! Counts of packets by content, and of the packets without datagrams by cause.

use std::fmt;
use std::ops::AddAssign;

use super::link_name::link_name;
use super::packet::{MOST_HEADERS, NoDatagram};
use crate::tally::Thousands;
use crate::{OtherProtocol, Tally};

/// The maximum number of recorded names of files that are not captures.
const MOST_NAMES: usize = 4;

/// Counts of the packets of a capture.
///
/// Every packet is counted in [`packets`](Self::packets) and in one of `datagrams`, `reassembled`,
/// `other_ports`, `fragments`, `not_udp`, `malformed`, `unknown_link` and `too_deep`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureStats {
    /// All packets.
    pub packets: u64,
    /// Datagrams returned to the caller.
    pub datagrams: u64,
    /// Returned datagrams that the capture truncated (snap length); their first part is returned.
    pub cut: u64,
    /// Returned datagrams without a time in the capture, or with one after the year 2554; they
    /// have the time of the packet before.
    pub untimed: u64,
    /// Fragments of IP packets that a later fragment completed. That one is counted by the content
    /// of the packet.
    pub reassembled: u64,
    /// Datagrams to other ports.
    pub other_ports: u64,
    /// Fragments of incomplete or rejected IP packets, and duplicates.
    pub fragments: u64,
    /// Packets that are not UDP over IP.
    pub not_udp: u64,
    /// Packets whose headers are invalid or truncated, and invalid records of the file.
    pub malformed: u64,
    /// Packets of unsupported link layers.
    pub unknown_link: u64,
    /// Packets with more than 32 nested headers.
    pub too_deep: u64,
}

impl CaptureStats {
    /// Packets without a returned datagram, except reassembled fragments.
    pub const fn passed_over(&self) -> u64 {
        self.other_ports
            + self.fragments
            + self.not_udp
            + self.malformed
            + self.unknown_link
            + self.too_deep
    }
}

impl AddAssign for CaptureStats {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.datagrams += other.datagrams;
        self.cut += other.cut;
        self.untimed += other.untimed;
        self.reassembled += other.reassembled;
        self.other_ports += other.other_ports;
        self.fragments += other.fragments;
        self.not_udp += other.not_udp;
        self.malformed += other.malformed;
        self.unknown_link += other.unknown_link;
        self.too_deep += other.too_deep;
    }
}

/// The packets of a capture without a returned datagram, by cause.
///
/// `Display` is one sentence for users: `passed over 3 of 10 packets: 2 to UDP port 9995, 1 not UDP
/// over IP`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Counts of all packets.
    pub stats: CaptureStats,
    /// Destination ports of datagrams to other ports.
    pub ports: Tally<u16>,
    /// Unsupported link layers, by their numbers in the file.
    pub links: Tally<u32>,
    /// Known protocols of returned datagrams that are not sFlow version 5.
    pub protocols: Tally<OtherProtocol>,
    /// IP packets with missing fragments: not in the capture, truncated by its snap length, more
    /// than 30 s apart, or too many at once.
    pub incomplete: u64,
    /// IP packets rejected because their fragments overlap.
    pub overlapping: u64,
    /// Duplicate fragments.
    pub duplicates: u64,
    /// Files of a directory that are not captures.
    pub files: u64,
    /// The names of the first four of these files.
    pub file_names: Vec<String>,
}

impl PassedOver {
    /// Whether every packet contained a complete datagram of sFlow version 5.
    pub fn is_empty(&self) -> bool {
        self.stats.passed_over() == 0
            && self.stats.cut == 0
            && self.protocols.total() == 0
            && self.files == 0
    }

    /// The name of a link layer, by its number in capture files; `None` if it is unknown.
    pub fn link_name(number: u32) -> Option<&'static str> {
        link_name(number)
    }

    pub(super) fn add(&mut self, cause: NoDatagram) {
        match cause {
            NoDatagram::LinkType(number) => {
                self.stats.unknown_link += 1;
                self.links.add(number, 1);
            }
            NoDatagram::Malformed => self.stats.malformed += 1,
            NoDatagram::NotUdp => self.stats.not_udp += 1,
            NoDatagram::TooDeep => self.stats.too_deep += 1,
        }
    }

    /// Records a file that is not a capture.
    pub(super) fn add_file(&mut self, name: String) {
        self.files += 1;
        if self.file_names.len() < MOST_NAMES {
            self.file_names.push(name);
        }
    }
}

impl AddAssign for PassedOver {
    fn add_assign(&mut self, other: Self) {
        self.stats += other.stats;
        self.ports += other.ports;
        self.links += other.links;
        self.protocols += other.protocols;
        self.incomplete += other.incomplete;
        self.overlapping += other.overlapping;
        self.duplicates += other.duplicates;
        self.files += other.files;
        self.file_names.extend(other.file_names);
        self.file_names.truncate(MOST_NAMES);
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clauses = [
            self.packets_clause(),
            self.cut_clause(),
            self.protocols_clause(),
            self.files_clause(),
        ];
        let clauses: Vec<String> = clauses.into_iter().flatten().collect();
        f.pad(&clauses.join("; "))
    }
}

/// The clauses of the sentence, each of which is omitted if its count is 0.
impl PassedOver {
    fn packets_clause(&self) -> Option<String> {
        let stats = &self.stats;
        if stats.passed_over() == 0 {
            return None;
        }
        let ports = self.ports.iter();
        let mut causes: Vec<(u64, String)> = ports
            .map(|(port, count)| (count, format!("to UDP port {port}")))
            .collect();
        causes.push((self.ports.others(), "to further UDP ports".to_owned()));
        causes.extend(self.links.iter().map(|(link, count)| {
            let name = link_name(link).unwrap_or("unknown");
            (count, format!("of unsupported link layer {link} ({name})"))
        }));
        let further = "of further unsupported link layers".to_owned();
        causes.push((self.links.others(), further));
        causes.push((stats.fragments, self.fragments()));
        causes.push((stats.not_udp, "not UDP over IP".to_owned()));
        let malformed = "malformed or cut within the headers".to_owned();
        causes.push((stats.malformed, malformed));
        causes.push((
            stats.too_deep,
            format!("with more than {MOST_HEADERS} headers"),
        ));
        let causes = list(causes);
        let (passed_over, all) = (Thousands(stats.passed_over()), Thousands(stats.packets));
        let packets = plural(stats.packets, "packet", "packets");
        Some(format!(
            "passed over {passed_over} of {all} {packets}: {causes}"
        ))
    }

    fn fragments(&self) -> String {
        let details = list([
            (
                self.incomplete,
                plural(self.incomplete, "incomplete packet", "incomplete packets"),
            ),
            (
                self.overlapping,
                plural(
                    self.overlapping,
                    "packet with overlapping fragments",
                    "packets with overlapping fragments",
                ),
            ),
            (
                self.duplicates,
                plural(self.duplicates, "duplicate", "duplicates"),
            ),
        ]);
        let fragments = plural(self.stats.fragments, "IP fragment", "IP fragments");
        match details.is_empty() {
            true => fragments.to_owned(),
            false => format!("{fragments} ({details})"),
        }
    }

    fn cut_clause(&self) -> Option<String> {
        let cut = self.of_datagrams(self.stats.cut)?;
        Some(format!("{cut} cut by the snap length of the capture"))
    }

    fn protocols_clause(&self) -> Option<String> {
        let others = self.of_datagrams(self.protocols.total())?;
        Some(format!("{others} not sFlow 5: {}", self.protocols))
    }

    fn files_clause(&self) -> Option<String> {
        if self.files == 0 {
            return None;
        }
        let count = Thousands(self.files);
        let what = plural(
            self.files,
            "file is not a capture",
            "files are not captures",
        );
        let names = self.file_names.join(", ");
        let is_all = self.files == self.file_names.len() as u64;
        let more = if is_all { "" } else { ", …" };
        Some(format!("{count} {what}: {names}{more}"))
    }

    /// `2 of 10 datagrams`.
    fn of_datagrams(&self, count: u64) -> Option<String> {
        let all = self.stats.datagrams;
        let datagrams = plural(all, "datagram", "datagrams");
        (count > 0).then(|| format!("{} of {} {datagrams}", Thousands(count), Thousands(all)))
    }
}

/// `2 incomplete packets, 1 duplicate`, without counts of 0.
fn list<T: fmt::Display>(counts: impl IntoIterator<Item = (u64, T)>) -> String {
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = counts
        .map(|(count, what)| format!("{} {what}", Thousands(count)))
        .collect();
    parts.join(", ")
}

const fn plural(count: u64, one: &'static str, several: &'static str) -> &'static str {
    if count == 1 { one } else { several }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_lists_each_cause_with_its_count() {
        let mut passed_over = PassedOver::default();
        assert!(passed_over.is_empty());
        assert_eq!(passed_over.to_string(), "");
        passed_over.stats.packets = 1;
        passed_over.stats.other_ports = 1;
        passed_over.ports.add(9995, 1);
        assert_eq!(
            passed_over.to_string(),
            "passed over 1 of 1 packet: 1 to UDP port 9995"
        );
        passed_over.stats = CaptureStats {
            packets: 1_234_567,
            datagrams: 10,
            cut: 2,
            untimed: 0,
            reassembled: 7,
            other_ports: 1,
            fragments: 4,
            not_udp: 3,
            malformed: 1,
            unknown_link: 1000,
            too_deep: 1,
        };
        passed_over.links.add(147, 999);
        passed_over.links.add(4711, 1);
        passed_over.incomplete = 2;
        passed_over.duplicates = 1;
        passed_over.protocols.add(OtherProtocol::NetFlow(9), 4);
        passed_over.protocols.add(OtherProtocol::SFlow(4), 1);
        passed_over.add_file("README.md".to_owned());
        assert_eq!(
            passed_over.to_string(),
            "passed over 1,010 of 1,234,567 packets: 1 to UDP port 9995, \
             999 of unsupported link layer 147 (reserved for private use), \
             1 of unsupported link layer 4711 (unknown), \
             4 IP fragments (2 incomplete packets, 1 duplicate), 3 not UDP over IP, \
             1 malformed or cut within the headers, 1 with more than 32 headers; \
             2 of 10 datagrams cut by the snap length of the capture; \
             5 of 10 datagrams not sFlow 5: 4 NetFlow 9, 1 sFlow 4; \
             1 file is not a capture: README.md"
        );
        let width = passed_over.to_string().chars().count() + 2;
        assert!(format!("{passed_over:width$}").ends_with("README.md  "));
    }
}
