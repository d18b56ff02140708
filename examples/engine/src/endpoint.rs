use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use hyper::http::uri::Authority;
use thiserror::Error;
#[cfg(unix)]
use tokio::net::UnixStream;

use client::{Stream, tcp};

use crate::tls::Tls;

/// Why an endpoint is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// The list is empty.
    #[error("no endpoint: at least one is required, such as unix:///var/run/docker.sock")]
    None,
    /// The format is invalid.
    #[error("endpoint {endpoint:?}: {why}; write unix:///path or tcp://host:port")]
    Malformed {
        /// The endpoint.
        endpoint: String,
        /// The problem.
        why: &'static str,
    },
    /// TLS without certificates.
    #[error("endpoint {0:?} uses TLS: the files of its certificates are required as tls")]
    Tls(String),
}

/// The endpoint of an engine: `unix:///path`, `tcp://host:port` or `https://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Unix socket.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
    /// Host and port, with TLS.
    Tls(String),
}

impl Endpoint {
    /// The `Host` header. A Unix socket has no host name, but the header is required.
    pub fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "docker",
            Self::Tcp(address) | Self::Tls(address) => address,
        }
    }

    /// The endpoint with TLS, unless it is a Unix socket.
    #[must_use]
    pub fn secured(self) -> Self {
        match self {
            Self::Tcp(address) => {
                // A default port without TLS becomes the default port with TLS.
                let usual = address.strip_suffix(&format!(":{PORT}"));
                Self::Tls(usual.map_or(address.clone(), |host| format!("{host}:{TLS_PORT}")))
            }
            other => other,
        }
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// A description of the failure.
    pub async fn connect(&self, tls: Option<&Arc<Tls>>) -> Result<Box<dyn Stream>, String> {
        let text = |error: io::Error| error.to_string();
        match self {
            #[cfg(unix)]
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(text)?;
                Ok(Box::new(stream))
            }
            #[cfg(not(unix))]
            Self::Unix(_) => Err(text(io::ErrorKind::Unsupported.into())),
            Self::Tcp(address) => Ok(Box::new(tcp(address).await.map_err(text)?)),
            Self::Tls(address) => {
                let Some(tls) = tls else {
                    return Err("no TLS certificates are configured".to_owned());
                };
                let stream = tcp(address).await.map_err(text)?;
                let host = address
                    .rsplit_once(':')
                    .map_or(address.as_str(), |(host, _)| host);
                Ok(Box::new(tls.connect(stream, host).await?))
            }
        }
    }
}

/// Default ports without and with TLS.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(endpoint: &str) -> Result<Self, EndpointError> {
        let malformed = |why| EndpointError::Malformed {
            endpoint: without_credentials(endpoint),
            why,
        };
        let (scheme, rest) = endpoint.split_once("://").ok_or(malformed("no scheme"))?;
        match scheme {
            "unix" if rest.len() > 1 && rest.starts_with('/') => {
                Ok(Self::Unix(PathBuf::from(rest)))
            }
            "unix" => Err(malformed("the path of a socket must be absolute")),
            "tcp" | "http" => {
                let address = rest.strip_suffix('/').unwrap_or(rest);
                let address = address_of(address, PORT).map_err(malformed)?;
                Ok(Self::Tcp(address))
            }
            "https" => {
                let address = rest.strip_suffix('/').unwrap_or(rest);
                let address = address_of(address, TLS_PORT).map_err(malformed)?;
                Ok(Self::Tls(address))
            }
            _ => Err(malformed("unknown scheme")),
        }
    }
}

/// The endpoint without a user, a password and a query.
fn without_credentials(endpoint: &str) -> String {
    let (endpoint, query) = match endpoint.split_once(['?', '#']) {
        Some((endpoint, _)) => (endpoint, "?…"),
        None => (endpoint, ""),
    };
    let (scheme, rest) = match endpoint.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), endpoint),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}…@{host}{query}"),
        None => format!("{scheme}{rest}{query}"),
    }
}

fn address_of(address: &str, port: u16) -> Result<String, &'static str> {
    let authority: Authority = address.parse().map_err(|_| "no host")?;
    if address.contains('@') {
        return Err("a user is not supported");
    }
    match authority.port_u16() {
        Some(0) => Err("port 0 is invalid"),
        Some(_) => Ok(address.to_owned()),
        None if authority.host() == address => Ok(format!("{address}:{port}")),
        None => Err("the port is not a number below 65536"),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Tls(address) => write!(f, "https://{address}"),
        }
    }
}
