//! Leader election: of several processes that could control a cluster, one does.
//!
//! The leader holds a lease, which is one record in a store that all processes reach ([`LeaseStore`]). It
//! renews the record at regular intervals. A standby that sees the record unchanged for the length of the
//! lease replaces it, and the store accepts only one replacement of each version.
//!
//! An [`Election`] decides when to read and to write the record. It has no clock: all times are readings
//! of one **monotonic clock that continues while the machine is suspended**, since any moment in the past.
//! On Linux that is `CLOCK_BOOTTIME`; `CLOCK_MONOTONIC` (and so `std::time::Instant`) stands still during
//! a suspend, after which a process would take an expired lease for a fresh one. Both continue while the
//! process is stopped by `SIGSTOP`. The wall clock is never used: a machine whose date is wrong neither
//! gains nor loses leadership.
//!
//! # What is guaranteed
//!
//! * **At most one writer.** A write to the cluster starts only while [`Leadership::may_write`] is true:
//!   it then ends, by its time limit, within the deadline after the start of the last renewal that the
//!   store confirmed. A standby waits for the longer lease after it saw that renewal. This holds as long
//!   as no clock runs faster than another by the factor `lease / deadline`, and a process is not stopped
//!   between the check and the write. After such a stop, the version of the object that is written remains
//!   as protection: [`Orchestrator::scale`](crate::orchestrator::Orchestrator::scale) is a
//!   compare-and-swap.
//! * **Terms.** Each takeover increases the term by one. A term has one holder, because the store accepts
//!   one replacement of each version.
//! * **An outage of the store is not a failure of the leader.** No process can renew the lease during an
//!   outage: the leader keeps its role and writes nothing. After an outage a standby waits for at least one
//!   renewal interval and a second before it takes over.
//!
//! The record must not be deleted while processes use it. If it is, the leader steps down, and the
//! processes that have seen the record wait for the length of the lease before they create it again.

mod election;
mod permit;
mod role;
mod settings;
mod store;

pub use election::{Election, Write};
pub(crate) use permit::NOT_RENEWED;
pub use permit::{Alone, Leadership, Permit};
pub(crate) use role::Role;
pub use settings::{InvalidLease, LeaseSettings};
pub use store::{LeaseError, LeaseStore, Record, StoredRecord};
