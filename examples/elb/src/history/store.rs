//! The database: tables, bounds and damaged files.

use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{Connection, OpenFlags, Transaction, params};
use serde_json::{Value, json};
use sflow_metrics::Timestamp;
use thiserror::Error;
use tracing::warn;

use super::writer::Record;
use super::{HistorySettings, Restored, RoundInput};
use crate::format::unix;
use crate::policy::{Mode, Subject};
use crate::status::{DECISIONS, POINTS};

/// Marks the file as a history of elb: `elb` and a zero.
const APPLICATION: i32 = 0x656c_6200;
/// Version of the tables.
const VERSION: i32 = 1;
const TABLES: &str = "
    CREATE TABLE run (is_open INTEGER NOT NULL, last INTEGER NOT NULL);
    INSERT INTO run VALUES (0, 0);
    CREATE TABLE decision (time INTEGER NOT NULL, subject TEXT NOT NULL, entry TEXT NOT NULL);
    CREATE INDEX decision_time ON decision (time);
    CREATE TABLE mode (time INTEGER NOT NULL, kind TEXT, subject TEXT, mode TEXT NOT NULL,
        source TEXT NOT NULL);
    CREATE TABLE observation (time INTEGER PRIMARY KEY, records BLOB NOT NULL);";
/// Permissions of the file: readable by its owner alone.
#[cfg(unix)]
const MODE: u32 = 0o600;
/// Time to wait for a process that reads the file.
const BUSY: Duration = Duration::from_millis(500);
/// The numbers that a process may have assigned and not stored when it was killed.
const UNSTORED: u64 = 10_000;
/// Maximum number of observations that are read at the start.
const MOST_INPUTS: usize = 200_000;
/// Maximum size of the observations that are read at the start.
const MOST_BYTES: u64 = 256 << 20;
/// Maximum number of a decision.
const MAX_NUMBER: i64 = 1 << 52;

/// Why a history cannot be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file is not a history of this version, or is damaged.
    #[error("{0}")]
    Damaged(String),
    /// Another process writes the file.
    #[error("another elb writes this file; configure another path for each")]
    InUse,
    /// The file was removed or replaced while it was open.
    #[error("the file was removed or replaced")]
    Removed,
    /// An error of the system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// An error of the database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Whether another process reads the file for longer than the time limit.
    pub(super) fn is_busy(&self) -> bool {
        let busy = rusqlite::ErrorCode::DatabaseBusy;
        matches!(self, Self::Sqlite(error) if error.sqlite_error_code() == Some(busy))
    }

    fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(error) => {
                matches!(
                    error.sqlite_error_code(),
                    Some(DatabaseCorrupt | NotADatabase)
                )
            }
            Self::InUse | Self::Removed | Self::Io(_) => false,
        }
    }
}

/// A history that is open for writing.
#[derive(Debug)]
pub(super) struct Store {
    database: Connection,
    settings: HistorySettings,
    /// Device and number of the file.
    file: (u64, u64),
    _lock: Lock,
}

impl Store {
    /// Opens or creates the file. A damaged file is renamed and a new one created.
    pub(super) fn open(settings: &HistorySettings, now: Timestamp) -> Result<Self, StoreError> {
        let path = &settings.path;
        // A link could lead to a file of another program.
        if fs::symlink_metadata(path).is_ok_and(|it| !it.is_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file").into());
        }
        let opened = Self::try_open(settings, lock(path)?);
        match opened {
            Err(error) if error.is_damage() => {
                let time = unix(now);
                let aside = |path: &Path| {
                    let mut name = path.as_os_str().to_owned();
                    name.push(format!(".damaged-{time}"));
                    PathBuf::from(name)
                };
                fs::rename(path, aside(path))?;
                let journal = journal(path);
                fs::rename(&journal, aside(&journal)).ok();
                let (path, aside) = (path.display(), aside(path));
                warn!(
                    "{path}: {error}; renamed to {}, a new history begins",
                    aside.display()
                );
                Self::try_open(settings, lock(&settings.path)?)
            }
            opened => opened,
        }
    }

