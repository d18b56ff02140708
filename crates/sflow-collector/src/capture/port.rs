use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::SFLOW_PORT;

/// The UDP destination port of the datagrams that a [`Capture`](super::Capture) returns. The default is 6343.
///
/// ```
/// use sflow_collector::capture::Port;
///
/// assert_eq!("9343".parse(), Ok(Port::To(9343)));
/// assert_eq!("any".parse(), Ok(Port::Any));
/// assert_eq!(Port::To(9343).to_string(), "9343");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Datagrams to this port.
    To(u16),
    /// Datagrams to any port.
    Any,
}

impl Port {
    /// Whether datagrams to this destination port are returned.
    pub(super) fn selects(self, destination_port: u16) -> bool {
        match self {
            Self::To(port) => port == destination_port,
            Self::Any => true,
        }
    }
}

impl Default for Port {
    fn default() -> Self {
        Self::To(SFLOW_PORT)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(port) => port.fmt(f),
            Self::Any => f.pad("any"),
        }
    }
}

/// A text that is neither a port nor `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a number from 0 to 65535, or `any`")]
#[non_exhaustive]
pub struct InvalidPort;

/// Parses a number or `any`.
impl FromStr for Port {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        match text {
            "any" => Ok(Self::Any),
            _ => text.parse().map(Self::To).map_err(|_| InvalidPort),
        }
    }
}
