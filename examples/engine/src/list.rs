use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::marker::PhantomData;
use std::rc::Rc;

use hyper::body::Bytes;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use tokio::sync::mpsc::Receiver;

/// Maximum size of a list in bytes; 10,000 tasks need a third of it.
pub(crate) const LIST_BYTES: usize = 96 << 20;
/// Maximum size of a list entry, in bytes.
const ENTRY_BYTES: usize = 4 << 20;
/// Maximum memory for the parsed entries, in bytes.
const KEPT_BYTES: usize = 64 << 20;

/// A list entry.
pub trait Entry: DeserializeOwned + Send + 'static {
    /// Estimated memory, in bytes.
    fn kept(&self) -> usize {
        size_of::<Self>()
    }
}

/// Estimated memory of labels: each needs two allocations in a tree.
pub fn kept_labels(labels: &BTreeMap<String, String>) -> usize {
    let labels = labels.iter();
    labels
        .map(|(name, value)| 100 + name.len() + value.len())
        .sum()
}

/// Deserializes a field that engines may set to `null`, as the default value.
///
/// # Errors
///
/// If the value is neither `null` nor of this type.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list.
#[derive(Debug)]
pub struct List<T> {
    /// The entries, in the order of the answer.
    pub entries: Vec<T>,
    /// Time of the answer by the engine's clock.
    pub date: Option<Timestamp>,
}

/// Parses a list whose parts arrive through the channel. Some engines write `null` for an empty
/// list. Blocks until the channel is closed.
///
/// # Errors
///
/// If the data is not a list of such entries, or exceeds a limit.
pub(crate) fn parse<T: Entry>(parts: Receiver<Bytes>) -> serde_json::Result<Vec<T>> {
    let since_entry = Rc::new(Cell::new(0));
    let reader = Parts {
        parts,
        current: Bytes::new(),
        since_entry: Rc::clone(&since_entry),
    };
    let entries = Entries::<T> {
        since_entry,
        entry: PhantomData,
    };
    let mut deserializer = serde_json::Deserializer::from_reader(BufReader::new(reader));
    let list = entries.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(list)
}

struct Parts {
    parts: Receiver<Bytes>,
    current: Bytes,
    /// Bytes since the start of the current entry.
    since_entry: Rc<Cell<usize>>,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.parts.blocking_recv() {
                Some(part) => self.current = part,
                None => return Ok(0),
            }
        }
        let part = self.current.split_to(self.current.len().min(buffer.len()));
        let since = self.since_entry.get() + part.len();
        if since > ENTRY_BYTES + buffer.len() {
            let problem = format!("entry larger than {} MiB", ENTRY_BYTES >> 20);
            return Err(io::Error::other(problem));
        }
        self.since_entry.set(since);
        if let Some(place) = buffer.get_mut(..part.len()) {
            place.copy_from_slice(&part);
        }
        Ok(part.len())
    }
}

struct Entries<T> {
    since_entry: Rc<Cell<usize>>,
    entry: PhantomData<T>,
}

impl<'de, T: Entry> DeserializeSeed<'de> for Entries<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Entry> Visitor<'de> for Entries<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut entries = Vec::new();
        let mut kept = 0;
        self.since_entry.set(0);
        while let Some(entry) = list.next_element::<T>()? {
            self.since_entry.set(0);
            kept += entry.kept();
            if kept > KEPT_BYTES {
                let problem = format!("entries need more than {} MiB", KEPT_BYTES >> 20);
                return Err(A::Error::custom(problem));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}
