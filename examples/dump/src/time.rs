//! Moments as they are written.

use std::fmt::Display;
use std::time::SystemTime;

use jiff::Timestamp;

/// `2016-09-24T01:00:17.25Z`; `None` for a time that no calendar has, which a capture may claim.
pub(crate) fn rfc3339(time: SystemTime) -> Option<impl Display> {
    Timestamp::try_from(time).ok()
}
