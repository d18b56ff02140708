//! Events of the engine: changes of services and nodes.
//!
//! Decisions do not depend on events. An event causes an earlier reading; without events everything
//! is read once per minute.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::watch;
use tracing::debug;

use super::engine::{Engine, with_filters};

/// A stream without data for this time is considered broken.
const SILENT: Duration = Duration::from_secs(300);
/// Initial and maximum time until the stream is requested again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Maximum length of a line, in bytes.
const LINE: usize = 256 << 10;

/// Notifies of changes.
#[derive(Clone, Debug)]
pub struct Events(watch::Receiver<u64>);

impl Events {
    /// Waits until something may have changed since the last call. Never completes after the stream
    /// has ended.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Reads the events of these managers in turn, until all receivers are dropped.
pub(super) fn listen(managers: Vec<Engine>) -> Events {
    let (sender, receiver) = watch::channel(0);
    tokio::spawn(async move {
        let mut pause = PAUSE.0;
        let mut turn = 0;
        while !sender.is_closed() && !managers.is_empty() {
            let manager = &managers[turn % managers.len()];
            let has_event = tokio::select! {
                has_event = follow(manager, &sender) => has_event,
                () = sender.closed() => return,
            };
            match has_event {
                // The stream worked; it is requested again immediately.
                Ok(true) => pause = PAUSE.0,
                Ok(false) => {}
                Err(why) => {
                    debug!(manager = manager.name(), "no events: {why}");
                    turn += 1;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = sender.closed() => return,
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    });
    Events(receiver)
}

/// Reads one stream to its end. Returns whether it contained an event.
async fn follow(manager: &Engine, sender: &watch::Sender<u64>) -> Result<bool, String> {
    let filters = json!({ "type": ["service", "node"] });
    let text = |error: hyper::Error| error.to_string();
    let stream = manager.connect().await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let request = Request::builder()
        .uri(with_filters("/events", &filters))
        .header(HOST, manager.host())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let following = async {
        let response = requests.send_request(request).await.map_err(text)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("status {status}"));
        }
        // Changes while no stream was open must be read.
        sender.send_modify(|changes| *changes += 1);
        let mut body = response.into_body();
        let mut line = 0;
        let mut has_event = false;
        loop {
            let frame = tokio::time::timeout(SILENT, body.frame());
            let Ok(Some(frame)) = frame.await else {
                return Ok(has_event);
            };
            let Ok(piece) = frame.map_err(text)?.into_data() else {
                continue;
            };
            for byte in &piece {
                line += 1;
                if *byte == b'\n' {
                    // The content of the event is not used; the services are read instead.
                    if line > 1 {
                        sender.send_modify(|changes| *changes += 1);
                        has_event = true;
                    }
                    line = 0;
                } else if line > LINE {
                    return Err("a line is too long".to_owned());
                }
            }
        }
    };
    let mut following = std::pin::pin!(following);
    tokio::select! {
        has_event = &mut following => has_event,
        _ = connection => following.await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// An engine whose streams end after these pieces, and the number of requests.
    async fn engine(streams: Vec<Vec<&'static str>>) -> (Engine, Arc<AtomicUsize>) {
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
        let timeout = Duration::from_secs(60);
        (
            Engine::new(endpoint.parse().unwrap(), timeout, None).unwrap(),
            asked,
        )
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
        let gone = Engine::new(
            "tcp://127.0.0.1:1".parse().unwrap(),
            Duration::from_secs(60),
            None,
        );
        let (there, _) = engine(vec![vec![HEAD, "{}\n"]]).await;
        let mut events = listen(vec![gone.unwrap(), there]);
        changes_until(&mut events, |seen| seen > 0).await;
    }
}
