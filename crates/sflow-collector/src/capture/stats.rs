//! What a capture contained, and what of it was passed over.

use std::fmt::{self, Write as _};
use std::ops::AddAssign;

use super::link::link_name;
use super::packet::{MOST_HEADERS, Other};
use crate::OtherProtocol;

/// Values that are counted apart.
const MOST_VALUES: usize = 8;

/// Names of files that are not captures: so many are kept.
const MOST_NAMES: usize = 4;

/// How often each of a few values occurred: the first eight are counted apart, all others
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally<T> {
    values: [Option<(T, u64)>; MOST_VALUES],
    others: u64,
}

impl<T: Copy + PartialEq> Tally<T> {
    /// Counts a value so many times.
    pub fn add(&mut self, value: T, count: u64) {
        for place in &mut self.values {
            match place {
                Some((known, counted)) if *known == value => {
                    *counted += count;
                    return;
                }
                Some(_) => {}
                None => {
                    *place = Some((value, count));
                    return;
                }
            }
        }
        self.others += count;
    }

    /// The values in the order in which they first occurred, and how often each did.
    pub fn iter(&self) -> impl Iterator<Item = (T, u64)> {
        self.values.iter().flatten().copied()
    }

    /// How often others occurred than those of [`iter`](Self::iter).
    pub const fn others(&self) -> u64 {
        self.others
    }

    /// How often any occurred.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum::<u64>() + self.others
    }
}

/// The values with their counts in front: `4 NetFlow 9, 1 sFlow 4`.
impl<T: Copy + PartialEq + fmt::Display> fmt::Display for Tally<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sentence = Sentence { f, parts: 0 };
        for (value, count) in self.iter() {
            sentence.part(count, format_args!("{value}"))?;
        }
        sentence.part(self.others, format_args!("others"))
    }
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self {
            values: [const { None }; MOST_VALUES],
            others: 0,
        }
    }
}

impl<T: Copy + PartialEq> AddAssign for Tally<T> {
    fn add_assign(&mut self, other: Self) {
        for (value, count) in other.iter() {
            self.add(value, count);
        }
        self.others += other.others;
    }
}

/// What a capture contained, by kind: every packet is counted in [`packets`](Self::packets) and
/// in one of `datagrams`, `reassembled`, `other_ports`, `fragments`, `not_udp`, `malformed`,
/// `unknown_link` and `too_deep`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptureStats {
    /// Packets of any kind.
    pub packets: u64,
    /// Datagrams handed out.
    pub datagrams: u64,
    /// Of these, those that the capture has not kept whole (a short snap length): the part
    /// that it kept is handed out.
    pub cut: u64,
    /// Of these, those that the capture has no time for, or one after the year 2554: they get
    /// that of the packet before.
    pub untimed: u64,
    /// Fragments of IP packets that became complete with a later packet, which is counted by
    /// what it completed.
    pub reassembled: u64,
    /// Datagrams to other ports.
    pub other_ports: u64,
    /// Fragments of IP packets that are not part of a complete one.
    pub fragments: u64,
    /// Packets that are not UDP over IP.
    pub not_udp: u64,
    /// Packets whose headers contradict themselves or are cut off, and those that the file
    /// itself describes wrongly.
    pub malformed: u64,
    /// Packets of a link layer that is not supported.
    pub unknown_link: u64,
    /// Packets with more than 32 headers around each other.
    pub too_deep: u64,
}

impl CaptureStats {
    /// Packets from which no datagram was handed out.
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

/// What was passed over in a capture, and why.
///
/// Its text is one sentence for users, such as `passed over 3 of 10 packets: 2 to UDP port 9995,
/// 1 not UDP over IP`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Packets by kind.
    pub stats: CaptureStats,
    /// The ports of datagrams to other ports.
    pub ports: Tally<u16>,
    /// The numbers of link layers that are not supported, as in the file.
    pub links: Tally<u32>,
    /// The protocols of datagrams that were handed out and are not sFlow version 5.
    pub protocols: Tally<OtherProtocol>,
    /// IP packets of which fragments are missing: not in the capture, cut by its snap length,
    /// more than 30 s apart, or too many at once.
    pub incomplete: u64,
    /// IP packets that were rejected because their fragments overlap or contradict each other.
    pub overlapping: u64,
    /// Of the fragments, those that repeat another one.
    pub duplicates: u64,
    /// Files of a directory that are not captures.
    pub files: u64,
    /// The names of the first of these files.
    pub file_names: Vec<String>,
}

impl PassedOver {
    /// Whether nothing was passed over, and all datagrams are whole and sFlow version 5.
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

