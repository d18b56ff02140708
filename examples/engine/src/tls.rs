use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tracing::{info, warn};

use client::{Certificates, TlsError};

/// Files for TLS connections to managers, with Docker's names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "TlsTable")]
pub struct TlsFiles {
    /// Certificate authority of the managers: `ca.pem`.
    pub ca: PathBuf,
    /// Client certificate with intermediate certificates: `cert.pem`.
    pub cert: PathBuf,
    /// Key of the client certificate: `key.pem`.
    pub key: PathBuf,
}

/// A folder with Docker's file names, or the path of each file.
#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected { folder = \"…\" } or { ca = \"…\", cert = \"…\", key = \"…\" }"
)]
enum TlsTable {
    Folder {
        folder: PathBuf,
    },
    Each {
        ca: PathBuf,
        cert: PathBuf,
        key: PathBuf,
    },
}

impl From<TlsTable> for TlsFiles {
    fn from(table: TlsTable) -> Self {
        match table {
            TlsTable::Folder { folder } => Self::in_folder(&folder),
            TlsTable::Each { ca, cert, key } => Self { ca, cert, key },
        }
    }
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

    /// Detects changes of the files.
    fn stamp(&self) -> Stamp {
        [&self.ca, &self.cert, &self.key].map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.len(), facts.modified().ok()?))
        })
    }
}

/// Size and modification time of each existing file.
type Stamp = [Option<(u64, SystemTime)>; 3];

/// TLS with a private certificate authority and a client certificate, shared by all managers of a
/// swarm. Changed files are reloaded.
pub struct Tls {
    files: TlsFiles,
    certificates: Certificates,
    loaded: Mutex<Option<(Stamp, Arc<ClientConfig>)>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}

impl Tls {
    /// Reads no file: the files may be created later.
    pub fn new(files: TlsFiles) -> Self {
        Self {
            certificates: Certificates {
                server: "manager",
                address: "endpoint",
                ca: Some(files.ca.clone()),
                identity: Some((files.cert.clone(), files.key.clone())),
            },
            files,
            loaded: Mutex::new(None),
        }
    }

    /// Performs the handshake on a connection.
    ///
    /// # Errors
    ///
    /// A description with a recommended action.
    pub async fn connect(
        self: &Arc<Self>,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, String> {
        // File access may block.
        let tls = Arc::clone(self);
        let config = tokio::task::spawn_blocking(move || tls.config()).await;
        let config = config.map_err(|error| error.to_string())?;
        let config = config.map_err(|error| error.to_string())?;
        self.certificates.connect(config, stream, host).await
    }

    /// The current configuration. If changed files are invalid, the previous configuration remains
    /// in use.
    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let stamp = self.files.stamp();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let config = match &*loaded {
            None => Arc::new(self.certificates.load()?),
            Some((known, config)) if *known == stamp => return Ok(Arc::clone(config)),
            // Logged once per change.
            Some((_, config)) => match self.certificates.load() {
                Ok(new) => {
                    info!("TLS files reloaded");
                    Arc::new(new)
                }
                Err(error) => {
                    warn!(
                        "changed TLS files are invalid, the previous ones remain in use: {error}"
                    );
                    Arc::clone(config)
                }
            },
        };
        *loaded = Some((stamp, Arc::clone(&config)));
        Ok(config)
    }
}
