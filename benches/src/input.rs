use std::path::PathBuf;

use sflow_collector::capture::{Capture, CaptureError};

use crate::corpus::Corpus;

/// The seed of the measured corpora.
const SEED: u64 = 1;

/// A source of datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A generated corpus.
    Corpus(Corpus),
    /// A capture in `testdata/captures`, by name.
    Capture(&'static str),
}

impl Input {
    /// All corpora and captures: of a swarm with hosts and containers, and of switches.
    pub const ALL: [Self; 7] = [
        Self::Corpus(Corpus::Flows),
        Self::Corpus(Corpus::Counters),
        Self::Corpus(Corpus::Host),
        Self::Corpus(Corpus::Containers),
        Self::Corpus(Corpus::Mixed),
        Self::Capture("hsflowd-swarm"),
        Self::Capture("openvswitch"),
    ];

    /// The name for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Corpus(corpus) => corpus.name(),
            Self::Capture(name) => name,
        }
    }

    /// The first `most` datagrams, or all if there are fewer.
    ///
    /// # Errors
    ///
    /// If a capture cannot be read.
    pub fn datagrams(self, most: usize) -> Result<Datagrams, CaptureError> {
        let mut datagrams = Datagrams::default();
        match self {
            Self::Corpus(corpus) => {
                let sent = corpus.datagrams(SEED).take(most);
                sent.for_each(|sent| datagrams.push(&sent.bytes));
            }
            Self::Capture(name) => {
                let folder =
                    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/captures"));
                let mut capture = Capture::open(folder.join(name).with_extension("pcap"))?;
                while datagrams.len() < most
                    && let Some(received) = capture.next_datagram()?
                {
                    datagrams.push(received.bytes);
                }
            }
        }
        Ok(datagrams)
    }
}

/// Datagrams, consecutive in memory, so that measurements do not depend on the allocator.
#[derive(Clone, Debug, Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Datagrams {
    /// Appends a datagram.
    pub fn push(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    /// The number of datagrams.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are 0 datagrams.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The datagrams in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let datagram = &self.bytes[start..*end];
            start = *end;
            datagram
        })
    }
}

/// Whether the program runs under `cargo bench`. Under `cargo test`, without `--bench`, it runs once
/// with few datagrams and does not measure.
pub fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