    fn try_open(settings: &HistorySettings, lock: Lock) -> Result<Self, StoreError> {
        let path = &settings.path;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        options.mode(MODE);
        let file = options.open(path)?.metadata()?;
        let is_new = file.len() == 0;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(BUSY)?;
        database.pragma_update(None, "trusted_schema", false)?;
        // A container may have no directory for temporary files.
        database.pragma_update(None, "temp_store", "MEMORY")?;
        if is_new {
            database.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            let create = format!(
                "BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};
                 {TABLES} COMMIT;"
            );
            database.execute_batch(&create)?;
        }
        check(&database)?;
        #[cfg(unix)]
        if file.mode() & 0o777 != MODE {
            fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        }
        let mut store = Self {
            database,
            settings: settings.clone(),
            file: identity(&file),
            _lock: lock,
        };
        let transaction = store.database.transaction()?;
        store.settings.free_space(&transaction, 0)?;
        transaction.commit()?;
        let pages = store.settings.max_size / pragma(&store.database, "page_size")?.max(1);
        let spare = pragma(&store.database, "page_count")?.saturating_sub(pages);
        if spare > 0 {
            // It frees one page per row of its result.
            let vacuum = format!("PRAGMA incremental_vacuum({spare})");
            let mut vacuum = store.database.prepare(&vacuum)?;
            let mut rows = vacuum.query([])?;
            while rows.next()?.is_some() {}
        }
        store
            .database
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        Ok(store)
    }

    /// Marks the history as open, and reads what the status shows again. `interval` is the time between
    /// two rounds.
    pub(super) fn restored(
        &self,
        now: Timestamp,
        interval: Duration,
    ) -> Result<Restored, StoreError> {
        let since = now - interval.saturating_mul(POINTS);
        let mut decisions = decisions(&self.database, Timestamp::ZERO, None, DECISIONS)?;
        decisions.reverse();
        let decisions = decisions
            .iter()
            .filter_map(|(_, it)| serde_json::from_str(it).ok());
        Ok(Restored {
            last: self.begin()?,
            decisions: decisions.collect(),
            modes: self.modes()?,
            inputs: inputs(&self.database, since, now)?,
        })
    }

    /// Marks the history as open, and returns the number from which decisions continue.
    fn begin(&self) -> Result<u64, StoreError> {
        let run = "SELECT is_open, last FROM run";
        let (is_open, last): (bool, u64) = self
            .database
            .query_row(run, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.set_open(true)?;
        Ok(if is_open {
            last.saturating_add(UNSTORED)
        } else {
            last
        })
    }

    /// Marks the history as open or closed.
    pub(super) fn set_open(&self, is_open: bool) -> Result<(), StoreError> {
        self.database
            .execute("UPDATE run SET is_open = ?1", [is_open])?;
        Ok(())
    }

    fn modes(&self) -> Result<BTreeMap<Option<Subject>, Mode>, StoreError> {
        let mut statement = self
            .database
            .prepare("SELECT kind, subject, mode FROM mode ORDER BY rowid")?;
        let mut rows = statement.query([])?;
        let mut modes = BTreeMap::new();
        while let Some(row) = rows.next()? {
            // Damaged rows are skipped.
            let (Ok(kind), Ok(name), Ok(mode)) = (
                row.get::<_, Option<String>>(0),
                row.get::<_, Option<String>>(1),
                row.get(2),
            ) else {
                continue;
            };
            let subject = name.map(|name| match kind.as_deref() {
                Some("pool") => Subject::pool(name),
                _ => Subject::service(name),
            });
            if let Ok(mode) = serde_json::from_value(Value::String(mode)) {
                modes.insert(subject, mode);
            }
        }
        Ok(modes)
    }

    /// Writes records in one transaction, after freeing the space for them.
    pub(super) fn append(&mut self, now: Timestamp, records: &[Record]) -> Result<(), StoreError> {
        let file = fs::metadata(&self.settings.path);
        if !file.is_ok_and(|it| identity(&it) == self.file) {
            return Err(StoreError::Removed);
        }
        let mut inputs = ZlibEncoder::new(Vec::new(), Compression::default());
        let mut first = None;
        let mut size = 0;
        for record in records {
            match record {
                Record::RoundInput { time, line } => {
                    first.get_or_insert(*time);
                    inputs.write_all(line.as_bytes())?;
                    inputs.write_all(b"\n")?;
                }
                Record::Decision { entry, .. } => size += entry.len() + 100,
                Record::Mode { .. } => size += 200,
            }
        }
        let inputs = inputs.finish()?;
        size += inputs.len();
        let transaction = self.database.transaction()?;
        let expired = nanos(now - self.settings.max_age);
        for table in ["decision", "mode", "observation"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE time < ?1"), [expired])?;
        }
        self.settings.free_space(&transaction, size as u64)?;
        let mut last = 0;
        for record in records {
            match record {
                Record::Decision {
                    id,
                    time,
                    subject,
                    entry,
                } => {
                    last = last.max(*id);
                    let insert = "INSERT INTO decision VALUES (?1, ?2, ?3)";
                    transaction.execute(insert, params![nanos(*time), subject, entry])?
                }
                Record::Mode {
                    time,
                    subject,
                    mode,
                    source,
                } => transaction.execute(
                    "INSERT INTO mode VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        nanos(*time),
                        subject.as_ref().map(|it| it.kind.name()),
                        subject.as_ref().map(|it| &it.name),
                        mode.name(),
                        source.to_string()
                    ],
                )?,
                Record::RoundInput { .. } => 0,
            };
        }
        if let Some(first) = first {
            let insert = "INSERT OR REPLACE INTO observation VALUES (?1, ?2)";
            transaction.execute(insert, params![nanos(first), inputs])?;
        }
        transaction.execute("UPDATE run SET last = max(last, ?1)", [last])?;
        transaction.commit()?;
        Ok(())
    }

