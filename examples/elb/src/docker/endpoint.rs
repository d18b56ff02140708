//! Where an engine listens.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use hyper::http::uri::Authority;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::tls::Tls;

/// Why an endpoint cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// There is none.
    #[error("no endpoint is given: name at least one manager, as in unix:///var/run/docker.sock")]
    None,
    /// It does not say where to connect.
    #[error("endpoint {endpoint:?}: {why}; write unix:///path or tcp://host:port")]
    Malformed {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It asks for TLS, and there is nothing to speak it with.
    #[error("endpoint {0:?} asks for TLS: configure docker.tls as well")]
    Tls(String),
}

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A socket in the file system.
    Unix(PathBuf),
    /// Host and port.
    Tcp(String),
    /// Host and port, over TLS.
    Tls(String),
}

impl Endpoint {
    /// What HTTP calls the host. A socket in the file system has none, but must say something.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "docker",
            Self::Tcp(address) | Self::Tls(address) => address,
        }
    }

    /// The same engine over TLS, where it is reached over a network.
    #[must_use]
    pub(super) fn secured(self) -> Self {
        match self {
            Self::Tcp(address) => {
                // Who named no port meant the usual one.
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
    /// Why not, in words.
    pub(super) async fn connect(&self, tls: Option<&Arc<Tls>>) -> Result<Box<dyn Stream>, String> {
        let words = |error: io::Error| error.to_string();
        match self {
            #[cfg(unix)]
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(words)?;
                Ok(Box::new(stream))
            }
            #[cfg(not(unix))]
            Self::Unix(_) => Err(words(io::ErrorKind::Unsupported.into())),
            Self::Tcp(address) => Ok(Box::new(tcp(address).await.map_err(words)?)),
            Self::Tls(address) => {
                let Some(tls) = tls else {
                    return Err("there is nothing to speak TLS with".to_owned());
                };
                let stream = tcp(address).await.map_err(words)?;
                let host = address
                    .rsplit_once(':')
                    .map_or(address.as_str(), |(host, _)| host);
                Ok(Box::new(Tls::over(tls, stream, host).await?))
            }
        }
    }
}

async fn tcp(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The port of engines that speak without TLS, and of those that speak with it.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(endpoint: &str) -> Result<Self, EndpointError> {
        let malformed = |why| EndpointError::Malformed {
            endpoint: endpoint.to_owned(),
            why,
        };
        let (scheme, rest) = endpoint
            .split_once("://")
            .ok_or(malformed("it has no scheme"))?;
        match scheme {
            "unix" if rest.len() > 1 && rest.starts_with('/') => {
                Ok(Self::Unix(PathBuf::from(rest)))
            }
            "unix" => Err(malformed(
                "the path of a socket begins with a slash, and has more than that",
            )),
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
            _ => Err(malformed("its scheme is not known")),
        }
    }
}

fn address_of(address: &str, port: u16) -> Result<String, &'static str> {
    let authority: Authority = address.parse().map_err(|_| "it has no host")?;
    if address.contains('@') {
        return Err("it has a user, which engines do not know");
    }
    match authority.port_u16() {
        Some(0) => Err("nobody listens on port 0"),
        Some(_) => Ok(address.to_owned()),
        None if authority.host() == address => Ok(format!("{address}:{port}")),
        None => Err("its port is not a number below 65536"),
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

/// A connection to an engine, over whatever.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn endpoints_are_understood() {
        for (endpoint, understood) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://10.99.0.1:2375", "tcp://10.99.0.1:2375"),
            ("tcp://manager.example", "tcp://manager.example:2375"),
            ("tcp://[fd00::1]:4243/", "tcp://[fd00::1]:4243"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("http://localhost:80", "tcp://localhost:80"),
            ("https://manager.example", "https://manager.example:2376"),
            ("https://[::1]:2377/", "https://[::1]:2377"),
        ] {
            let parsed: Endpoint = endpoint.parse().unwrap();
            assert_eq!(parsed.to_string(), understood);
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        for (endpoint, reason) in [
            ("", "no scheme"),
            ("/var/run/docker.sock", "no scheme"),
            ("unix://docker.sock", "begins with a slash"),
            ("tcp://", "no host"),
            ("tcp://host/path", "no host"),
            ("tcp://user@host:2375", "a user"),
            ("tcp://host:0", "port 0"),
            ("tcp://host:65536", "below 65536"),
            ("tcp://host:", "below 65536"),
            ("ssh://host", "scheme is not known"),
        ] {
            let error = endpoint.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(reason), "{endpoint}: {error}");
            assert!(error.contains(&format!("{endpoint:?}")), "{error}");
        }
    }

    #[test]
    fn with_tls_the_usual_port_is_another() {
        for (endpoint, secured) in [
            ("tcp://manager", "https://manager:2376"),
            ("tcp://manager:2375", "https://manager:2376"),
            ("tcp://manager:9999", "https://manager:9999"),
            ("unix:///docker.sock", "unix:///docker.sock"),
        ] {
            let endpoint: Endpoint = endpoint.parse().unwrap();
            assert_eq!(endpoint.secured().to_string(), secured);
        }
    }
}
