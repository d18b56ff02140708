//! Formats times.

use std::fmt::Display;
use std::time::SystemTime;

use jiff::Timestamp;

/// `2016-09-24T01:00:17.25Z`; `None` for a time outside the years that it supports, as a capture may contain.
pub(crate) fn rfc3339(time: SystemTime) -> Option<impl Display> {
    Timestamp::try_from(time).ok()
}