    /// Size of the file in bytes.
    pub(super) fn size(&self) -> u64 {
        fs::metadata(&self.settings.path).map_or(0, |file| file.len())
    }
}

/// Device and number of a file.
#[cfg(unix)]
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Always the same: an open database cannot be removed or replaced on other systems.
#[cfg(not(unix))]
const fn identity(_file: &Metadata) -> (u64, u64) {
    (0, 0)
}

impl HistorySettings {
    /// Deletes the oldest records until `size` more bytes fit: observations, which need most of the
    /// space, then decisions.
    fn free_space(&self, transaction: &Transaction<'_>, size: u64) -> Result<(), StoreError> {
        let page = pragma(transaction, "page_size")?.max(1);
        // Part of each page is empty.
        let needed = 2 * size / page + 16;
        loop {
            let used = pragma(transaction, "page_count")?
                .saturating_sub(pragma(transaction, "freelist_count")?);
            if used + needed <= self.max_size / page {
                return Ok(());
            }
            let oldest = |table: &str, key: &str| {
                let delete = format!(
                    "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} ORDER BY {key}
                     LIMIT (SELECT count(*) / 20 + 1 FROM {table}))"
                );
                transaction.execute(&delete, [])
            };
            if oldest("observation", "time")? == 0
                && oldest("decision", "rowid")? == 0
                && oldest("mode", "rowid")? == 0
            {
                return Ok(());
            }
        }
    }
}

/// Kept while a process writes the file. A separate file, because SQLite's own locks of a file end when
/// any descriptor of it is closed.
#[cfg(target_os = "linux")]
type Lock = nix::fcntl::Flock<fs::File>;
#[cfg(not(target_os = "linux"))]
type Lock = ();

#[cfg(target_os = "linux")]
fn lock(path: &Path) -> Result<Lock, StoreError> {
    use nix::errno::Errno;
    use nix::fcntl::{Flock, FlockArg};

    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(MODE);
    let locked = Flock::lock(options.open(name)?, FlockArg::LockExclusiveNonblock);
    locked.map_err(|(_, error)| match error {
        Errno::EWOULDBLOCK => StoreError::InUse,
        error => io::Error::from(error).into(),
    })
}

#[cfg(not(target_os = "linux"))]
const fn lock(_: &Path) -> Result<Lock, StoreError> {
    Ok(())
}

/// The journal of a database.
fn journal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-journal");
    PathBuf::from(name)
}

fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn pragma(database: &Connection, name: &str) -> rusqlite::Result<u64> {
    database.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

/// Fails if the database is not a history of this version or is damaged.
fn check(database: &Connection) -> Result<(), StoreError> {
    let number = |name: &str| database.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    let (application, version): (i32, i32) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION {
        return Err(StoreError::Damaged("not a history of elb".to_owned()));
    }
    if version != VERSION {
        let problem = format!("a history of version {version}, this elb has version {VERSION}");
        return Err(StoreError::Damaged(problem));
    }
    let found: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::Damaged(format!("damaged: {found}")));
    }
    let expected = Connection::open_in_memory()?;
    expected.execute_batch(TABLES)?;
    if schema(database)? != schema(&expected)? {
        return Err(StoreError::Damaged(
            "damaged: it has other tables".to_owned(),
        ));
    }
    let last = database.query_row("SELECT last FROM run", [], |row| row.get::<_, i64>(0));
    match last {
        Ok(0..=MAX_NUMBER) => Ok(()),
        _ => Err(StoreError::Damaged(
            "damaged: the number of the last decision is missing or too large".to_owned(),
        )),
    }
}

