//! The event stream of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use elb::docker::{Docker, Events, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// An engine whose streams end after these pieces, and the number of requests.
async fn engine(streams: Vec<Vec<&'static str>>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut streams = streams.into_iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2048];
            let read = stream.read(&mut request).await.unwrap_or(0);
            assert!(request[..read].starts_with(b"GET /events?filters=%7B"));
            count.fetch_add(1, Ordering::Relaxed);
            let Some(pieces) = streams.next() else {
                // No further data.
                std::future::pending::<()>().await;
                return;
            };
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.ok();
                stream.flush().await.ok();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    (endpoint, asked)
}

fn listen(endpoints: Vec<String>) -> Events {
    let settings = Settings {
        endpoints,
        timeout: Duration::from_secs(60),
        ..Settings::default()
    };
    Docker::events(&settings).unwrap()
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

/// Counts changes until a condition holds.
async fn changes_until(events: &mut Events, holds: impl Fn(u32) -> bool) -> u32 {
    let mut seen = 0;
    let counting = async {
        while !holds(seen) {
            let changed = tokio::time::timeout(Duration::from_millis(50), events.changed());
            seen += u32::from(changed.await.is_ok());
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(60), counting).await;
    counted.expect("changes are seen");
    seen
}

#[tokio::test]
async fn d14_broken_event_stream_is_requested_again() {
    let (engine, asked) = engine(vec![
        // The streams: ends within a line, is empty, fails, and continues.
        vec![HEAD, "{\"Type\":\"service\"}\n", "{\"Type\":\"ser"],
        vec![HEAD],
        vec!["HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n"],
        vec![HEAD, "{\"Type\":\"node\"}\n{\"Type\":\"service\"}\n"],
    ])
    .await;
    let mut events = listen(vec![engine]);
    let is_asked_again = |_| asked.load(Ordering::Relaxed) >= 5;
    // Each of the three streams shows at least one change.
    let seen = changes_until(&mut events, is_asked_again).await;
    assert!(seen >= 3, "{seen}");
}

#[tokio::test]
async fn unreachable_manager_is_replaced_by_the_next() {
    let gone = "tcp://127.0.0.1:1".to_owned();
    let (there, _) = engine(vec![vec![HEAD, "{}\n"]]).await;
    let mut events = listen(vec![gone, there]);
    changes_until(&mut events, |seen| seen > 0).await;
}
