//! TLS to managers: an authority of one's own, a certificate for ourselves, and files that are
//! read again when they change.

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

/// The files that TLS to managers takes, as Docker names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsFiles {
    /// The authority that vouches for the managers: `ca.pem`.
    pub ca: PathBuf,
    /// Our own certificate, and those between it and the authority: `cert.pem`.
    pub cert: PathBuf,
    /// The key of our certificate: `key.pem`.
    pub key: PathBuf,
}

impl TlsFiles {
    /// The files in a folder, under the names that Docker's own tools look for.
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

    /// What would be different after a rotation.
    fn stamp(&self) -> Stamp {
        self.all().map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.len(), facts.modified().ok()?))
        })
    }
}

/// Size and time of each file, where it is there.
type Stamp = [Option<(u64, SystemTime)>; 3];

/// Why the files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// They do not fit together.
    #[error("{} and {} do not fit together: {why}", cert.display(), key.display())]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why not.
        why: String,
    },
}

/// What connections are made with. All managers share it.
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
    /// Nothing is read yet: files may come later, as a rotation does.
    pub(super) const fn new(files: TlsFiles) -> Self {
        Self {
            files,
            loaded: Mutex::new(None),
        }
    }

    /// Makes a connection of a connection.
    ///
    /// # Errors
    ///
    /// In words that say what to do.
    pub(super) async fn over(
        tls: &Arc<Self>,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, String> {
        // Looking at files may block.
        let files = Arc::clone(tls);
        let config = tokio::task::spawn_blocking(move || files.config()).await;
        let config = config.map_err(|error| error.to_string())?;
        let config = config.map_err(|error| error.to_string())?;
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| format!("{host:?} is no name that a certificate could be for"))?;
        let connector = TlsConnector::from(config);
        connector.connect(name, stream).await.map_err(|error| {
            let cause = error.get_ref();
            let cause = cause.and_then(|cause| cause.downcast_ref::<rustls::Error>());
            cause.map_or_else(|| error.to_string(), |cause| tls.words(cause))
        })
    }

    /// With the files as they are now. New ones that are broken leave the old ones in force.
    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let stamp = self.files.stamp();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &mut *loaded {
            if loaded.stamp == stamp {
                return Ok(Arc::clone(&loaded.config));
            }
            match read(&self.files) {
                Ok(config) => {
                    info!("the files for TLS have changed and are in force");
                    loaded.config = Arc::new(config);
                }
                Err(error) => warn!("the files for TLS have changed, the old ones stay: {error}"),
            }
            // Told once; looked at again when they change again.
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

    /// What went wrong between us and the manager, and what to do.
    fn words(&self, error: &rustls::Error) -> String {
        use rustls::{AlertDescription, CertificateError, Error};

        let ca = self.files.ca.display();
        let cert = self.files.cert.display();
        let advice = match error {
            Error::InvalidCertificate(what) => match what {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "renew the manager's certificate".to_owned()
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "look at the clocks of this machine and of who made the certificate".to_owned()
                }
                CertificateError::UnknownIssuer => {
                    format!("{ca} must be the authority that signed the manager's certificate")
                }
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    "name the manager in the endpoint as its certificate does".to_owned()
                }
                _ => format!("look at the manager's certificate and at {ca}"),
            },
            Error::AlertReceived(
                AlertDescription::CertificateExpired
                | AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA,
            ) => format!("the manager does not take {cert}: renew it, signed by its authority"),
            Error::InvalidMessage(_) => {
                "the manager does not speak TLS on this port (it is 2376 as a rule)".to_owned()
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
        let why = format!("{}; it must contain a private key", pem_problem(&error));
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

/// What is wrong with a file in PEM. The errors themselves may quote from the file.
const fn pem_problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "it contains nothing in PEM",
        _ => "it is not valid PEM",
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
        return Err(wrong("there is no certificate in it".to_owned()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
