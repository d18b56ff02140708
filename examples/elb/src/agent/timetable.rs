//! What is read again and again, and when.

use std::time::Duration;

use tokio::time::Instant;

use super::container::{Container, ContainerReading};
use super::kernel::Interface;

/// Something whose counters are read again and again.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) what: What,
    /// Of its last sample.
    sequence: u32,
    due: Instant,
    /// From its first reading to its second.
    first: Option<Duration>,
}

#[derive(Debug)]
pub(super) enum What {
    Host,
    Port(Interface),
    Container {
        container: Box<Container>,
        /// Of its data source.
        index: u32,
        paused: bool,
        /// What was last read of it.
        last: Option<Box<ContainerReading>>,
    },
}

impl Source {
    /// The number of its next sample.
    pub(super) const fn advance(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn is_container(&self, id: &str) -> bool {
        matches!(&self.what, What::Container { container, .. } if container.id == id)
    }
}

/// All sources: each is read at once when it is new, and from then on by a timetable that
/// spreads them over the polling interval.
#[derive(Debug)]
pub(super) struct Timetable {
    polling: Duration,
    sources: Vec<Source>,
    /// Sources that there have been.
    added: u32,
}

impl Timetable {
    pub(super) const fn new(polling: Duration) -> Self {
        Self {
            polling,
            sources: Vec::new(),
            added: 0,
        }
    }

    pub(super) fn add(&mut self, what: What, now: Instant) {
        // Steps of the golden section never meet, and leave no large gaps.
        const STEP: f64 = 0.618_033_988_749_895;
        // A second reading that is too near the first one says little.
        const LEAST: f64 = 0.25;
        let place = LEAST + (f64::from(self.added) * STEP).fract();
        self.added = self.added.wrapping_add(1);
        self.sources.push(Source {
            what,
            sequence: 0,
            due: now,
            first: Some(self.polling.mul_f64(place)),
        });
    }

    /// When the next source is to be read.
    pub(super) fn due(&self) -> Option<Instant> {
        self.sources.iter().map(|source| source.due).min()
    }

    /// A source that is to be read, which then waits for its next turn.
    pub(super) fn next(&mut self, now: Instant) -> Option<&mut Source> {
        let source = self.sources.iter_mut().find(|source| source.due <= now)?;
        let planned = source.due + source.first.take().unwrap_or(self.polling);
        // After a standstill nothing is made up for.
        source.due = if planned > now {
            planned
        } else {
            now + self.polling
        };
        Some(source)
    }

    pub(super) fn containers(&self) -> usize {
        let is_container = |source: &&Source| matches!(source.what, What::Container { .. });
        self.sources.iter().filter(is_container).count()
    }

    pub(super) fn container(&mut self, id: &str) -> Option<&mut Source> {
        self.sources
            .iter_mut()
            .find(|source| source.is_container(id))
    }

    pub(super) fn remove_container(&mut self, id: &str) -> Option<Source> {
        let position = self
            .sources
            .iter()
            .position(|source| source.is_container(id))?;
        Some(self.sources.remove(position))
    }

    pub(super) fn remove_port(&mut self, interface: &Interface) {
        self.sources
            .retain(|source| !matches!(&source.what, What::Port(port) if port == interface));
    }

    /// An index for a container, by its id, which it keeps; the next free one if that is taken.
    pub(super) fn free_index(&self, uuid: &[u8; 16]) -> u32 {
        const FIRST: u32 = 100_000;
        const SPACE: u32 = 50_000;
        let hash = uuid.iter().fold(2_166_136_261_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(16_777_619)
        });
        let is_taken = |taken: u32| {
            let has = |source: &Source| matches!(source.what, What::Container { index, .. } if index == taken);
            self.sources.iter().any(has)
        };
        let mut places = (0..SPACE).map(|step| FIRST + (hash % SPACE + step) % SPACE);
        places.find(|index| !is_taken(*index)).unwrap_or(FIRST)
    }
}
