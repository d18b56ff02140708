//! A summary: agents, lost datagrams, formats and errors.

mod stream;
mod table;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Display;

use sflow_collector::capture::PassedOver;
use sflow_collector::udp::ReceiverStats;
use sflow_collector::{OtherProtocol, Tally};
use sflow_v5::{Address, DataFormat, Datagram, Error, Sample};

use self::stream::Stream;
use self::table::Table;
use crate::filter::Filter;
use crate::put::put;
use crate::record::{Record, Space};

/// The maximum number of sub-agents and of formats that are counted separately, since senders may
/// use any number of them.
const MOST: usize = 1 << 16;

/// Counts datagrams, samples and records.
#[derive(Default)]
pub(crate) struct Count {
    streams: HashMap<(Address, u32), Stream>,
    formats: HashMap<(Space, DataFormat), Format>,
    causes: HashMap<&'static str, u64>,
    /// Datagrams that are not sFlow version 5, by protocol or cause.
    refused: HashMap<String, u64>,
    /// Datagrams of agents beyond the maximum number.
    beyond: u64,
    passed_over: PassedOver,
    /// Datagrams of other known protocols.
    protocols: Tally<OtherProtocol>,
    kernel_drops: u64,
}

#[derive(Clone, Copy, Default)]
struct Format {
    count: u64,
    malformed: u64,
}

impl Count {
    /// Counts a datagram. Returns whether any part of it passed the filter.
    pub(crate) fn datagram(&mut self, datagram: &Datagram<'_>, filter: &Filter) -> bool {
        let (mut samples, mut records) = (0, 0);
        filter.samples(datagram, |sample| {
            samples += 1;
            records += self.sample(sample);
        });
        let header = datagram.header;
        // Sequence numbers are counted for all datagrams, whatever the filter selects.
        if let Some(stream) = self.stream((header.agent_address, header.sub_agent_id), || {
            Stream::new(header.sequence_number)
        }) {
            stream.receive(header.sequence_number, header.uptime);
            stream.samples += samples;
            stream.records += records;
        } else {
            self.beyond += 1;
        }
        samples > 0 || !filter.is_about_content()
    }

    /// Counts a datagram that is not sFlow version 5.
    pub(crate) fn refused(&mut self, datagram: &[u8], error: &Error) {
        let cause = match OtherProtocol::detect(datagram) {
            Some(protocol) => {
                self.protocols.add(protocol, 1);
                protocol.to_string()
            }
            None => match error.kind.cause() {
                "version" => "of an unknown protocol".to_owned(),
                cause => cause.to_owned(),
            },
        };
        *self.refused.entry(cause).or_default() += 1;
    }

    /// Adds the counts of packets without datagrams in a capture.
    pub(crate) fn passed_over(&mut self, passed_over: PassedOver) {
        self.passed_over += passed_over;
    }

    /// Adds the datagrams that the kernel dropped.
    pub(crate) fn dropped(&mut self, stats: ReceiverStats) {
        self.kernel_drops += stats.kernel_drops.unwrap_or(0);
    }

