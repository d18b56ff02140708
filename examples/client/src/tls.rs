use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Why TLS cannot be configured: the file and the problem.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TlsError(String);

/// The certificates that a client trusts and presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// Name of the server in messages, such as `manager`.
    pub server: &'static str,
    /// Name of its address in messages, such as `endpoint`.
    pub address: &'static str,
    /// Certificate authorities of the server; `None` for those of the system.
    pub ca: Option<PathBuf>,
    /// Client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Certificates {
    /// Reads the files, of at most 1 MiB each. Blocks.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or contains no valid certificate or key. The error does not contain
    /// the content.
    pub fn load(&self) -> Result<ClientConfig, TlsError> {
        let roots = match &self.ca {
            Some(ca) => roots_in(ca)?,
            None => system_roots()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError(error.to_string()))?
            .with_root_certificates(roots);
        let Some((cert, key)) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| {
            let problem = pem_problem(&error);
            in_file(key, format!("{problem}; a private key is required"))
        })?;
        builder
            .with_client_auth_cert(certificates(cert)?, private)
            .map_err(|error| {
                let (cert, key) = (cert.display(), key.display());
                TlsError(format!("{cert} and {key} do not match: {error}"))
            })
    }

    /// Performs the handshake and verifies the server's certificate, which must be valid for
    /// `host`: a name or an address, without a port.
    ///
    /// # Errors
    ///
    /// A description with a recommended action.
    pub async fn connect(
        &self,
        config: Arc<ClientConfig>,
        stream: TcpStream,
        host: &str,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name = host.trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| format!("{host:?} is not a valid server name for a certificate"))?;
        let connected = TlsConnector::from(config).connect(name, stream).await;
        connected.map_err(|error| {
            let cause = error.get_ref();
            let cause = cause.and_then(|cause| cause.downcast_ref::<rustls::Error>());
            cause.map_or_else(|| error.to_string(), |cause| self.message(cause))
        })
    }

    /// Description of a TLS error with a recommended action.
    fn message(&self, error: &rustls::Error) -> String {
        use rustls::{AlertDescription as Alert, CertificateError as Invalid, Error};

        let Self {
            server, address, ..
        } = self;
        let ca = match &self.ca {
            Some(ca) => ca.display().to_string(),
            None => "the system's certificate store".to_owned(),
        };
        let advice = match error {
            Error::InvalidCertificate(Invalid::Expired | Invalid::ExpiredContext { .. }) => {
                format!("renew the {server}'s certificate")
            }
            Error::InvalidCertificate(
                Invalid::NotValidYet | Invalid::NotValidYetContext { .. },
            ) => "check the clocks of this machine and of the issuer of the certificate".to_owned(),
            Error::InvalidCertificate(Invalid::UnknownIssuer) => {
                format!("{ca} must contain the authority that signed the {server}'s certificate")
            }
            Error::InvalidCertificate(
                Invalid::NotValidForName | Invalid::NotValidForNameContext { .. },
            ) => format!("use the host name of the {server}'s certificate in the {address}"),
            Error::InvalidCertificate(_) => format!("check the {server}'s certificate and {ca}"),
            Error::AlertReceived(
                Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::CertificateUnknown
                | Alert::UnknownCA,
            ) => match &self.identity {
                Some((cert, _)) => {
                    let cert = cert.display();
                    format!("the {server} rejects {cert}: renew it with the {server}'s authority")
                }
                None => format!("the {server} requires a client certificate"),
            },
            Error::InvalidMessage(_) => {
                format!("the {server} does not use TLS on this port: check the {address}")
            }
            _ => return error.to_string(),
        };
        format!("{error}; {advice}")
    }
}

fn roots_in(ca: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        let added = roots.add(certificate);
        added.map_err(|error| in_file(ca, error))?;
    }
    Ok(roots)
}

/// Unsupported certificates of the system are ignored.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let problem = "no certificate authorities are installed on this system: install them, or \
                       set the file with the server's authority as `ca`";
        return Err(TlsError(problem.to_owned()));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| in_file(path, pem_problem(&error)))?;
    if found.is_empty() {
        return Err(in_file(path, "no certificate found"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    const LARGEST: u64 = 1 << 20;

    bounded_file::read(path, LARGEST).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, why: impl fmt::Display) -> TlsError {
    TlsError(format!("{}: {why}", path.display()))
}

/// The problem of a PEM file. The errors themselves may quote its content.
const fn pem_problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "no PEM data",
        _ => "invalid PEM data",
    }
}
