//! D4: errors of certificates are described, and rotated certificates are used without a restart.

use std::path::Path;
use std::time::Duration;

use elb::docker::{Docker, Settings, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::certificates::{Authority, Issued, acceptor};

/// Replaces the files of a client by renaming, as in a rotation.
fn write(authority: &Authority, folder: &Path, client: &Issued) {
    for (name, text) in [
        ("ca.pem", authority.pem()),
        ("cert.pem", client.cert.clone()),
        ("key.pem", client.key.clone()),
    ] {
        let new = folder.join(format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, folder.join(name)).unwrap();
    }
}

/// An engine that returns its version to clients with a certificate of the authority.
async fn engine(authority: &Authority, server: &Issued) -> String {
    let acceptor = acceptor(server, Some(authority));
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
async fn manager_is_reached_with_certificates_on_both_sides() {
    let authority = Authority::new("swarm");
    let endpoint = engine(&authority, &authority.issue(&["127.0.0.1"], 2100)).await;
    let folder = tempfile::tempdir().unwrap();
    write(&authority, folder.path(), &authority.issue(&["elb"], 2100));
    let mut docker = docker(&endpoint, folder.path());
    assert!(docker.endpoint().starts_with("https://127.0.0.1:"));
    assert_eq!(docker.version().await.unwrap().api, "1.46");
}

#[tokio::test]
async fn certificate_errors_have_advice() {
    let (authority, foreign) = (Authority::new("swarm"), Authority::new("foreign"));
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
            foreign.issue(&["127.0.0.1"], 2100),
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
        (right, &authority, &foreign.issue(&["elb"], 2100), "alert"),
        (
            authority.issue(&["127.0.0.1"], 2100),
            &authority,
            &authority.issue(&["elb"], 2010),
            "alert",
        ),
    ] {
        let endpoint = engine(&authority, &server).await;
        let folder = tempfile::tempdir().unwrap();
        write(vouched, folder.path(), ours);
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
    write(&authority, folder.path(), &authority.issue(&["elb"], 2100));
    let error = docker(&endpoint, folder.path())
        .version()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("does not use TLS"), "{error}");
}

#[tokio::test]
async fn rotated_files_apply_without_restart_and_invalid_ones_do_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let folder = tempfile::tempdir().unwrap();
    write(&old, folder.path(), &old.issue(&["elb"], 2100));
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

    write(&new, folder.path(), &new.issue(&["elb"], 2100));
    docker.version().await.unwrap();
    assert_eq!(port(docker.endpoint()), port(&after));

    // An incomplete rotation: certificate and key do not match.
    let torn = Issued {
        cert: new.issue(&["elb"], 2100).cert,
        key: "-----BEGIN PRIVATE KEY-----\n".to_owned(),
    };
    write(&new, folder.path(), &torn);
    docker.version().await.unwrap();
    assert_eq!(port(docker.endpoint()), port(&after));
}

#[tokio::test]
async fn missing_files_are_named() {
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
    write(&authority, &files, &authority.issue(&["elb"], 2100));
    let error = docker.version().await.unwrap_err().to_string();
    assert!(!error.contains(".pem"), "{error}");
}
