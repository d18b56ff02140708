//! Clients that a server must limit. The programs run these tests with their own routes, in virtual
//! time, which advances whenever all tasks wait.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{HOST, RETRY_AFTER};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// The response to a request, without a connection: time does not pass meanwhile.
pub(crate) async fn get(router: &Router, path: &str, host: &str) -> Response {
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let request = Request::get(path).header(HOST, host);
    let request = request.extension(ConnectInfo(peer)).body(Body::empty());
    let service = TowerToHyperService::new(router.clone());
    service.call(request.unwrap()).await.unwrap()
}

/// Requests until the allowance is used up, and again after the stated time.
pub(crate) async fn excessive_requests_are_rejected_with_retry_after(router: &Router, path: &str) {
    let mut served = 0;
    let rejected = loop {
        let response = get(router, path, "localhost").await;
        if response.status() != StatusCode::OK {
            break response;
        }
        served += 1;
        assert!(served <= 400, "no limit");
    };
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    let retry = rejected.headers()[RETRY_AFTER].to_str().unwrap();
    tokio::time::sleep(Duration::from_secs(retry.parse().unwrap())).await;
    let response = get(router, path, "localhost").await;
    assert_eq!(response.status(), StatusCode::OK);
}

pub(crate) async fn foreign_host_names_are_rejected(router: &Router, path: &str) {
    let response = get(router, path, "attacker.example").await;
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    let response = get(router, path, "127.0.0.1:80").await;
    assert_eq!(response.status(), StatusCode::OK);
}

/// Sends nothing, or a part of a header, and waits for the end of the connection.
pub(crate) async fn unfinished_requests_are_ended(router: Router, path: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve::serve(listener, router, std::future::pending()));
    for beginning in [String::new(), format!("GET {path} HTTP/1.1\r\nHost: local")] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.ok();
        let waited = begun.elapsed().as_secs();
        assert!((9..12).contains(&waited), "{beginning}: {waited} s");
    }
    server.abort();
}
