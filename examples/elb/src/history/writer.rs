//! The queue of records, and the thread that writes them.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sflow_metrics::Timestamp;
use tracing::{info, warn};

use super::store::{Store, StoreError};
use super::{Health, HistorySettings, Restored, RoundInput, Source};
use crate::policy::{Mode, Subject};
use crate::status::Entry;

/// Time between two batches.
const EVERY: Duration = Duration::from_secs(5);
/// Maximum time to wait at the end for the last batch.
const LAST: Duration = Duration::from_secs(1);
/// Maximum size of the queue in bytes.
const QUEUE: usize = 8 << 20;

/// A record to be stored.
#[derive(Debug)]
pub(super) enum Record {
    Decision {
        id: u64,
        time: Timestamp,
        subject: String,
        entry: String,
    },
    Mode {
        time: Timestamp,
        subject: Option<Subject>,
        mode: Mode,
        source: Source,
    },
    RoundInput {
        time: Timestamp,
        line: String,
    },
}

impl Record {
    fn size(&self) -> usize {
        let text = match self {
            Self::Decision { subject, entry, .. } => subject.len() + entry.len(),
            Self::Mode { subject, .. } => subject.as_ref().map_or(0, |it| it.name.len()),
            Self::RoundInput { line, .. } => line.len(),
        };
        size_of::<Self>() + text
    }
}

/// Adds records to a history. Dropping it writes the last ones, for at most a second.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    /// Maximum size of the queue in bytes.
    limit: usize,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    records: Vec<Record>,
    /// Size of the queued records, and of those that are being written.
    bytes: usize,
    health: Health,
    is_closed: bool,
    has_ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Opens a history and reads what the status shows again. `interval` is the time between two
    /// rounds. If the file cannot be opened, records are kept in memory until it can. Blocks on
    /// file I/O.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn start(
        settings: &HistorySettings,
        now: Timestamp,
        interval: Duration,
    ) -> io::Result<(Self, Restored)> {
        Self::start_every(settings, now, interval, EVERY)
    }

    /// [`start`](Self::start) with another time between two batches.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn start_every(
        settings: &HistorySettings,
        now: Timestamp,
        interval: Duration,
        every: Duration,
    ) -> io::Result<(Self, Restored)> {
        let shared = Arc::new(Shared::default());
        let opened = Store::open(settings, now).and_then(|store| {
            let restored = store.restored(now, interval)?;
            Ok((store, restored))
        });
        let (store, restored) = match opened {
            Ok((store, restored)) => {
                shared.lock().health.size = store.size();
                (Some(store), restored)
            }
            Err(error) => {
                shared.lock().health.fail(settings, &error);
                (None, Restored::default())
            }
        };
        let worker = Worker {
            shared: Arc::clone(&shared),
            settings: settings.clone(),
            store,
            every,
        };
        thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || worker.run())?;
        let limit = usize::try_from(settings.max_size / 4)
            .unwrap_or(QUEUE)
            .min(QUEUE);
        Ok((Self { shared, limit }, restored))
    }

    /// Adds the news of a round.
    pub fn record_round(&self, entries: &[Arc<Entry>], inputs: impl Iterator<Item = RoundInput>) {
        let decisions = entries.iter().filter_map(|entry| {
            Some(Record::Decision {
                id: entry.id,
                time: entry.decision.time,
                subject: entry.decision.subject.name.clone(),
                entry: serde_json::to_string(entry).ok()?,
            })
        });
        let inputs = inputs.filter_map(|inputs| {
            let time = inputs.time;
            let line = serde_json::to_string(&inputs).ok()?;
            Some(Record::RoundInput { time, line })
        });
        self.add(decisions.chain(inputs));
    }

    /// Adds a change of the mode of a service or pool; `None` is the loop.
    pub fn record_mode(
        &self,
        time: Timestamp,
        subject: Option<Subject>,
        mode: Mode,
        source: Source,
    ) {
        let change = Record::Mode {
            time,
            subject,
            mode,
            source,
        };
        self.add([change].into_iter());
    }

    fn add(&self, records: impl Iterator<Item = Record>) {
        // Records are serialised before the queue is locked.
        let records: Vec<Record> = records.collect();
        let mut queue = self.shared.lock();
        for record in records {
            let size = record.size();
            if queue.bytes + size > self.limit {
                queue.health.dropped += 1;
                continue;
            }
            queue.bytes += size;
            queue.records.push(record);
        }
    }

    /// The state of the history.
    pub fn health(&self) -> Health {
        self.shared.lock().health.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let end = Instant::now() + LAST;
        let mut queue = self.shared.lock();
        queue.is_closed = true;
        self.shared.changed.notify_all();
        while !queue.has_ended {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                warn!("the last records of the history were not written in time");
                return;
            }
            let waited = self.shared.changed.wait_timeout(queue, left);
            (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Health {
    fn fail(&mut self, settings: &HistorySettings, error: &StoreError) {
        let path = settings.path.display();
        self.errors += 1;
        let remedy = match error {
            StoreError::InUse => "",
            _ => {
                " Check that its directory exists, that elb may write there, and that the disk has space; \
                 then it continues by itself."
            }
        };
        self.problem = Some(format!(
            "the history cannot be stored in {path}: {error}.{remedy} Services are scaled as before"
        ));
    }
}

/// The thread that writes.
struct Worker {
    shared: Arc<Shared>,
    settings: HistorySettings,
    store: Option<Store>,
    every: Duration,
}

impl Worker {
    fn run(mut self) {
        /// Attempts while another process reads the file before this is a problem.
        const BUSY: u32 = 3;
        let mut batch = Vec::new();
        let mut busy = 0;
        loop {
            // After an error the next attempt is later.
            let pause = if batch.is_empty() {
                self.every
            } else {
                self.every * 2
            };
            let is_last = self.wait(pause);
            batch.append(&mut self.shared.lock().records);
            let written = self.write(&batch, is_last);
            let mut queue = self.shared.lock();
            match written {
                Ok(()) => {
                    busy = 0;
                    if queue.health.problem.take().is_some() {
                        info!(
                            "{}: the history is stored again",
                            self.settings.path.display()
                        );
                    }
                    let size: usize = batch.drain(..).map(|record| record.size()).sum();
                    queue.bytes = queue.bytes.saturating_sub(size);
                }
                Err(error) if error.is_busy() && busy < BUSY && !is_last => busy += 1,
                Err(error) => {
                    self.store = None;
                    queue.health.fail(&self.settings, &error);
                }
            }
            queue.health.size = self.store.as_ref().map_or(0, Store::size);
            if is_last {
                self.store = None;
                queue.has_ended = true;
                self.shared.changed.notify_all();
                return;
            }
        }
    }

    /// Waits for this time; returns whether the history is to be closed.
    fn wait(&self, pause: Duration) -> bool {
        let queue = self.shared.lock();
        let is_open = |queue: &mut Queue| !queue.is_closed;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(queue, pause, is_open);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.is_closed
    }

    fn write(&mut self, batch: &[Record], is_last: bool) -> Result<(), StoreError> {
        let now = SystemTime::now().into();
        let store = match &mut self.store {
            Some(store) => store,
            store => {
                let opened = Store::open(&self.settings, now)?;
                opened.set_open(true)?;
                store.insert(opened)
            }
        };
        store.append(now, batch)?;
        if is_last {
            store.set_open(false)?;
        }
        Ok(())
    }
}
