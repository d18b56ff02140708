use std::path::PathBuf;

use sflow_collector::capture::{Capture, CaptureError};

use crate::corpus::Corpus;

/// The seed of all corpora that are measured.
const SEED: u64 = 1;

/// Where datagrams come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Generated.
    Corpus(Corpus),
    /// A capture below `testdata/captures`, by its name.
    Capture(&'static str),
}

impl Input {
    /// The corpora, and the captures: of a swarm of hosts and containers, and of switches.
    pub const ALL: [Self; 7] = [
        Self::Corpus(Corpus::Flows),
        Self::Corpus(Corpus::Counters),
        Self::Corpus(Corpus::Host),
        Self::Corpus(Corpus::Containers),
        Self::Corpus(Corpus::Mixed),
        Self::Capture("hsflowd-swarm"),
        Self::Capture("openvswitch"),
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Corpus(corpus) => corpus.name(),
            Self::Capture(name) => name,
        }
    }

    /// Its first datagrams, at most so many.
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

/// Datagrams, one behind the other in memory, so that it does not matter to a measurement where
/// an allocator happened to put each.
#[derive(Clone, Debug, Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Datagrams {
    /// Adds one.
    pub fn push(&mut self, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One after another.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let datagram = &self.bytes[start..*end];
            start = *end;
            datagram
        })
    }
}

/// Whether this is `cargo bench`; `cargo test` runs the same programs without `--bench`, and
/// they then do everything once, on little, and measure nothing.
pub fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
