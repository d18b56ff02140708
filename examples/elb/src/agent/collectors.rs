use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// Queue length per collector, in datagrams. When the queue is full, further datagrams are
/// discarded.
const QUEUE: usize = 256;

/// Limit for the resolution of a name.
const RESOLUTION: Duration = Duration::from_secs(2);

/// Time until an unreachable collector is retried.
const RETRY: Duration = Duration::from_secs(5);

/// Sends every datagram to all collectors. Each collector has its own task, so that none delays
/// another.
#[derive(Debug)]
pub(super) struct Collectors {
    queues: Vec<Sender<Arc<[u8]>>>,
    tasks: JoinSet<()>,
}

impl Collectors {
    pub(super) fn new(names: &[String]) -> Self {
        let mut tasks = JoinSet::new();
        let queues = names.iter().map(|name| {
            let (queue, datagrams) = mpsc::channel(QUEUE);
            tasks.spawn(Collector::new(name.clone()).run(datagrams));
            queue
        });
        Self {
            queues: queues.collect(),
            tasks,
        }
    }

    pub(super) fn send(&self, datagram: &[u8]) {
        let datagram: Arc<[u8]> = datagram.into();
        for queue in &self.queues {
            let _ = queue.try_send(Arc::clone(&datagram));
        }
    }

    /// Waits until everything has been sent.
    pub(super) async fn close(self) {
        drop(self.queues);
        self.tasks.join_all().await;
    }
}

/// The local address from which the first reachable collector is reached.
pub(super) async fn local_address(names: &[String]) -> IpAddr {
    let mut is_reported = false;
    loop {
        for name in names {
            match connect(name).await {
                Ok((_, local, _)) => return local,
                Err(error) if is_reported => drop(error),
                Err(error) => warn!("cannot reach the collector {name}: {error}"),
            }
        }
        is_reported = true;
        sleep(RETRY).await;
    }
}

#[derive(Debug)]
struct Collector {
    name: String,
    socket: Option<UdpSocket>,
    /// When to resolve the name again, after a failure.
    retry_at: Option<Instant>,
    /// Whether the last attempt failed, which is logged once.
    is_failing: bool,
}

impl Collector {
    const fn new(name: String) -> Self {
        Self {
            name,
            socket: None,
            retry_at: None,
            is_failing: false,
        }
    }

    async fn run(mut self, mut datagrams: Receiver<Arc<[u8]>>) {
        while let Some(datagram) = datagrams.recv().await {
            self.connect().await;
            let Some(socket) = &self.socket else {
                continue;
            };
            match send(socket, &datagram).await {
                Ok(()) => (self.is_failing, self.retry_at) = (false, None),
                Err(error) => self.failed(&error.to_string()),
            }
        }
    }

    async fn connect(&mut self) {
        let is_due = match self.retry_at {
            Some(retry_at) => retry_at <= Instant::now(),
            None => self.socket.is_none(),
        };
        if !is_due {
            return;
        }
        self.retry_at = None;
        match connect(&self.name).await {
            Ok((socket, _, to)) => {
                info!("sending to {to}");
                self.socket = Some(socket);
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &str) {
        if !self.is_failing {
            warn!(
                "cannot reach the collector {}: {error}; check the address and that the \
                 collector is running. Retrying every {RETRY:?}",
                self.name
            );
        }
        self.is_failing = true;
        // The name may resolve to another address by then. Until then the same address is used.
        self.retry_at.get_or_insert(Instant::now() + RETRY);
    }
}

/// A socket to the collector, with the addresses of both ends.
async fn connect(collector: &str) -> Result<(UdpSocket, IpAddr, SocketAddr), String> {
    let found = timeout(RESOLUTION, lookup_host(collector)).await;
    let mut found = found
        .map_err(|_| format!("its name was not resolved within {RESOLUTION:?}"))?
        .map_err(|error| error.to_string())?;
    let to = found.next().ok_or("its name has no address")?;
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let connected = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(to).await?;
        let local = socket.local_addr()?.ip();
        Ok::<_, io::Error>((socket, local, to))
    };
    connected.await.map_err(|error| error.to_string())
}

/// An error may belong to an earlier datagram; this datagram is then not sent.
async fn send(socket: &UdpSocket, datagram: &[u8]) -> io::Result<()> {
    if socket.send(datagram).await.is_err() {
        socket.send(datagram).await?;
    }
    Ok(())
}
