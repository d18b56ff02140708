use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sflow_autoscale::leader::{LeaseError, LeaseStore, Record, StoredRecord};

/// A linearizable store of one record that answers at once.
#[derive(Debug, Default)]
pub(crate) struct Store {
    stored: Option<StoredRecord>,
    version: u64,
    pub(crate) is_down: bool,
}

impl Store {
    pub(crate) fn record(&self) -> Option<StoredRecord> {
        self.stored.clone()
    }

    pub(crate) fn delete(&mut self) {
        self.stored = None;
    }

    fn store(&mut self, expected: Option<u64>, record: &Record) -> Result<(), LeaseError> {
        if self.is_down {
            return Err(LeaseError::Unreachable("down".to_owned()));
        }
        if self.stored.as_ref().map(|stored| stored.version) != expected {
            return Err(LeaseError::Conflict);
        }
        self.version += 1;
        self.stored = Some(StoredRecord {
            version: self.version,
            record: record.clone(),
        });
        Ok(())
    }
}

impl LeaseStore for Store {
    async fn read(&mut self) -> Result<Option<StoredRecord>, LeaseError> {
        match self.is_down {
            true => Err(LeaseError::Unreachable("down".to_owned())),
            false => Ok(self.record()),
        }
    }

    async fn create(&mut self, record: &Record) -> Result<(), LeaseError> {
        self.store(None, record)
    }

    async fn replace(&mut self, version: u64, record: &Record) -> Result<(), LeaseError> {
        self.store(Some(version), record)
    }
}

/// The output of a future that never waits.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).as_mut().poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}
