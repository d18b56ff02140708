//! Bounded connections: how many there are, and for how long a client may hold one. When all are
//! taken, the client with the most of them gives up the one that has been idle the longest.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tracing::debug;

/// Connections at a time, where the process may open enough files.
const CONNECTIONS: usize = 256;
/// Files that are left to the rest of the process: sockets to the orchestrator, the telemetry
/// socket, configuration files, pipes of hooks.
const RESERVED_FILES: usize = 32;
/// How long the header of a request may take, counted from the end of the one before.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long a client may take nothing of its response.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// How long a connection may last in all.
const CONNECTION_TIME: Duration = Duration::from_secs(3_600);
/// The largest header of a request in bytes, and its lines.
const HEADER_BYTES: usize = 16 * 1024;
const HEADER_LINES: usize = 64;
/// How long requests that are being answered at the end may still take.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the routes until `shutdown` is ready; then requests that are being answered have one
/// second to end. Requests contain the client's address as
/// [`ConnectInfo`](axum::extract::ConnectInfo).
///
/// There are at most 256 connections, and fewer where the process may open few files (`ulimit
/// -n`): 32 of these are left to the rest of the program.
///
/// # Errors
///
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_bounded(listener, router, shutdown, most_connections(open_files())).await
}

async fn serve_bounded(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    most: usize,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let places = Places::new(most);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        // An evicted connection has its socket until its task has ended.
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() <= most => accepted,
            // Ended connections are removed.
            Some(_) = connections.join_next() => continue,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let connection = Connection {
                    address,
                    router: router.clone(),
                    watcher: graceful.watcher(),
                };
                let place = places.take(address.ip());
                connections.spawn(connection.serve(stream, place));
            }
            Err(error) => {
                debug!("cannot accept a connection: {error}");
                if !is_of_one(&error) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    let ended = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    if ended.is_err() {
        debug!("{} connections are cut off", connections.len());
    }
    Ok(())
}

/// The connections that a process may have that may open so many files.
fn most_connections(files: usize) -> usize {
    // One more is open while another is evicted.
    let left = files.saturating_sub(RESERVED_FILES + 1);
    left.max(files / 8).clamp(1, CONNECTIONS)
}

/// How many files this process may open.
#[cfg(unix)]
fn open_files() -> usize {
    use nix::sys::resource::{Resource, getrlimit};

    getrlimit(Resource::RLIMIT_NOFILE).map_or(usize::MAX, |(soft, _)| {
        usize::try_from(soft).unwrap_or(usize::MAX)
    })
}

#[cfg(not(unix))]
fn open_files() -> usize {
    usize::MAX
}

/// Whether an error is of the one connection that was to be accepted.
fn is_of_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

struct Connection {
    address: SocketAddr,
    router: Router,
    watcher: Watcher,
}

impl Connection {
    async fn serve(self, stream: TcpStream, (place, evicted): (Place, oneshot::Receiver<()>)) {
        // Without it, small responses take a little longer, no more.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(self.address));
            let answering = place.answer();
            let response = router.call(request);
            async move {
                let response = response.await;
                drop(answering);
                response
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_header_size(HEADER_BYTES)
            .max_headers(HEADER_LINES)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        tokio::select! {
            result = self.watcher.watch(connection) => {
                if let Err(error) = result {
                    debug!(peer = %self.address, "a connection failed: {error}");
                }
            }
            _ = evicted => debug!(peer = %self.address, "a connection was closed to admit another"),
            () = tokio::time::sleep(CONNECTION_TIME) => {
                debug!(peer = %self.address, "a connection lasted too long");
            }
        }
    }
}

/// The places of connections. Clones share them.
#[derive(Clone, Debug)]
struct Places {
    most: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    by_number: HashMap<u64, Occupant>,
    next: u64,
}

/// A client that has a connection.
#[derive(Debug)]
struct Occupant {
    client: IpAddr,
    /// Whether a request of it is being answered, and since when it is or is not.
    is_answered: bool,
    since: Instant,
    /// Dropped when it is evicted.
    _stay: oneshot::Sender<()>,
}

/// One place, until it is dropped.
#[derive(Debug)]
struct Place {
    places: Places,
    number: u64,
}

impl Places {
    fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place; the receiver becomes ready when the connection is evicted.
    fn take(&self, client: IpAddr) -> (Place, oneshot::Receiver<()>) {
        let mut taken = self.lock();
        if taken.by_number.len() >= self.most
            && let Some(number) = taken.most_dispensable()
        {
            taken.by_number.remove(&number);
        }
        let (stay, evicted) = oneshot::channel();
        let number = taken.next;
        taken.next += 1;
        let occupant = Occupant {
            client,
            is_answered: false,
            since: Instant::now(),
            _stay: stay,
        };
        taken.by_number.insert(number, occupant);
        drop(taken);
        let place = Place {
            places: self.clone(),
            number,
        };
        (place, evicted)
    }

    fn set_answered(&self, number: u64, is_answered: bool) {
        if let Some(occupant) = self.lock().by_number.get_mut(&number) {
            occupant.is_answered = is_answered;
            occupant.since = Instant::now();
        }
    }
}

impl Taken {
    /// The place that is taken away first: of the client with the most places, the one without a
    /// request for the longest time.
    fn most_dispensable(&self) -> Option<u64> {
        let mut of_client: HashMap<IpAddr, usize> = HashMap::new();
        for occupant in self.by_number.values() {
            *of_client.entry(occupant.client).or_default() += 1;
        }
        let places = |occupant: &Occupant| of_client.get(&occupant.client).copied().unwrap_or(0);
        let occupants = self.by_number.iter();
        let longest = occupants.max_by_key(|(_, occupant)| {
            let waited = std::cmp::Reverse(occupant.since);
            (places(occupant), !occupant.is_answered, waited)
        });
        longest.map(|(number, _)| *number)
    }
}

impl Place {
    /// A request is being answered until the value is dropped.
    fn answer(&self) -> Answering {
        self.places.set_answered(self.number, true);
        Answering {
            places: self.places.clone(),
            number: self.number,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().by_number.remove(&self.number);
    }
}

/// A request that is being answered.
#[derive(Debug)]
struct Answering {
    places: Places,
    number: u64,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.places.set_answered(self.number, false);
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn few_open_files_mean_few_connections() {
        for (files, expected) in [
            (usize::MAX, 256),
            (1024, 256),
            (256, 223),
            (64, 31),
            (32, 4),
            (8, 1),
            (0, 1),
        ] {
            assert_eq!(most_connections(files), expected, "{files}");
        }
    }

    /// Two places, and five clients that never end their requests: a sixth is answered.
    #[tokio::test]
    async fn a_client_without_a_request_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get("here"));
        let server = tokio::spawn(serve_bounded(listener, router, std::future::pending(), 2));
        let mut slow = Vec::new();
        for _ in 0..5 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            slow.push(stream);
        }
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick
            .write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        for stream in slow.iter_mut().take(4) {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.ok();
            assert_eq!(rest, b"", "connections that made room are closed");
        }
        server.abort();
    }
}
