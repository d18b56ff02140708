//! What the engine tells by itself: that a service or a node has changed.
//!
//! Nothing is decided by an event. It says that it is time to look, sooner than the minute after
//! which everything is looked at anyway; so an event that is lost costs patience, no more.

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

/// A stream that is silent for longer may be one that nobody is behind any more.
const SILENT: Duration = Duration::from_secs(300);
/// How long to wait before the stream is asked for again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A line that is longer is no event.
const LINE: usize = 256 << 10;

/// That something has changed.
#[derive(Clone, Debug)]
pub struct Events(watch::Receiver<u64>);

impl Events {
    /// Ready when something has changed since the last call, or may have; never once nobody
    /// listens any more.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Listens to these managers in turn, until all who want to know have gone.
pub(super) fn listen(managers: Vec<Engine>) -> Events {
    let (tell, told) = watch::channel(0);
    tokio::spawn(async move {
        let mut pause = PAUSE.0;
        let mut turn = 0;
        while !tell.is_closed() && !managers.is_empty() {
            let manager = &managers[turn % managers.len()];
            let heard = tokio::select! {
                heard = follow(manager, &tell) => heard,
                () = tell.closed() => return,
            };
            match heard {
                // It told something: it may do so again at once.
                Ok(true) => pause = PAUSE.0,
                Ok(false) => {}
                Err(why) => {
                    debug!(manager = manager.name(), "no events: {why}");
                    turn += 1;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = tell.closed() => return,
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    });
    Events(told)
}

/// Follows one stream to its end; whether it told anything.
async fn follow(manager: &Engine, tell: &watch::Sender<u64>) -> Result<bool, String> {
    let filters = json!({ "type": ["service", "node"] });
    let words = |error: hyper::Error| error.to_string();
    let stream = manager.connect().await?;
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(words)?;
    let request = Request::builder()
        .uri(with_filters("/events", &filters))
        .header(HOST, manager.host())
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let following = async {
        let response = requests.send_request(request).await.map_err(words)?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("status {status}"));
        }
        // Whatever happened while nobody listened has to be looked for.
        tell.send_modify(|changes| *changes += 1);
        let mut body = response.into_body();
        let mut line = 0;
        let mut heard = false;
        loop {
            let frame = tokio::time::timeout(SILENT, body.frame());
            let Ok(Some(frame)) = frame.await else {
                return Ok(heard);
            };
            let Ok(piece) = frame.map_err(words)?.into_data() else {
                continue;
            };
            for byte in &piece {
                line += 1;
                if *byte == b'\n' {
                    // What it says is read from the services themselves.
                    if line > 1 {
                        tell.send_modify(|changes| *changes += 1);
                        heard = true;
                    }
                    line = 0;
                } else if line > LINE {
                    return Err("a line without an end".to_owned());
                }
            }
        }
    };
    let mut following = std::pin::pin!(following);
    tokio::select! {
        heard = &mut following => heard,
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

    /// An engine whose streams end after these pieces; how often it was asked.
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
                    // Silence from now on.
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

    /// Counts changes until something holds.
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
    async fn d14_a_stream_that_breaks_is_asked_for_again() {
        let (engine, asked) = engine(vec![
            // Breaks in the middle of a line, says nothing at all, is no stream, and goes on.
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
    async fn another_manager_is_asked_where_one_is_gone() {
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
