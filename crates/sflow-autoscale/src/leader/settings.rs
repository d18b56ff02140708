use std::time::Duration;

use thiserror::Error;

/// The durations of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// A standby takes over when the record has not changed for this time.
    pub lease: Duration,
    /// Time between two renewals of the leader. A standby reads the record four times as
    /// often.
    pub renew: Duration,
    /// All writes of the leader end within this time after the start of the last confirmed renewal.
    pub deadline: Duration,
    /// Time limit of a request: of those to the store, and of each write to the cluster.
    pub timeout: Duration,
}

impl Default for LeaseSettings {
    /// A lease of 8 s, renewed every 2 s, with a deadline of 5 s and requests of at most 2 s.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(8),
            renew: Duration::from_secs(2),
            deadline: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
        }
    }
}

/// Invalid durations of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidLease {
    /// A duration is shorter than 100 ms.
    #[error("the {0} of the lease is {1:?}: set it to at least 100 ms")]
    TooShort(&'static str, Duration),
    /// A duration is longer than a day.
    #[error("the {0} of the lease is {1:?}: set it to at most one day")]
    TooLong(&'static str, Duration),
    /// The leader could not write between two renewals.
    #[error(
        "the leader could never write: a renewal every {renew:?} and a request of up to {timeout:?} take \
         {:?}, and writes have to end within the deadline of {deadline:?}. Set the deadline to more than \
         {:?} and the lease to at least {timeout:?} more than the deadline, or shorten the renewal interval \
         or the request timeout",
        *renew + *timeout,
        *renew + *timeout
    )]
    DeadlineTooShort {
        /// The renewal interval.
        renew: Duration,
        /// The request timeout.
        timeout: Duration,
        /// The deadline.
        deadline: Duration,
    },
    /// A standby could take over while the leader still writes.
    #[error(
        "two leaders could write: writes end up to {deadline:?} after a renewal, a delayed request takes \
         {timeout:?} more, and a standby takes over after {lease:?}. Set the lease to at least {:?}, or \
         shorten the deadline or the request timeout",
        *deadline + *timeout
    )]
    LeaseTooShort {
        /// The deadline.
        deadline: Duration,
        /// The request timeout.
        timeout: Duration,
        /// The length of the lease.
        lease: Duration,
    },
}

/// The shortest duration of a lease: a standby reads four times in a renewal interval.
const MIN: Duration = Duration::from_millis(100);
/// The longest duration of a lease: longer ones are typing errors, and sums of them could overflow.
const MAX: Duration = Duration::from_secs(86_400);

impl LeaseSettings {
    /// Checks that the leader has time to write between two renewals, and that its writes have ended when
    /// a standby takes over.
    ///
    /// # Errors
    ///
    /// Names the durations and what to change.
    pub fn validate(&self) -> Result<(), InvalidLease> {
        for (name, duration) in [
            ("length", self.lease),
            ("renewal interval", self.renew),
            ("deadline", self.deadline),
            ("request timeout", self.timeout),
        ] {
            if duration < MIN {
                return Err(InvalidLease::TooShort(name, duration));
            }
            if duration > MAX {
                return Err(InvalidLease::TooLong(name, duration));
            }
        }
        let Self {
            lease,
            renew,
            deadline,
            timeout,
        } = *self;
        if renew + timeout >= deadline {
            return Err(InvalidLease::DeadlineTooShort {
                renew,
                timeout,
                deadline,
            });
        }
        if deadline + timeout > lease {
            return Err(InvalidLease::LeaseTooShort {
                deadline,
                timeout,
                lease,
            });
        }
        Ok(())
    }

    /// Time between two reads of a standby, and before a failed request is repeated.
    pub(super) fn poll(&self) -> Duration {
        self.renew / 4
    }

    /// A standby that has received no answer for longer than this regards the store as unreachable. A
    /// single lost request is not an outage.
    pub(super) fn outage(&self) -> Duration {
        self.renew + self.timeout
    }

    /// The shortest time from the first answer after an outage to a takeover: the leader can renew.
    pub(super) fn grace(&self) -> Duration {
        self.renew + Duration::from_secs(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds([lease, renew, deadline, timeout]: [u64; 4]) -> LeaseSettings {
        LeaseSettings {
            lease: Duration::from_secs(lease),
            renew: Duration::from_secs(renew),
            deadline: Duration::from_secs(deadline),
            timeout: Duration::from_secs(timeout),
        }
    }

    #[test]
    fn invalid_settings_are_refused_with_numbers_and_remedy() {
        assert_eq!(LeaseSettings::default().validate(), Ok(()));
        assert_eq!(LeaseSettings::default(), seconds([8, 2, 5, 2]));
        for (settings, expected) in [
            (
                [8, 2, 5, 8],
                "take 10s, and writes have to end within the deadline of 5s. Set the deadline to more than 10s",
            ),
            (
                [8, 3, 5, 2],
                "take 5s, and writes have to end within the deadline of 5s",
            ),
            (
                [6, 2, 5, 2],
                "a standby takes over after 6s. Set the lease to at least 7s",
            ),
            (
                [8, 0, 5, 2],
                "the renewal interval of the lease is 0ns: set it to at least 100 ms",
            ),
            ([8, 2, 5, 0], "the request timeout of the lease is 0ns"),
            ([100_000, 2, 5, 2], "the length of the lease is 100000s"),
        ] {
            let error = seconds(settings).validate().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let renew = Duration::from_millis(99);
        let settings = LeaseSettings {
            renew,
            ..LeaseSettings::default()
        };
        let expected = InvalidLease::TooShort("renewal interval", renew);
        assert_eq!(settings.validate(), Err(expected));
        for valid in [[7, 2, 5, 2], [60, 10, 30, 8]] {
            assert_eq!(seconds(valid).validate(), Ok(()), "{valid:?}");
        }
    }
}
