//! Limits on the number and duration of connections, in total and per client. A connection beyond a
//! limit is accepted, and closes the one that has been idle longest: of the same client if it has
//! reached its limit, else of the client with the most connections.

use std::cmp::Reverse;
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

use crate::request::client;

/// The maximum number of connections, if the process may open enough files. A client may have half.
const CONNECTIONS: usize = 256;
/// Files reserved for the rest of the process: other sockets, configuration files, pipes.
const RESERVED_FILES: usize = 32;
/// The maximum duration of receiving a header, from the end of the request before.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// The maximum time for which a client does not read from its response.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// The maximum duration of a connection.
const CONNECTION_TIME: Duration = Duration::from_secs(3_600);
/// The maximum size of a header, in bytes and lines.
const HEADER_BYTES: usize = 16 * 1024;
const HEADER_LINES: usize = 64;
/// The time in which requests must end after shutdown.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the routes until `shutdown` is ready; requests must then end within one second. Requests
/// contain the address of the client as [`ConnectInfo`].
///
/// The maximum is 256 connections, and less if the process may open fewer than 289 files (`ulimit
/// -n`), of which 32 are reserved for the rest of the program. A client, which is an IPv4 address or
/// a /64 network of IPv6, may have half of them.
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

/// Like [`serve`], in a new thread of this name, so that responses do not wait for the rest of the
/// program. `ended` is called with the result. Jobs of [`Work`](crate::Work) are then abandoned.
///
/// # Errors
///
/// If the thread cannot be started.
pub fn serve_in_thread(
    name: &str,
    listener: std::net::TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    ended: impl FnOnce(io::Result<()>) + Send + 'static,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let work = move || {
        let result = runtime
            .block_on(async { serve(TcpListener::from_std(listener)?, router, shutdown).await });
        runtime.shutdown_background();
        ended(result);
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)?;
    Ok(())
}

async fn serve_bounded(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    most: usize,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let slots = Slots::new(most);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        // An evicted connection keeps its socket until its task has ended.
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() <= most => accepted,
            // Removes ended connections.
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
                let slot = slots.reserve(client(address.ip()));
                connections.spawn(connection.serve(stream, slot));
            }
            Err(error) => {
                debug!("cannot accept a connection: {error}");
                if !is_of_connection(&error) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
    drop(listener);
    let ended = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    if ended.is_err() {
        debug!("{} connections were aborted", connections.len());
    }
    Ok(())
}

/// The maximum number of connections for a limit of open files.
fn most_connections(files: usize) -> usize {
    // One more is open while another is evicted.
    let left = files.saturating_sub(RESERVED_FILES + 1);
    left.max(files / 8).clamp(1, CONNECTIONS)
}

/// The maximum number of open files of this process.
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

/// Whether an error affects only the accepted connection, not the listener.
fn is_of_connection(error: &io::Error) -> bool {
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
    async fn serve(self, stream: TcpStream, (slot, evicted): (Slot, oneshot::Receiver<()>)) {
        // If it fails, small responses take longer.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(self.address));
            let answering = slot.answer();
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
                debug!(peer = %self.address, "a connection exceeded its maximum duration");
            }
        }
    }
}

/// The slots for connections. Clones share them.
#[derive(Clone, Debug)]
struct Slots {
    most: usize,
    reserved: Arc<Mutex<Connections>>,
}

#[derive(Debug, Default)]
struct Connections {
    by_number: HashMap<u64, Occupant>,
    next: u64,
}

/// One connection.
#[derive(Debug)]
struct Occupant {
    client: IpAddr,
    /// Whether a request is being answered, and the time of the last change.
    is_answered: bool,
    since: Instant,
    /// Dropped when the connection is evicted.
    _evict: oneshot::Sender<()>,
}

/// The slot of one connection, free when dropped.
#[derive(Debug)]
struct Slot {
    slots: Slots,
    number: u64,
}