    pub(super) fn count(&mut self, other: Other) {
        match other {
            Other::LinkType(number) => {
                self.stats.unknown_link += 1;
                self.links.add(number, 1);
            }
            Other::Malformed => self.stats.malformed += 1,
            Other::NotUdp => self.stats.not_udp += 1,
            Other::TooDeep => self.stats.too_deep += 1,
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
        let stats = &self.stats;
        let mut sentence = Sentence { f, parts: 0 };
        if stats.passed_over() > 0 {
            let (passed_over, packets) = (Count(stats.passed_over()), Count(stats.packets));
            let what = plural(stats.packets, "packet", "packets");
            write!(
                sentence.f,
                "passed over {passed_over} of {packets} {what}: "
            )?;
        }
        for (port, count) in self.ports.iter() {
            sentence.part(count, format_args!("to UDP port {port}"))?;
        }
        sentence.part(self.ports.others(), format_args!("to further UDP ports"))?;
        for (link, count) in self.links.iter() {
            let name = link_name(link).unwrap_or("unknown");
            let what = format_args!("of unsupported link layer {link} ({name})");
            sentence.part(count, what)?;
        }
        let further = format_args!("of further unsupported link layers");
        sentence.part(self.links.others(), further)?;
        if stats.fragments > 0 {
            let what = plural(stats.fragments, "fragment", "fragments");
            sentence.part(stats.fragments, format_args!("IP {what}"))?;
            let details = [
                (self.incomplete, "incomplete packet", "incomplete packets"),
                (
                    self.overlapping,
                    "packet with overlapping fragments",
                    "packets with overlapping fragments",
                ),
                (self.duplicates, "duplicate", "duplicates"),
            ];
            let mut before = " (";
            for (count, one, several) in details.into_iter().filter(|detail| detail.0 > 0) {
                let what = plural(count, one, several);
                write!(sentence.f, "{before}{} {what}", Count(count))?;
                before = ", ";
            }
            if before == ", " {
                sentence.f.write_char(')')?;
            }
        }
        sentence.part(stats.not_udp, format_args!("not UDP over IP"))?;
        let malformed = format_args!("malformed or cut within the headers");
        sentence.part(stats.malformed, malformed)?;
        let too_deep = format_args!("with more than {MOST_HEADERS} headers");
        sentence.part(stats.too_deep, too_deep)?;
        if stats.cut > 0 {
            sentence.next_clause()?;
            let (cut, all) = (Count(stats.cut), Count(stats.datagrams));
            let what = plural(stats.datagrams, "datagram", "datagrams");
            let why = "cut by the snap length of the capture";
            write!(sentence.f, "{cut} of {all} {what} {why}")?;
        }
        if self.protocols.total() > 0 {
            sentence.next_clause()?;
            let (others, all) = (Count(self.protocols.total()), Count(stats.datagrams));
            let what = plural(stats.datagrams, "datagram", "datagrams");
            write!(sentence.f, "{others} of {all} {what} not sFlow 5: ")?;
            write!(sentence.f, "{}", self.protocols)?;
        }
        if self.files > 0 {
            sentence.next_clause()?;
            let what = plural(
                self.files,
                "file is not a capture",
                "files are not captures",
            );
            let names = self.file_names.join(", ");
            let is_all = self.files == self.file_names.len() as u64;
            let more = if is_all { "" } else { ", …" };
            write!(sentence.f, "{} {what}: {names}{more}", Count(self.files))?;
        }
        Ok(())
    }
}

/// Parts with commas between them.
struct Sentence<'f, 'w> {
    f: &'f mut fmt::Formatter<'w>,
    parts: usize,
}

impl Sentence<'_, '_> {
    fn part(&mut self, count: u64, what: fmt::Arguments<'_>) -> fmt::Result {
        if count == 0 {
            return Ok(());
        }
        let comma = if self.parts > 0 { ", " } else { "" };
        self.parts += 1;
        write!(self.f, "{comma}{} {what}", Count(count))
    }

    fn next_clause(&mut self) -> fmt::Result {
        let semicolon = if self.parts > 0 { "; " } else { "" };
        self.parts += 1;
        self.f.write_str(semicolon)
    }
}

const fn plural(count: u64, one: &'static str, several: &'static str) -> &'static str {
    if count == 1 { one } else { several }
}

/// A number with separators of thousands.
struct Count(u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lists_each_cause_with_its_numbers() {
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
    }

    #[test]
    fn further_values_are_counted_together() {
        let mut tally = Tally::default();
        for value in 0..20_u16 {
            tally.add(value, 2);
        }
        tally.add(3, 1);
        assert_eq!(
            (tally.iter().count(), tally.others(), tally.total()),
            (8, 24, 41)
        );
    }
}