    fn stream(&mut self, key: (Address, u32), new: impl FnOnce() -> Stream) -> Option<&mut Stream> {
        let is_full = self.streams.len() >= MOST;
        match self.streams.entry(key) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(entry) => Some(entry.insert(new())),
        }
    }

    /// Counts a sample. Returns the number of its records.
    fn sample(&mut self, sample: &Sample<'_>) -> u64 {
        let error = match sample {
            Sample::Malformed(_, error) => Some(*error),
            _ => None,
        };
        self.item(Space::Sample, sample.format(), error);
        match sample {
            Sample::Flow(sample) => self.records(sample.records()),
            Sample::Counters(sample) => self.records(sample.records()),
            Sample::Discarded(sample) => self.records(sample.records()),
            _ => 0,
        }
    }

    fn records<'a, R: Record<'a>>(&mut self, records: impl Iterator<Item = R>) -> u64 {
        let mut count = 0;
        for record in records {
            let error = record.refused().and_then(|(_, error)| error);
            self.item(R::SPACE, record.format(), error);
            count += 1;
        }
        count
    }

    fn item(&mut self, space: Space, format: DataFormat, error: Option<Error>) {
        let is_full = self.formats.len() >= MOST;
        match self.formats.entry((space, format)) {
            Entry::Vacant(_) if is_full => {}
            entry => {
                let format = entry.or_default();
                format.count += 1;
                format.malformed += u64::from(error.is_some());
            }
        }
        if let Some(error) = error {
            *self.causes.entry(error.kind.cause()).or_default() += 1;
        }
    }

    /// Writes the summary.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.agents(out);
        self.formats(out);
        causes("malformed", &self.causes, out);
        causes("not sFlow", &self.refused, out);
        self.others(out);
        if out.is_empty() {
            out.extend_from_slice(b"no datagrams\n");
        } else if out.ends_with(b"\n\n") {
            out.pop();
        }
    }

    /// Writes the table of counts that are not in the other tables.
    fn others(&self, out: &mut Vec<u8>) {
        let mut table = Table::new(&["other", "count"], 1);
        let mut row = |label: String, count: u64| {
            if count > 0 {
                table.row(vec![label, count.to_string()]);
            }
        };
        for (protocol, count) in self.protocols.iter() {
            row(format!("{protocol} datagrams"), count);
        }
        row("datagrams of further agents".to_owned(), self.beyond);
        let dropped = "datagrams dropped by the kernel (receive buffer full)";
        row(dropped.to_owned(), self.kernel_drops);
        let PassedOver { stats, .. } = &self.passed_over;
        let cut = "datagrams cut by the snap length";
        row(cut.to_owned(), stats.cut);
        row(
            "datagrams to other ports (--port)".to_owned(),
            stats.other_ports,
        );
        for (port, count) in self.passed_over.ports.iter() {
            row(format!("  to port {port}"), count);
        }
        row("fragments of IP packets".to_owned(), stats.fragments);
        for (label, count) in [
            ("  incomplete IP packets", self.passed_over.incomplete),
            (
                "  IP packets with overlapping fragments",
                self.passed_over.overlapping,
            ),
            ("  duplicate fragments", self.passed_over.duplicates),
        ] {
            row(label.to_owned(), count);
        }
        row("packets that are not UDP".to_owned(), stats.not_udp);
        row("packets that are malformed".to_owned(), stats.malformed);
        let unknown_link = "packets of an unknown link layer";
        row(unknown_link.to_owned(), stats.unknown_link);
        for (link, count) in self.passed_over.links.iter() {
            let name = PassedOver::link_name(link).unwrap_or("unknown");
            row(format!("  link layer {link} ({name})"), count);
        }
        row("packets with too many headers".to_owned(), stats.too_deep);
        row(
            "files that are not captures".to_owned(),
            self.passed_over.files,
        );
        for name in &self.passed_over.file_names {
            row(format!("  {}", untrusted::printable(name)), 1);
        }
        table.write(out);
    }

    fn agents(&self, out: &mut Vec<u8>) {
        let mut table = Table::new(
            &[
                "agent",
                "sub-agent",
                "datagrams",
                "samples",
                "records",
                "first",
                "last",
                "lost",
                "late",
                "twice",
                "restarts",
            ],
            1,
        );
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_unstable_by_key(|(key, _)| **key);
        for ((agent, sub_agent), stream) in &streams {
            let mut row = vec![agent.to_string(), sub_agent.to_string()];
            row.extend([stream.datagrams, stream.samples, stream.records].map(|n| n.to_string()));
            row.extend([stream.first, stream.last].map(|number| number.to_string()));
            let sequencing = [stream.lost(), stream.late, stream.twice, stream.restarts];
            row.extend(sequencing.map(|number| number.to_string()));
            table.row(row);
        }
        if let [_, _, ..] = &streams[..] {
            let sum = |of: fn(&Stream) -> u64| {
                let all = streams.iter().map(|(_, stream)| of(stream));
                all.fold(0, u64::saturating_add).to_string()
            };
            table.row(vec![
                "all".to_owned(),
                String::new(),
                sum(|stream| stream.datagrams),
                sum(|stream| stream.samples),
                sum(|stream| stream.records),
                String::new(),
                String::new(),
                sum(Stream::lost),
                sum(|stream| stream.late),
                sum(|stream| stream.twice),
                sum(|stream| stream.restarts),
            ]);
        }
        table.write(out);
    }

    fn formats(&self, out: &mut Vec<u8>) {
        let mut table = Table::new(&["kind", "format", "name", "count", "malformed"], 3);
        let mut formats: Vec<_> = self.formats.iter().collect();
        formats.sort_unstable_by_key(|(key, _)| **key);
        for ((space, format), counted) in formats {
            table.row(vec![
                space.label().to_owned(),
                format.to_string(),
                space.name(*format).unwrap_or("unknown").to_owned(),
                counted.count.to_string(),
                counted.malformed.to_string(),
            ]);
        }
        table.write(out);
    }
}

fn causes<K: Ord + Display>(title: &str, causes: &HashMap<K, u64>, out: &mut Vec<u8>) {
    let mut causes: Vec<_> = causes.iter().collect();
    causes.sort_unstable();
    if !causes.is_empty() {
        put!(out, "{title}:");
        for (index, (cause, count)) in causes.into_iter().enumerate() {
            put!(out, "{} {count} {cause}", if index > 0 { "," } else { "" });
        }
        out.extend_from_slice(b"\n\n");
    }
}
