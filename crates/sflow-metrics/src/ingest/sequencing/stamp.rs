//! Comparison of two datagrams by number, uptime, port and arrival.

use core::time::Duration;

use super::number::{BURST, at_most, is_forward};
use crate::timestamp::Timestamp;

/// Number of datagrams before the newest that are distinguished from repeated ones.
pub(super) const WINDOW: u32 = 64;

/// Maximum delay of a datagram in the network. If it is older, its agent restarted.
pub(super) const HORIZON: Duration = Duration::from_secs(10);

/// Time without a datagram after which an agent may have restarted, independent of its uptime.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// Maximum number of datagrams of an agent per second. A larger step of the sequence number is a
/// jump, not a loss.
const MOST_PER_SECOND: f64 = 10_000.0;

/// The fields of a datagram that determine its place in a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sequence: u32,
    /// In milliseconds, modulo 2^32.
    pub(crate) uptime: u32,
    /// The UDP port of the sender; 0 if it is unknown.
    pub(crate) port: u16,
    pub(crate) received_at: Timestamp,
}

/// Whether a datagram can follow another one in the same sequence: its number is higher by no more
/// than an agent can have sent meanwhile, and the uptime has neither decreased nor increased by more
/// than the elapsed time.
pub(crate) fn follows(newest: Stamp, next: Stamp, ignores_uptime: bool) -> bool {
    let ahead = next.sequence.wrapping_sub(newest.sequence);
    // `None` if the local clock was set back: the uptime has no limit then.
    let elapsed = next.received_at.checked_since(newest.received_at);
    if !is_forward(ahead)
        || ahead > BURST && ahead > at_most(MOST_PER_SECOND, elapsed.unwrap_or_default())
    {
        return false;
    }
    if ignores_uptime {
        return true;
    }
    let forward = next.uptime.wrapping_sub(newest.uptime);
    if forward != 0 && !is_forward(forward) {
        return Duration::from_millis(forward.wrapping_neg().into()) <= HORIZON;
    }
    let forward = Duration::from_millis(forward.into());
    elapsed.is_none_or(|elapsed| forward <= elapsed + elapsed / 4 + HORIZON)
}

/// Whether a datagram numbered lower than the newest belongs to the same sequence.
pub(crate) fn precedes(newest: Stamp, stamp: Stamp) -> bool {
    let behind = newest.sequence.wrapping_sub(stamp.sequence);
    behind < WINDOW && !restarted(newest, stamp)
}

/// Whether uptimes and arrival show that a datagram was sent shortly before the newest one.
pub(super) fn was_sent_recently(newest: Stamp, stamp: Stamp) -> bool {
    let back = newest.uptime.wrapping_sub(stamp.uptime);
    let idle = stamp.received_at - newest.received_at;
    newest.uptime != 0
        && (back == 0 || is_forward(back))
        && Duration::from_millis(back.into()) <= HORIZON
        && idle <= HORIZON
}

/// Whether the agent restarted between these two datagrams, of which the second is not numbered
/// higher.
///
/// The numbers alone do not show this: after a restart, low numbers look like late datagrams. But a
/// late datagram was sent recently, as uptime and arrival show, and an agent that restarted did so
/// after its newest datagram. Otherwise the datagram is very late, or from another agent with the
/// same identity.
pub(super) fn restarted(newest: Stamp, stamp: Stamp) -> bool {
    let uptime_back = newest.uptime.wrapping_sub(stamp.uptime);
    let uptime_back = if is_forward(uptime_back) {
        Duration::from_millis(uptime_back.into())
    } else {
        Duration::ZERO
    };
    let idle = stamp.received_at - newest.received_at;
    let may_have_started = uptime_back.is_zero()
        || Duration::from_millis(stamp.uptime.into()) <= idle + HORIZON
        || idle > MAX_IDLE;
    uptime_back + idle > HORIZON && may_have_started
}
