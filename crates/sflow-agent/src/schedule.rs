use std::collections::BTreeMap;
use std::time::Duration;

/// When the counters of each source are read.
///
/// The first reading of a source is due at once. The second follows after a quarter of the
/// polling interval to one and a quarter, so that sources that were added at the same time
/// are not always read at the same time. After that the interval is constant.
#[derive(Clone, Debug)]
pub(crate) struct Schedule<K> {
    polling: Duration,
    entries: BTreeMap<K, Entry>,
    /// Keys by time, and by order of addition for the same time.
    queue: BTreeMap<(Duration, u64), K>,
    added: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    due: Duration,
    order: u64,
    /// Time from the first reading to the second, until the first has happened.
    first_interval: Option<Duration>,
}

impl<K: Clone + Ord> Schedule<K> {
    pub(crate) fn new(polling: Duration) -> Self {
        const SHORTEST: Duration = Duration::from_millis(1);
        const LONGEST: Duration = Duration::from_secs(1 << 32);
        Self {
            polling: polling.clamp(SHORTEST, LONGEST),
            entries: BTreeMap::new(),
            queue: BTreeMap::new(),
            added: 0,
        }
    }

    /// Adds a key that is not in the schedule.
    pub(crate) fn add(&mut self, key: K, now: Duration) {
        // Multiples of the golden ratio, modulo 1, are evenly spread for any number of sources.
        const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;
        // A rate over a shorter interval would be inaccurate.
        const SHORTEST: f64 = 0.25;
        let fraction = SHORTEST + (self.added as f64 * GOLDEN_RATIO).fract();
        self.insert(key, now, Some(self.polling.mul_f64(fraction)));
    }

    /// Sets the time of the next reading.
    pub(crate) fn set(&mut self, key: K, due: Duration) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.queue.remove(&(entry.due, entry.order));
            entry.due = due;
            entry.first_interval = None;
            self.queue.insert((due, entry.order), key);
        } else {
            self.insert(key, due, None);
        }
    }

    fn insert(&mut self, key: K, due: Duration, first_interval: Option<Duration>) {
        let entry = Entry {
            due,
            order: self.added,
            first_interval,
        };
        self.added += 1;
        self.entries.insert(key.clone(), entry);
        self.queue.insert((due, entry.order), key);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.queue.remove(&(entry.due, entry.order));
        }
    }

    /// Makes all readings due at `now`, as if all keys had just been added.
    pub(crate) fn restart(&mut self, now: Duration) {
        let mut keys: Vec<(u64, K)> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(key, entry)| (entry.order, key))
            .collect();
        keys.sort_unstable_by_key(|(order, _)| *order);
        self.queue.clear();
        self.added = 0;
        for (_, key) in keys {
            self.add(key, now);
        }
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        let ((due, _), _) = self.queue.first_key_value()?;
        Some(*due)
    }

    /// The first key that is due, which is then scheduled for its next reading.
    pub(crate) fn next(&mut self, now: Duration) -> Option<K> {
        let (place, key) = self.queue.first_key_value()?;
        let (place, key) = (*place, key.clone());
        if place.0 > now {
            return None;
        }
        let entry = self.entries.get_mut(&key)?;
        let interval = entry.first_interval.take().unwrap_or(self.polling);
        let planned = entry.due.saturating_add(interval);
        // Readings that were missed are not made up for.
        entry.due = if planned > now {
            planned
        } else {
            now.saturating_add(self.polling)
        };
        self.queue.remove(&place);
        self.queue.insert((entry.due, entry.order), key.clone());
        Some(key)
    }
}
