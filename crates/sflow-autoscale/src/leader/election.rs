//! The election as a state machine, without I/O and without a clock.

use std::time::Duration;

use super::permit::Leadership;
use super::settings::{InvalidLease, LeaseSettings};
use super::store::{LeaseError, LeaseStore, Record, StoredRecord};

/// The part of one process in the election of a leader.
///
/// [`attend`](Self::attend) reads the record and writes it if that is due. A program that needs the
/// election meanwhile calls [`record_read`](Self::record_read) and [`record_write`](Self::record_write)
/// instead. In both cases the next call is due at [`due`](Self::due).
#[derive(Debug)]
pub struct Election {
    settings: LeaseSettings,
    instance: String,
    address: String,
    /// The record as last read.
    seen: Option<Seen>,
    /// Start of the last read that was answered.
    answered: Option<Duration>,
    /// No takeover before this time, because of an outage of the store.
    not_before: Duration,
    /// The largest term that was read or confirmed; 0 if no record was ever read.
    known_term: u64,
    /// The last term that this process attempted to hold. A record with its name and another term belongs
    /// to an earlier process of the same name.
    attempted: Option<u64>,
    led: Option<Led>,
    /// The write whose outcome is not recorded yet.
    pending: Option<Record>,
    /// The text to be stored with the next renewal.
    journal: String,
    error: Option<String>,
    due: Duration,
    is_released: bool,
}

/// The record as last read; without `stored` it did not exist.
#[derive(Clone, Debug)]
struct Seen {
    stored: Option<StoredRecord>,
    /// When it was first read like this.
    since: Duration,
    /// When its term was first read.
    term_since: Duration,
}

/// The leadership of this process.
#[derive(Clone, Debug)]
struct Led {
    since: Duration,
    /// Start of the last confirmed write; `None` after a conflict.
    renewed: Option<Duration>,
    /// The record of that write.
    record: Record,
}

/// A write of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Create it.
    Create(Record),
    /// Replace the record of this version.
    Replace(u64, Record),
}

impl Write {
    /// Carries it out.
    ///
    /// # Errors
    ///
    /// [`LeaseError::Conflict`] and [`LeaseError::Unreachable`].
    pub async fn send(&self, store: &mut impl LeaseStore) -> Result<(), LeaseError> {
        match self {
            Self::Create(record) => store.create(record).await,
            Self::Replace(version, record) => store.replace(*version, record).await,
        }
    }
}

impl Election {
    /// A standby that has not read the record.
    ///
    /// `instance` identifies this process: it has to differ from that of every other process, also of an
    /// earlier one on the same host (host name, start time and a random number). `address` is where
    /// clients reach it.
    ///
    /// # Errors
    ///
    /// Invalid settings: [`LeaseSettings::validate`].
    pub fn new(
        settings: LeaseSettings,
        instance: impl Into<String>,
        address: impl Into<String>,
    ) -> Result<Self, InvalidLease> {
        settings.validate()?;
        Ok(Self {
            settings,
            instance: instance.into(),
            address: address.into(),
            seen: None,
            answered: None,
            not_before: Duration::ZERO,
            known_term: 0,
            attempted: None,
            led: None,
            pending: None,
            journal: String::new(),
            error: None,
            due: Duration::ZERO,
            is_released: false,
        })
    }

    /// The settings.
    pub const fn settings(&self) -> &LeaseSettings {
        &self.settings
    }

    /// When the next read is due.
    pub const fn due(&self) -> Duration {
        self.due
    }

    /// Reads the record, and writes it if that is due. `clock` reads the monotonic clock.
    pub async fn attend(
        &mut self,
        store: &mut impl LeaseStore,
        mut clock: impl FnMut() -> Duration,
    ) {
        let started = clock();
        let read = store.read().await;
        if let Some(write) = self.record_read(started, clock(), read) {
            let started = clock();
            let written = write.send(store).await;
            self.record_write(started, clock(), written);
        }
    }

    /// Records the result of a read, with the times before it and after it. Returns the write that has to
    /// follow, if any: a renewal, a takeover or the creation.
    pub fn record_read(
        &mut self,
        started: Duration,
        ended: Duration,
        read: Result<Option<StoredRecord>, LeaseError>,
    ) -> Option<Write> {
        self.due = ended.max(started.saturating_add(self.settings.poll()));
        if self.is_released {
            return None;
        }
        let stored = match read {
            Ok(stored) => stored,
            Err(error) => {
                self.error = Some(error.to_string());
                return None;
            }
        };
        self.error = None;
        let before = self.answered.replace(started);
        if before.is_some_and(|before| started.saturating_sub(before) > self.settings.outage()) {
            self.not_before = ended.saturating_add(self.settings.grace());
        }
        self.see(ended, stored);
        let seen = self.seen.as_ref()?;
        let write = match &seen.stored {
            Some(stored) if self.is_ours(&stored.record) => {
                let record = Record {
                    address: self.address.clone(),
                    renewed: stored.record.renewed.saturating_add(1),
                    journal: match &self.led {
                        Some(_) => self.journal.clone(),
                        None => stored.record.journal.clone(),
                    },
                    ..stored.record.clone()
                };
                Write::Replace(stored.version, record)
            }
            found => {
                self.led = None;
                let is_released = |stored: &StoredRecord| stored.record.holder.is_empty();
                let is_vacant = match found {
                    Some(stored) => is_released(stored),
                    // A record that was deleted may still have a leader.
                    None => self.known_term == 0,
                };
                let expiry = seen.since.saturating_add(self.settings.lease);
                let expiry = expiry.max(self.not_before);
                if !is_vacant && started < expiry {
                    self.due = ended.max(self.due.min(expiry));
                    return None;
                }
                let Some(term) = self.known_term.checked_add(1) else {
                    self.error = Some(
                        "the term of the lease is at its maximum: stop all candidates and remove \
                         the record"
                            .to_owned(),
                    );
                    return None;
                };
                let journal = found.as_ref().map(|stored| stored.record.journal.clone());
                let record = Record {
                    holder: self.instance.clone(),
                    address: self.address.clone(),
                    term,
                    renewed: 0,
                    journal: journal.unwrap_or_default(),
                };
                match found {
                    Some(stored) => Write::Replace(stored.version, record),
                    None => Write::Create(record),
                }
            }
        };
        let (Write::Create(record) | Write::Replace(_, record)) = &write;
        self.attempted = Some(record.term);
        self.pending = Some(record.clone());
        Some(write)
    }

