//! The page without a browser, and the server around it.

use std::time::Duration;

use elb::http;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::site::World;

#[tokio::test]
async fn page_shows_the_current_status() {
    let world = World::new().await;
    world.pass_without_datagrams(Duration::from_secs(10)).await;
    let page = world.get("/").await.body;
    assert!(
        page.contains("Telemetry: no datagram received on"),
        "{page}"
    );

    world.pass(Duration::from_secs(120)).await;
    world.describe("simulated load: 750 kB/s");
    let running = world.json("/api/v1/services/apache").await["running"].clone();
    let answer = world.get("/").await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for expected in [
        "running for 2:10",
        "10 × real time",
        "simulated load: 750 kB/s",
        &format!("<dt>running</dt><dd>{running}</dd>"),
        "50–100 kB/s",
        "kB/s per container",
        "<svg role=\"img\"",
    ] {
        assert!(
            answer.body.contains(expected),
            "no {expected:?}: {answer:?}"
        );
    }
}

/// `/readyz` gives the same reason.
#[tokio::test]
async fn missing_telemetry_is_a_current_problem_on_each_page() {
    const REASON: &str = "Telemetry: no datagram received on";
    let world = World::new().await;
    world.pass_without_datagrams(Duration::from_secs(10)).await;
    assert!(world.get("/readyz").await.body.contains(REASON));
    for path in ["/", "/service/apache"] {
        let page = world.get(path).await.body;
        let (_, problems) = page.split_once("Current problems").unwrap();
        let (problems, _) = problems.split_once("</section>").unwrap();
        assert!(problems.contains(REASON), "{path}: {problems}");
    }
    world.pass(Duration::from_secs(120)).await;
    let page = world.get("/service/apache").await.body;
    assert!(!page.contains("Current problems"), "{page}");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let world = World::new().await;
    let answer = world.get("/elsewhere").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("Unknown path /elsewhere"));
    for path in ["/", "/api/v1/snapshot", "/healthz"] {
        for method in ["POST", "PUT", "DELETE"] {
            let answer = world.ask(method, path, &[], "").await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
        }
    }
}

/// Uses the virtual clock.
#[tokio::test(start_paused = true)]
async fn silent_client_does_not_delay_shutdown() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        stopped.await.ok();
    };
    let server = tokio::spawn(http::serve(listener, world.site.clone(), shutdown));
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(world.get("/healthz").await.status, 200);
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), server).await;
    ended.expect("in time").unwrap().unwrap();
}
