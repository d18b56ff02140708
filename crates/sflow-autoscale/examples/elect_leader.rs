//! Two processes that elect a leader, in virtual time: the first one leads, dies, and is replaced.
//!
//! `cargo run -p sflow-autoscale --example elect_leader`

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sflow_autoscale::leader::{
    Election, InvalidLease, LeaseError, LeaseSettings, LeaseStore, Record, StoredRecord,
};

/// All versions of the record; its version is the number of them.
#[derive(Debug, Default)]
struct Versions(Vec<Record>);

impl LeaseStore for Versions {
    async fn read(&mut self) -> Result<Option<StoredRecord>, LeaseError> {
        let version = self.0.len() as u64;
        let record = self.0.last().cloned();
        Ok(record.map(|record| StoredRecord { version, record }))
    }

    async fn create(&mut self, record: &Record) -> Result<(), LeaseError> {
        self.replace(0, record).await
    }

    async fn replace(&mut self, version: u64, record: &Record) -> Result<(), LeaseError> {
        if version != self.0.len() as u64 {
            return Err(LeaseError::Conflict);
        }
        self.0.push(record.clone());
        Ok(())
    }
}

/// Polls a future that never waits.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn main() -> Result<(), InvalidLease> {
    let mut store = Versions::default();
    let candidate = |host: &str| {
        let instance = format!("{host}-1795730400");
        Election::new(
            LeaseSettings::default(),
            instance,
            format!("http://{host}:8080"),
        )
    };
    let (mut first, mut second) = (candidate("host1")?, candidate("host2")?);
    let mut leader = None;
    for tick in 0..400 {
        let now = Duration::from_millis(50 * tick);
        // The first process dies after 10 s.
        let is_first_alive = now < Duration::from_secs(10);
        for (election, is_alive) in [(&mut first, is_first_alive), (&mut second, true)] {
            if is_alive && election.due() <= now {
                ready(election.attend(&mut store, || now));
            }
        }
        let view = second.leadership();
        if view.holder != leader {
            let name = view.holder.as_deref().unwrap_or("nobody");
            println!(
                "{:5.2} s: {name} leads in term {}",
                now.as_secs_f64(),
                view.term
            );
            leader = view.holder;
        }
    }
    Ok(())
}