    /// Records the result of a write, with the times before it and after it.
    pub fn record_write(
        &mut self,
        started: Duration,
        ended: Duration,
        written: Result<(), LeaseError>,
    ) {
        let Some(record) = self.pending.take() else {
            return;
        };
        self.due = ended.max(started.saturating_add(self.settings.poll()));
        match written {
            Ok(()) if self.is_released => {}
            Ok(()) => {
                self.due = ended.max(started.saturating_add(self.settings.renew));
                self.known_term = self.known_term.max(record.term);
                if self.led.is_none() {
                    self.journal.clone_from(&record.journal);
                }
                let known = self.led.as_ref();
                self.led = Some(Led {
                    since: known.map_or(ended, |led| led.since),
                    renewed: Some(started),
                    record,
                });
                self.error = None;
            }
            // The next read shows who has written. Until then nothing is written to the cluster.
            Err(LeaseError::Conflict) => {
                if let Some(led) = &mut self.led {
                    led.renewed = None;
                }
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    /// Sets the text that is stored for the successor. If it has changed, a renewal is due at once. It does nothing on a
    /// standby, whose text at the takeover is that of its predecessor.
    pub fn set_journal(&mut self, journal: String) {
        if let Some(led) = &self.led
            && self.journal != journal
        {
            if led.record.journal != journal {
                self.due = Duration::ZERO;
            }
            self.journal = journal;
        }
    }

    /// Gives the lease back, so that a standby takes over at once, and takes no further part in the
    /// election. Call it when no write to the cluster is in progress; none may start any more.
    ///
    /// # Errors
    ///
    /// If the store is unreachable or another process writes the record. A standby then takes over when the
    /// lease has expired.
    pub async fn release(&mut self, store: &mut impl LeaseStore) -> Result<(), LeaseError> {
        self.is_released = true;
        self.led = None;
        match store.read().await? {
            Some(stored) if self.is_ours(&stored.record) => {
                let record = Record {
                    holder: String::new(),
                    address: String::new(),
                    ..stored.record
                };
                store.replace(stored.version, &record).await
            }
            _ => Ok(()),
        }
    }

    /// The leadership, for the rounds of the program and for its users.
    pub fn leadership(&self) -> Leadership {
        let error = self.error.clone();
        if let Some(led) = &self.led {
            let lasts = self.settings.deadline.saturating_sub(self.settings.timeout);
            return Leadership {
                is_leader: true,
                holder: Some(led.record.holder.clone()),
                address: Some(led.record.address.clone()),
                term: led.record.term,
                since: Some(led.since),
                renewed: led.renewed,
                write_before: led.renewed.map(|renewed| renewed.saturating_add(lasts)),
                journal: led.record.journal.clone(),
                error,
            };
        }
        let seen = self.seen.as_ref();
        let record = seen.and_then(|seen| Some(&seen.stored.as_ref()?.record));
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Leadership {
            is_leader: false,
            holder: record.and_then(|record| some(&record.holder)),
            address: record.and_then(|record| some(&record.address)),
            term: self.known_term,
            since: seen.map(|seen| seen.term_since),
            renewed: seen.map(|seen| seen.since),
            write_before: None,
            journal: record
                .map(|record| record.journal.clone())
                .unwrap_or_default(),
            error,
        }
    }

    /// Whether this process has written the record.
    fn is_ours(&self, record: &Record) -> bool {
        record.holder == self.instance && self.attempted == Some(record.term)
    }

    /// Updates the record as last read.
    fn see(&mut self, now: Duration, stored: Option<StoredRecord>) {
        if let Some(stored) = &stored {
            // At least 1: 0 means that no record was ever read.
            self.known_term = self.known_term.max(stored.record.term.max(1));
        }
        let term = |stored: &Option<StoredRecord>| stored.as_ref().map(|it| it.record.term);
        let seen = self.seen.as_ref();
        if seen.is_some_and(|seen| seen.stored == stored) {
            return;
        }
        let same_term = seen.filter(|seen| term(&seen.stored) == term(&stored));
        self.seen = Some(Seen {
            since: now,
            term_since: same_term.map_or(now, |seen| seen.term_since),
            stored,
        });
    }
}
