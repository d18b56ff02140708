//! What a capture contained, and what of it was passed over.

use std::fmt::{self, Write as _};
use std::ops::AddAssign;

use super::link::link_name;
use super::packet::{MOST_HEADERS, Other};
use crate::OtherProtocol;

/// Values that are counted apart.
const MOST_VALUES: usize = 8;

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
///
/// Its text is the summary of what was passed over, such as `passed over 3 of 10 packets: 2 to
/// UDP port 9995, 1 not UDP over IP`, and is empty if that is nothing.
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
    /// Of these, those of other protocols than sFlow version 5.
    pub protocols: Tally<OtherProtocol>,
    /// Fragments of IP packets that became complete with a later packet, which is counted by
    /// what it completed.
    pub reassembled: u64,
    /// Datagrams to other ports.
    pub other_ports: u64,
    /// These ports.
    pub ports: Tally<u16>,
    /// Fragments of IP packets that are not part of a complete one.
    pub fragments: u64,
    /// IP packets of which fragments are missing: not in the capture, cut by its snap length,
    /// more than 30 s apart, or too many at once.
    pub incomplete: u64,
    /// IP packets that were rejected because their fragments overlap or contradict each other.
    pub overlapping: u64,
    /// Of the fragments, those that repeat another one.
    pub duplicates: u64,
    /// Packets that are not UDP over IP.
    pub not_udp: u64,
    /// Packets whose headers contradict themselves or are cut off, and those that the file
    /// itself describes wrongly.
    pub malformed: u64,
    /// Packets of a link layer that is not supported.
    pub unknown_link: u64,
    /// The numbers of these link layers, as in the file.
    pub links: Tally<u32>,
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

    /// The name of a link layer, by its number in capture files.
    pub fn link_name(number: u32) -> Option<&'static str> {
        link_name(number)
    }

    pub(super) fn count(&mut self, other: Other) {
        match other {
            Other::LinkType(number) => {
                self.unknown_link += 1;
                self.links.add(number, 1);
            }
            Other::Malformed => self.malformed += 1,
            Other::NotUdp => self.not_udp += 1,
            Other::TooDeep => self.too_deep += 1,
        }
    }
}

impl AddAssign for CaptureStats {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.datagrams += other.datagrams;
        self.cut += other.cut;
        self.untimed += other.untimed;
        self.protocols += other.protocols;
        self.reassembled += other.reassembled;
        self.other_ports += other.other_ports;
        self.ports += other.ports;
        self.fragments += other.fragments;
        self.incomplete += other.incomplete;
        self.overlapping += other.overlapping;
        self.duplicates += other.duplicates;
        self.not_udp += other.not_udp;
        self.malformed += other.malformed;
        self.unknown_link += other.unknown_link;
        self.links += other.links;
        self.too_deep += other.too_deep;
    }
}

impl fmt::Display for CaptureStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sentence = Sentence { f, parts: 0 };
        if self.passed_over() > 0 {
            let (passed_over, packets) = (Count(self.passed_over()), Count(self.packets));
            let what = plural(self.packets, "packet", "packets");
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
        if self.fragments > 0 {
            let what = plural(self.fragments, "fragment", "fragments");
            sentence.part(self.fragments, format_args!("IP {what}"))?;
            let mut detail = " (";
            for (count, one, several) in [
                (self.incomplete, "incomplete packet", "incomplete packets"),
                (
                    self.overlapping,
                    "packet with overlapping fragments",
                    "packets with overlapping fragments",
                ),
                (self.duplicates, "duplicate", "duplicates"),
            ] {
                if count > 0 {
                    let what = plural(count, one, several);
                    write!(sentence.f, "{detail}{} {what}", Count(count))?;
                    detail = ", ";
                }
            }
            if detail == ", " {
                sentence.f.write_char(')')?;
            }
        }
        sentence.part(self.not_udp, format_args!("not UDP over IP"))?;
        let malformed = format_args!("malformed or cut within the headers");
        sentence.part(self.malformed, malformed)?;
        let too_deep = format_args!("with more than {MOST_HEADERS} headers");
        sentence.part(self.too_deep, too_deep)?;
        if self.cut > 0 {
            sentence.next_sentence()?;
            let (cut, all) = (Count(self.cut), Count(self.datagrams));
            let what = plural(self.datagrams, "datagram", "datagrams");
            write!(
                sentence.f,
                "{cut} of {all} {what} cut by the capture's snap length"
            )?;
        }
        if self.protocols.total() > 0 {
            sentence.next_sentence()?;
            let (others, all) = (Count(self.protocols.total()), Count(self.datagrams));
            let what = plural(self.datagrams, "datagram", "datagrams");
            write!(sentence.f, "{others} of {all} {what} not sFlow 5: ")?;
            sentence.parts = 0;
            for (protocol, count) in self.protocols.iter() {
                sentence.part(count, format_args!("{protocol}"))?;
            }
            sentence.part(
                self.protocols.others(),
                format_args!("of further protocols"),
            )?;
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

    fn next_sentence(&mut self) -> fmt::Result {
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
        let mut stats = CaptureStats::default();
        assert_eq!(stats.to_string(), "");
        stats.packets = 1;
        stats.other_ports = 1;
        stats.ports.add(9995, 1);
        assert_eq!(
            stats.to_string(),
            "passed over 1 of 1 packet: 1 to UDP port 9995"
        );
        stats.packets = 1_234_567;
        stats.datagrams = 10;
        stats.unknown_link = 1000;
        stats.links.add(147, 999);
        stats.links.add(4711, 1);
        stats.fragments = 4;
        stats.incomplete = 2;
        stats.duplicates = 1;
        stats.not_udp = 3;
        stats.malformed = 1;
        stats.too_deep = 1;
        stats.cut = 2;
        stats.protocols.add(OtherProtocol::NetFlow(9), 4);
        stats.protocols.add(OtherProtocol::SFlow(4), 1);
        assert_eq!(
            stats.to_string(),
            "passed over 1,010 of 1,234,567 packets: 1 to UDP port 9995, \
             999 of unsupported link layer 147 (reserved for private use), \
             1 of unsupported link layer 4711 (unknown), \
             4 IP fragments (2 incomplete packets, 1 duplicate), 3 not UDP over IP, \
             1 malformed or cut within the headers, 1 with more than 32 headers; \
             2 of 10 datagrams cut by the capture's snap length; \
             5 of 10 datagrams not sFlow 5: 4 NetFlow 9, 1 sFlow 4"
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
