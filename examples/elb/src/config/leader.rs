//! The election of a leader among several instances.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sflow_autoscale::leader::{InvalidLease, LeaseSettings};

use super::error::Errors;
use super::value::time;
use crate::docker::Lease;
use crate::hooks::check_url;

/// Maximum length of an address, in bytes.
const LONGEST: usize = 200;

/// Election of a leader: one of several instances changes the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leader {
    /// Whether a leader is elected: by default if the table is there. Without an election, this instance
    /// acts alone.
    pub enabled: bool,
    /// Name of the config object of the swarm that is the lease.
    pub name: String,
    /// URL of this instance's page, for users of the other instances; by default the port of the page
    /// on the name of this host.
    pub address: Option<String>,
    /// A standby takes over when the lease has not been renewed for this time.
    #[serde(deserialize_with = "time::<100, _, _>")]
    pub lease: Duration,
    /// Time between two renewals.
    #[serde(deserialize_with = "time::<100, _, _>")]
    pub renew: Duration,
    /// All changes of the leader end within this time after a renewal.
    #[serde(deserialize_with = "time::<100, _, _>")]
    pub deadline: Duration,
    /// Time limit of a request to the lease, and of a change with all its requests.
    #[serde(deserialize_with = "time::<100, _, _>")]
    pub timeout: Duration,
}

impl Default for Leader {
    fn default() -> Self {
        let durations = LeaseSettings::default();
        Self {
            enabled: true,
            name: Lease::NAME.to_owned(),
            address: None,
            lease: durations.lease,
            renew: durations.renew,
            deadline: durations.deadline,
            timeout: durations.timeout,
        }
    }
}

impl Leader {
    /// No election.
    pub fn disabled() -> Self {
        Self {
            enabled: false,
            ..Self::default()
        }
    }

    /// The durations of the lease.
    pub const fn lease_settings(&self) -> LeaseSettings {
        LeaseSettings {
            lease: self.lease,
            renew: self.renew,
            deadline: self.deadline,
            timeout: self.timeout,
        }
    }

    /// Validates the address of a page.
    ///
    /// # Errors
    ///
    /// A description of the problem with the expected format.
    pub fn check_address(address: &str) -> Result<(), String> {
        if address.len() > LONGEST || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "expected a URL such as \"http://host:8008\", of at most {LONGEST} ASCII characters \
                 without spaces"
            ));
        }
        check_url(address).map(|_| ())
    }

    /// Validates the name of the config object by the rules of swarm.
    fn check_name(name: &str) -> Result<(), String> {
        const LONGEST: usize = 64;

        let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
        let ends = name.bytes().next().zip(name.bytes().next_back());
        let is_valid = name.len() <= LONGEST
            && ends.is_some_and(|(first, last)| is_plain(first) && is_plain(last))
            && name.bytes().all(|it| is_plain(it) || b"-_.".contains(&it));
        let problem =
            "expected letters, digits, `-`, `_` and `.`, with a letter or digit at both ends";
        is_valid
            .then_some(())
            .ok_or_else(|| format!("{problem}, at most {LONGEST} characters"))
    }

    /// Validates name, address and durations.
    pub(super) fn check(&self, errors: &mut Errors) {
        errors.check("leader.name", Self::check_name(&self.name));
        if let Some(address) = &self.address {
            errors.check("leader.address", Self::check_address(address));
        }
        if let Err(invalid) = self.lease_settings().validate() {
            let key = match &invalid {
                InvalidLease::DeadlineTooShort { .. } => "deadline",
                InvalidLease::LeaseTooShort { .. } => "lease",
                InvalidLease::TooShort(name, _) | InvalidLease::TooLong(name, _) => match *name {
                    "length" => "lease",
                    "renewal interval" => "renew",
                    "request timeout" => "timeout",
                    name => name,
                },
            };
            errors.add(format!("leader.{key}"), invalid.to_string());
        }
    }
}
