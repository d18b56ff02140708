//! TLS connections to managers, with a private certificate authority and a client certificate.
//! Changed files are reloaded.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::Serialize;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tracing::{info, warn};

use crate::bounded_file;

/// Files for TLS connections to managers, with Docker's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsFiles {
    /// Certificate authority of the managers: `ca.pem`.
    pub ca: PathBuf,
    /// Client certificate with intermediate certificates: `cert.pem`.
    pub cert: PathBuf,
    /// Key of the client certificate: `key.pem`.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files in a folder, with Docker's file names.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            ca: folder.join("ca.pem"),
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        }
    }

    fn all(&self) -> [&PathBuf; 3] {
        [&self.ca, &self.cert, &self.key]
    }

    /// Detects changes of the files.
    fn stamp(&self) -> Stamp {
        self.all().map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.len(), facts.modified().ok()?))
        })
    }
}

/// Size and modification time of each existing file.
type Stamp = [Option<(u64, SystemTime)>; 3];

/// Why the files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TlsError {
    /// A file cannot be read, or its content is invalid.
    #[error("{}: {why}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// The problem.
        why: String,
    },
    /// Certificate and key do not match.
    #[error("{} and {} do not match: {why}", cert.display(), key.display())]
    Pair {
        /// Path of the certificate.
        cert: PathBuf,
        /// Path of the key.
        key: PathBuf,
        /// The problem.
        why: String,
    },
}

/// TLS configuration, shared by all managers.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    loaded: Mutex<Option<Loaded>>,
}

struct Loaded {
    stamp: Stamp,
    config: Arc<ClientConfig>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("stamp", &self.stamp)
            .finish()
    }
}

impl Tls {
    /// Reads no file: the files may be created later.
    pub(super) const fn new(files: TlsFiles) -> Self {
        Self {
            files,
            loaded: Mutex::new(None),
        }
    }

    /// Performs the TLS handshake on a connection.
    ///
    /// # Errors
    ///
    /// A description with a recommended action.
    pub(super) async fn over(
        tls: &Arc<Self>,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, String> {
        // File access may block.
        let files = Arc::clone(tls);
        let config = tokio::task::spawn_blocking(move || files.config()).await;
        let config = config.map_err(|error| error.to_string())?;
        let config = config.map_err(|error| error.to_string())?;
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| format!("{host:?} is not a valid server name for a certificate"))?;
        let connector = TlsConnector::from(config);
        connector.connect(name, stream).await.map_err(|error| {
            let cause = error.get_ref();
            let cause = cause.and_then(|cause| cause.downcast_ref::<rustls::Error>());
            cause.map_or_else(|| error.to_string(), |cause| tls.message(cause))
        })
    }

    /// The current configuration. If changed files are invalid, the previous configuration remains
    /// in use.
    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let stamp = self.files.stamp();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &mut *loaded {
            if loaded.stamp == stamp {
                return Ok(Arc::clone(&loaded.config));
            }
            match read(&self.files) {
                Ok(config) => {
                    info!("TLS files reloaded");
                    loaded.config = Arc::new(config);
                }
                Err(error) => {
                    warn!("changed TLS files are invalid, the previous ones remain in use: {error}");
                }
            }
            // Logged once per change.
            loaded.stamp = stamp;
            return Ok(Arc::clone(&loaded.config));
        }
        let config = Arc::new(read(&self.files)?);
        *loaded = Some(Loaded {
            stamp,
            config: Arc::clone(&config),
        });
        Ok(config)
    }

    /// Description of a TLS error with a recommended action.
    fn message(&self, error: &rustls::Error) -> String {
        use rustls::{AlertDescription, CertificateError, Error};

        let ca = self.files.ca.display();
        let cert = self.files.cert.display();
        let advice = match error {
            Error::InvalidCertificate(what) => match what {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "renew the manager's certificate".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "check the clocks of this machine and of the issuer of the certificate"
                        .to_owned()
                }
                CertificateError::UnknownIssuer => {
                    format!("{ca} must contain the authority that signed the manager's certificate")
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "use the host name of the manager's certificate in the endpoint".to_owned()
                }
                _ => format!("check the manager's certificate and {ca}"),
            },
            Error::AlertReceived(
                AlertDescription::CertificateExpired
                | AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA,
            ) => format!("the manager rejects {cert}: renew it with the manager's authority"),
            Error::InvalidMessage(_) => {
                "the manager does not use TLS on this port (the usual TLS port is 2376)".to_owned()
            }
            _ => return error.to_string(),
        };
        format!("{error}; {advice}")
    }
}

fn read(files: &TlsFiles) -> Result<ClientConfig, TlsError> {
    let wrong = |path: &Path, why: String| TlsError::File {
        path: path.to_owned(),
        why,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        let added = roots.add(certificate);
        added.map_err(|error| wrong(&files.ca, error.to_string()))?;
    }
    let chain = certificates(&files.cert)?;
    let key = read_file(&files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| {
        let why = format!("{}; a private key is required", pem_problem(&error));
        wrong(&files.key, why)
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| wrong(&files.ca, error.to_string()))?;
    let builder = builder.with_root_certificates(roots);
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| TlsError::Pair {
            cert: files.cert.clone(),
            key: files.key.clone(),
            why: error.to_string(),
        })
}

/// Reads a file of at most 1 MiB.
fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    const LARGEST: u64 = 1 << 20;

    bounded_file::read(path, LARGEST).map_err(|error| TlsError::File {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// The problem of a PEM file. The errors themselves may quote its content.
const fn pem_problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "no PEM data",
        _ => "invalid PEM data",
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |why: String| TlsError::File {
        path: path.to_owned(),
        why,
    };
    let text = read_file(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| wrong(pem_problem(&error).to_owned()))?;
    if found.is_empty() {
        return Err(wrong("no certificate found".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