/// Everything that a database defines: also views and triggers, which would run with each statement.
fn schema(database: &Connection) -> rusqlite::Result<Vec<(String, String, Option<String>)>> {
    let mut statement =
        database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// The newest decisions since a time, about one subject or all, newest first: time and JSON.
fn decisions(
    database: &Connection,
    since: Timestamp,
    name: Option<&str>,
    limit: usize,
) -> Result<Vec<(i64, String)>, StoreError> {
    let mut statement = database.prepare(
        "SELECT time, entry FROM decision WHERE time >= ?1 AND (?2 IS NULL OR subject = ?2)
         ORDER BY rowid DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![nanos(since), name, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // Damaged rows are skipped.
        if let (Ok(time), Ok(entry)) = (row.get(0), row.get(1)) {
            found.push((time, entry));
        }
    }
    Ok(found)
}

/// Observations since a time and before another one, oldest first; of too many the newest.
fn inputs(
    database: &Connection,
    since: Timestamp,
    until: Timestamp,
) -> Result<Vec<RoundInput>, StoreError> {
    let mut statement = database.prepare(
        "SELECT records FROM observation WHERE time >= ?1 AND time < ?2 ORDER BY time DESC",
    )?;
    let mut rows = statement.query([nanos(since), nanos(until)])?;
    let mut found = Vec::new();
    let mut left = MOST_BYTES;
    while let Some(row) = rows.next()? {
        if found.len() >= MOST_INPUTS || left == 0 {
            break;
        }
        // Damaged rows are skipped.
        let Ok(records) = row.get::<_, Vec<u8>>(0) else {
            continue;
        };
        let mut lines = String::new();
        let mut records = ZlibDecoder::new(records.as_slice()).take(left);
        let is_text = records.read_to_string(&mut lines).is_ok();
        left = records.limit();
        if is_text {
            let lines = lines.lines().rev();
            found.extend(lines.filter_map(|it| serde_json::from_str::<RoundInput>(it).ok()));
        }
    }
    found.reverse();
    Ok(found)
}

/// A stored history, which a running elb may have open.
#[derive(Debug)]
pub struct Reader(Connection);

impl Reader {
    /// Opens a file. It is not changed, except that a batch that a killed process left unfinished is
    /// removed.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged, or is not a history of this version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file").into());
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(path, flags)?;
        database.busy_timeout(BUSY)?;
        database.pragma_update(None, "query_only", true)?;
        check(&database)?;
        Ok(Self(database))
    }

    /// The newest decisions and changes of modes since a time, about one service or pool or all,
    /// oldest first, as JSON objects with a member `record`: `decision` or `mode`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn records(
        &self,
        since: Timestamp,
        name: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Value>, StoreError> {
        let decisions = decisions(&self.0, since, name, limit)?;
        let mut records: Vec<(i64, Value)> = decisions
            .into_iter()
            .filter_map(|(time, entry)| {
                let mut entry: Value = serde_json::from_str(&entry).ok()?;
                entry
                    .as_object_mut()?
                    .insert("record".to_owned(), "decision".into());
                Some((time, entry))
            })
            .collect();
        let mut statement = self.0.prepare(
            "SELECT time, kind, subject, mode, source FROM mode
             WHERE time >= ?1 AND (?2 IS NULL OR subject = ?2) ORDER BY rowid DESC LIMIT ?3",
        )?;
        let mut rows = statement.query(params![nanos(since), name, limit])?;
        while let Some(row) = rows.next()? {
            let (time, kind, subject): (i64, Option<String>, Option<String>) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let (mode, source): (String, String) = (row.get(3)?, row.get(4)?);
            let record = json!({
                "record": "mode", "time": time, "kind": kind, "service": subject, "mode": mode,
                "source": source,
            });
            records.push((time, record));
        }
        records.reverse();
        records.sort_by_key(|(time, _)| *time);
        let first = records.len().saturating_sub(limit);
        Ok(records.drain(first..).map(|(_, record)| record).collect())
    }

    /// What rounds observed since a time, oldest first; at most 200,000 observations, the newest.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn inputs(&self, since: Timestamp) -> Result<Vec<RoundInput>, StoreError> {
        inputs(&self.0, since, Timestamp::from_nanos(u64::MAX))
    }
}
