//! D4: errors of certificates are described, and rotated certificates are used without a restart.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::WebPkiClientVerifier;

use super::*;
use crate::docker::{Docker, Settings};

/// A certificate authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key in PEM.
struct Issued {
    cert: String,
    key: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn issue(&self, names: &[&str], until: i32) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Issued {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }

    fn write(&self, folder: &Path, ours: &Issued) {
        // Replaced by renaming, as in a rotation.
        for (name, text) in [
            ("ca.pem", self.0.pem()),
            ("cert.pem", ours.cert.clone()),
            ("key.pem", ours.key.clone()),
        ] {
            let new = folder.join(format!("{name}.new"));
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, folder.join(name)).unwrap();
        }
    }
}

/// An engine that returns its version to clients with a certificate of the authority.
async fn engine(authority: &Authority, server: &Issued) -> String {
    let mut trusted = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.0.pem().as_bytes()).unwrap();
    trusted.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(server.cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(server.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                let body = r#"{"Version":"27.1","ApiVersion":"1.46"}"#;
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.ok();
                stream.shutdown().await.ok();
            }
        }
    });
    endpoint
}

fn docker(endpoint: &str, folder: &Path) -> Docker {
    Docker::connect(&Settings {
        endpoints: vec![endpoint.to_owned()],
        timeout: Duration::from_secs(60),
        tls: Some(TlsFiles::in_folder(folder)),
    })
    .unwrap()
}

#[tokio::test]
async fn a_manager_is_reached_with_certificates_on_both_sides() {
    let authority = Authority::new("swarm");
    let endpoint = engine(&authority, &authority.issue(&["127.0.0.1"], 2100)).await;
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), &authority.issue(&["elb"], 2100));
    let mut docker = docker(&endpoint, folder.path());
    assert!(docker.endpoint().starts_with("https://127.0.0.1:"));
    assert_eq!(docker.version().await.unwrap().api, "1.46");
}

#[tokio::test]
async fn certificate_errors_have_advice() {
    let (authority, stranger) = (Authority::new("swarm"), Authority::new("stranger"));
    let good = authority.issue(&["elb"], 2100);
    let right = authority.issue(&["127.0.0.1"], 2100);
    for (server, vouched, ours, message) in [
        (
            authority.issue(&["127.0.0.1"], 2010),
            &authority,
            &good,
            "renew the manager's certificate",
        ),
        (
            stranger.issue(&["127.0.0.1"], 2100),
            &authority,
            &good,
            "ca.pem must contain the authority that signed",
        ),
        (
            authority.issue(&["manager.example"], 2100),
            &authority,
            &good,
            "use the host name of the manager's certificate in the endpoint",
        ),
        (right, &authority, &stranger.issue(&["elb"], 2100), "alert"),
        (
            authority.issue(&["127.0.0.1"], 2100),
            &authority,
            &authority.issue(&["elb"], 2010),
            "alert",
        ),
    ] {
        let endpoint = engine(&authority, &server).await;
        let folder = tempfile::tempdir().unwrap();
        vouched.write(folder.path(), ours);
        let error = docker(&endpoint, folder.path())
            .version()
            .await
            .unwrap_err();
        let error = error.to_string();
        assert!(error.contains(message), "{message}: {error}");
        assert!(error.contains(&endpoint["tcp://".len()..]), "{error}");
    }
}

#[tokio::test]
async fn engine_without_tls_is_distinguished_from_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.ok();
        }
    });
    let authority = Authority::new("swarm");
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), &authority.issue(&["elb"], 2100));
    let error = docker(&endpoint, folder.path())
        .version()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not use TLS"), "{error}");
}

#[tokio::test]
async fn rotated_files_are_in_force_without_a_restart_and_broken_ones_are_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let folder = tempfile::tempdir().unwrap();
    old.write(folder.path(), &old.issue(&["elb"], 2100));
    let before = engine(&old, &old.issue(&["127.0.0.1"], 2100)).await;
    let after = engine(&new, &new.issue(&["127.0.0.1"], 2100)).await;
    // Two managers with certificates of different authorities.
    let mut docker = Docker::connect(&Settings {
        endpoints: vec![before.clone(), after.clone()],
        timeout: Duration::from_secs(60),
        tls: Some(TlsFiles::in_folder(folder.path())),
    })
    .unwrap();
    let port = |endpoint: &str| endpoint.rsplit(':').next().unwrap().to_owned();
    docker.version().await.unwrap();
    assert_eq!(port(docker.endpoint()), port(&before));

    new.write(folder.path(), &new.issue(&["elb"], 2100));
    docker.version().await.unwrap();
    assert_eq!(port(docker.endpoint()), port(&after));

    // An incomplete rotation: certificate and key do not match.
    let torn = Issued {
        cert: new.issue(&["elb"], 2100).cert,
        key: "-----BEGIN PRIVATE KEY-----\n".to_owned(),
    };
    new.write(folder.path(), &torn);
    docker.version().await.unwrap();
    assert_eq!(port(docker.endpoint()), port(&after));
}

#[tokio::test]
async fn files_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let mut docker = docker(&endpoint, folder.path());
    let error = docker.version().await.unwrap_err().to_string();
    assert!(error.contains("ca.pem: "), "{error}");
    std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let error = docker.version().await.unwrap_err().to_string();
    assert!(error.contains("no certificate found"), "{error}");
    // The files may be created later; until then connections fail immediately.
    drop(listener);
    let authority = Authority::new("swarm");
    let files = folder.path().to_owned();
    authority.write(&files, &authority.issue(&["elb"], 2100));
    let error = docker.version().await.unwrap_err().to_string();
    assert!(!error.contains(".pem"), "{error}");
}
