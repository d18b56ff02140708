//! Connections that cannot keep others out: only so many, none for nothing, and when all places
//! are taken, who waits longest in one has to leave it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
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

use crate::shared::Shared;

/// Connections at a time.
const PLACES: usize = 256;
/// How long a request's header may take, counted from the end of the one before.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long a client may take none of its answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's header, and how many lines it may have.
const HEADER_BYTES: usize = 16 * 1024;
const HEADER_LINES: usize = 64;
/// How long requests that are under way at the end are waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `shutdown` is ready.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let places = Places::default();
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Those that have ended need not be kept.
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
    async fn serve(self, stream: TcpStream, (place, left): (Place, oneshot::Receiver<()>)) {
        // That small answers may take a little longer is all that can come of it.
        stream.set_nodelay(true).ok();
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(self.address));
            let work = place.work();
            let answer = router.call(request);
            async move {
                let answer = answer.await;
                drop(work);
                answer
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
            // Either way the place is somebody else's now.
            _ = left => debug!(peer = %self.address, "a connection had to make room"),
        }
    }
}

/// The places that there are.
#[derive(Clone, Debug, Default)]
struct Places(Shared<Taken>);

#[derive(Debug, Default)]
struct Taken {
    by_number: HashMap<u64, Visitor>,
    next: u64,
}

#[derive(Debug)]
struct Visitor {
    peer: IpAddr,
    /// Whether a request of his is being answered.
    is_served: bool,
    /// Since when.
    since: Instant,
    /// Dropped when he has to leave.
    _stay: oneshot::Sender<()>,
}

/// One place, until it is dropped.
#[derive(Debug)]
struct Place {
    places: Places,
    number: u64,
}

impl Places {
    /// Takes a place; the other value becomes ready when it has to be left.
    fn take(&self, peer: IpAddr) -> (Place, oneshot::Receiver<()>) {
        let mut taken = self.0.lock();
        if taken.by_number.len() >= PLACES
            && let Some(number) = taken.most_dispensable()
        {
            taken.by_number.remove(&number);
        }
        let (stay, left) = oneshot::channel();
        let number = taken.next;
        taken.next += 1;
        let visitor = Visitor {
            peer,
            is_served: false,
            since: Instant::now(),
            _stay: stay,
        };
        taken.by_number.insert(number, visitor);
        drop(taken);
        let place = Place {
            places: self.clone(),
            number,
        };
        (place, left)
    }

    fn turn(&self, number: u64, is_served: bool) {
        if let Some(visitor) = self.0.lock().by_number.get_mut(&number) {
            visitor.is_served = is_served;
            visitor.since = Instant::now();
        }
    }
}

impl Taken {
    /// Who has to leave: of the peer with most places, one who asks for nothing, the longest.
    fn most_dispensable(&self) -> Option<u64> {
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        for visitor in self.by_number.values() {
            *of_peer.entry(visitor.peer).or_default() += 1;
        }
        let crowd = |visitor: &Visitor| of_peer.get(&visitor.peer).copied().unwrap_or(0);
        let visitors = self.by_number.iter();
        let longest = visitors.max_by_key(|(_, visitor)| {
            let waited = std::cmp::Reverse(visitor.since);
            (crowd(visitor), !visitor.is_served, waited)
        });
        longest.map(|(number, _)| *number)
    }
}

impl Place {
    /// Says that a request is being answered, until the value is dropped.
    fn work(&self) -> Work {
        self.places.turn(self.number, true);
        Work {
            places: self.places.clone(),
            number: self.number,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.lock().by_number.remove(&self.number);
    }
}

/// A request that is being answered.
#[derive(Debug)]
struct Work {
    places: Places,
    number: u64,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.places.turn(self.number, false);
    }
}
