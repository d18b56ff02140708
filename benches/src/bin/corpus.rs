//! Writes the generated corpora to files, for measurements of other decoders.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use etherparse::PacketBuilder;
use pcap_file::pcap::{PcapPacket, PcapWriter};
use sflow_benches::Corpus;
use sflow_benches::corpus::Sent;
use sflow_v5::{Datagram, Sample};

/// The UDP port of sFlow.
const PORT: u16 = 6343;

/// The time of the first datagram of a capture file since 1970, and the interval.
const START: Duration = Duration::from_secs(1_700_000_000);
const STEP: Duration = Duration::from_micros(20);

/// Write sFlow datagrams for benchmarks: valid, with plausible content, and the same bytes for the
/// same seed on every machine.
///
/// Writes one file per corpus, and prints the counts that a decoder should find.
#[derive(Debug, Parser)]
#[command(
    name = "corpus",
    after_help = "Examples:
  corpus --out corpora                        all five, as captures that any tool can read
  corpus --out corpora --format bin host      one, without packet headers
  corpus --count 100 --seed 7 mixed && sflowtool -r mixed.pcap"
)]
struct Arguments {
    /// Corpora to write; all by default.
    #[arg(value_name = "CORPUS", value_parser = corpus)]
    corpora: Vec<Corpus>,
    /// Datagrams per corpus.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    count: usize,
    /// Seed of the generator. Another seed gives other datagrams of the same mix.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Output directory; created if missing.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// File format.
    #[arg(long, value_enum, default_value_t = Format::Pcap)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// NAME.pcap: Ethernet, IPv4 and UDP to port 6343, 20 µs apart.
    Pcap,
    /// NAME.bin: the length of each datagram in four bytes, big-endian, and the datagram.
    Bin,
}

fn corpus(name: &str) -> Result<Corpus, String> {
    let found = Corpus::ALL.into_iter().find(|corpus| corpus.name() == name);
    found.ok_or_else(|| {
        let names = Corpus::ALL.map(Corpus::name);
        format!("expected one of {}", names.join(", "))
    })
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let corpora = match &arguments.corpora[..] {
        [] => &Corpus::ALL[..],
        corpora => corpora,
    };
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "{:<12}{:>12}{:>12}{:>12}{:>14}{:>12}",
        "corpus", "datagrams", "samples", "records", "bytes", "mean"
    )?;
    for corpus in corpora {
        let counts = write(*corpus, &arguments)?;
        writeln!(
            stdout,
            "{:<12}{:>12}{:>12}{:>12}{:>14}{:>12.1}",
            corpus.name(),
            counts.datagrams,
            counts.samples,
            counts.records,
            counts.bytes,
            counts.bytes as f64 / counts.datagrams.max(1) as f64
        )?;
    }
    Ok(())
}

fn write(corpus: Corpus, arguments: &Arguments) -> anyhow::Result<Counts> {
    let datagrams = corpus.datagrams(arguments.seed).take(arguments.count);
    let path = arguments.out.join(corpus.name());
    match arguments.format {
        Format::Pcap => write_pcap(datagrams, &path.with_extension("pcap")),
        Format::Bin => write_bin(datagrams, &path.with_extension("bin")),
    }
}

fn write_bin(datagrams: impl Iterator<Item = Sent>, path: &Path) -> anyhow::Result<Counts> {
    let mut file = create(path)?;
    let mut counts = Counts::default();
    for sent in datagrams {
        counts.add(&sent)?;
        file.write_all(&u32::try_from(sent.bytes.len())?.to_be_bytes())?;
        file.write_all(&sent.bytes)?;
    }
    file.flush()?;
    Ok(counts)
}

fn write_pcap(datagrams: impl Iterator<Item = Sent>, path: &Path) -> anyhow::Result<Counts> {
    let mut writer = PcapWriter::new(create(path)?)?;
    let mut counts = Counts::default();
    let mut sent_at = START;
    let mut frame = Vec::new();
    for sent in datagrams {
        counts.add(&sent)?;
        let [_, _, high, low] = sent.source.octets();
        let headers = PacketBuilder::ethernet2([2, 0, 0, 0, high, low], [2, 0, 0, 0, 0, 1])
            .ipv4(sent.source.octets(), [10, 200, 255, 254], 64)
            .udp(49_152 + u16::from(low), PORT);
        frame.clear();
        headers.write_to_vec(&mut frame, &sent.bytes)?;
        let length = u32::try_from(frame.len())?;
        writer.write_packet(&PcapPacket::new(sent_at, length, &frame))?;
        sent_at += STEP;
    }
    writer.into_writer().flush()?;
    Ok(counts)
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// The counts that a decoder should find.
#[derive(Debug, Default)]
struct Counts {
    datagrams: usize,
    samples: usize,
    records: usize,
    bytes: usize,
}

impl Counts {
    fn add(&mut self, sent: &Sent) -> Result<(), sflow_v5::Error> {
        self.datagrams += 1;
        self.bytes += sent.bytes.len();
        for sample in Datagram::parse(&sent.bytes)?.samples() {
            self.samples += 1;
            self.records += match sample {
                Sample::Flow(sample) => sample.records().count(),
                Sample::Counters(sample) => sample.records().count(),
                _ => 0,
            };
        }
        Ok(())
    }
}