impl Slots {
    fn new(most: usize) -> Self {
        Self {
            most,
            reserved: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a slot. The receiver becomes ready when the connection is evicted.
    fn reserve(&self, client: IpAddr) -> (Slot, oneshot::Receiver<()>) {
        let mut reserved = self.lock();
        let evicted = if reserved.count(client) >= self.most.div_ceil(2) {
            reserved.longest_idle(client)
        } else if reserved.by_number.len() >= self.most {
            reserved
                .largest_client()
                .and_then(|it| reserved.longest_idle(it))
        } else {
            None
        };
        if let Some(number) = evicted {
            reserved.by_number.remove(&number);
        }
        let (evict, evicted) = oneshot::channel();
        let number = reserved.next;
        reserved.next += 1;
        let occupant = Occupant {
            client,
            is_answered: false,
            since: Instant::now(),
            _evict: evict,
        };
        reserved.by_number.insert(number, occupant);
        drop(reserved);
        let slot = Slot {
            slots: self.clone(),
            number,
        };
        (slot, evicted)
    }

    fn set_answered(&self, number: u64, is_answered: bool) {
        if let Some(occupant) = self.lock().by_number.get_mut(&number) {
            occupant.is_answered = is_answered;
            occupant.since = Instant::now();
        }
    }
}

impl Connections {
    fn count(&self, client: IpAddr) -> usize {
        let occupants = self.by_number.values();
        occupants
            .filter(|occupant| occupant.client == client)
            .count()
    }

    /// The client with the most connections; of several, the one whose connection has been idle
    /// longest.
    fn largest_client(&self) -> Option<IpAddr> {
        let mut clients: HashMap<IpAddr, (usize, Reverse<(bool, Instant)>)> = HashMap::new();
        for occupant in self.by_number.values() {
            let idle = Reverse(occupant.idle());
            let (count, longest) = clients.entry(occupant.client).or_insert((0, idle));
            *count += 1;
            *longest = idle.max(*longest);
        }
        let largest = clients.into_iter().max_by_key(|(_, size)| *size);
        largest.map(|(client, _)| client)
    }

    /// The connection of a client that has been without a request longest; if all have one, the one
    /// with the oldest request.
    fn longest_idle(&self, client: IpAddr) -> Option<u64> {
        let occupants = self.by_number.iter();
        let occupants = occupants.filter(|(_, occupant)| occupant.client == client);
        let longest = occupants.min_by_key(|(_, occupant)| occupant.idle());
        longest.map(|(number, _)| *number)
    }
}

impl Occupant {
    /// The order of eviction: connections without a request first, then by time.
    fn idle(&self) -> (bool, Instant) {
        (self.is_answered, self.since)
    }
}

impl Slot {
    /// Marks a request as being answered until the result is dropped.
    fn answer(&self) -> Answering {
        self.slots.set_answered(self.number, true);
        Answering {
            slots: self.slots.clone(),
            number: self.number,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().by_number.remove(&self.number);
    }
}

/// A request that is being answered.
#[derive(Debug)]
struct Answering {
    slots: Slots,
    number: u64,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.slots.set_answered(self.number, false);
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

    /// Two slots and five connections with unfinished requests: a sixth is answered.
    #[tokio::test]
    async fn idle_connection_is_closed_for_new_one() {
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
            assert_eq!(rest, b"", "idle connections are closed");
        }
        server.abort();
    }

    #[test]
    fn client_at_its_limit_loses_its_own_connection() {
        let slots = Slots::new(4);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let is_open = |evicted: &mut oneshot::Receiver<()>| {
            evicted.try_recv() == Err(oneshot::error::TryRecvError::Empty)
        };
        let (first, mut first_evicted) = slots.reserve(one);
        let _answering = first.answer();
        let (_second, mut second_evicted) = slots.reserve(one);
        let (_third, mut third_evicted) = slots.reserve(one);
        // The second one has no request, unlike the first.
        assert!(is_open(&mut first_evicted));
        assert!(!is_open(&mut second_evicted));
        let (_fourth, mut fourth_evicted) = slots.reserve(other);
        let (_fifth, mut fifth_evicted) = slots.reserve(other);
        // All slots are used, two by each client. A third client replaces the longest idle one.
        let (_sixth, _) = slots.reserve("192.0.2.3".parse().unwrap());
        assert!(is_open(&mut first_evicted));
        assert!(!is_open(&mut third_evicted));
        assert!(is_open(&mut fourth_evicted));
        assert!(is_open(&mut fifth_evicted));
    }
}
