use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::CollectorAddress;

/// Sends every datagram to several collectors, on a tokio runtime with I/O and time.
///
/// Each collector has its own task and a queue of 256 datagrams, so that a slow or unreachable one
/// does not delay the others. Datagrams for which a queue has no space are discarded: sFlow
/// tolerates loss, and collectors detect it by the sequence numbers.
///
/// After a failure, the name of a collector is resolved again every 5 s, since it may have another
/// address by then.
///
/// ```
/// use sflow_agent::Collectors;
///
/// # async fn report(agent: &mut sflow_agent::Agent<&str>, now: std::time::Duration)
/// # -> Result<(), sflow_agent::InvalidAddress> {
/// let addresses = ["collector.example".parse()?, "10.0.0.9:6343".parse()?];
/// let collectors = Collectors::new(addresses, |collector, result| match result {
///     Ok(address) => println!("sending to {address}"),
///     Err(error) => eprintln!("cannot reach {collector}: {error}"),
/// });
/// while let Some(datagram) = agent.next_datagram(now) {
///     collectors.send(datagram);
/// }
/// collectors.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Collectors {
    queues: Vec<Sender<Arc<[u8]>>>,
    tasks: JoinSet<()>,
}

impl Collectors {
    /// Time until the name of an unreachable collector is resolved again.
    pub const RETRY: Duration = Duration::from_secs(5);

    /// Starts a task for each collector. Panics outside a runtime.
    ///
    /// `report` is called with the address that datagrams are sent to, at first, when it changes
    /// and when the collector is reachable again; and with an error when it becomes unreachable.
    pub fn new<F>(addresses: impl IntoIterator<Item = CollectorAddress>, report: F) -> Self
    where
        F: Fn(&CollectorAddress, io::Result<SocketAddr>) + Clone + Send + Sync + 'static,
    {
        const QUEUE: usize = 256;
        let mut tasks = JoinSet::new();
        let queues = addresses.into_iter().map(|address| {
            let (queue, datagrams) = mpsc::channel(QUEUE);
            let collector = Collector {
                address,
                report: report.clone(),
                socket: None,
                to: None,
                retry_at: None,
                is_failing: false,
                sent: 0,
            };
            tasks.spawn(collector.run(datagrams));
            queue
        });
        Self {
            queues: queues.collect(),
            tasks,
        }
    }

    /// Queues a datagram for each collector.
    pub fn send(&self, datagram: &[u8]) {
        let datagram: Arc<[u8]> = datagram.into();
        for queue in &self.queues {
            let _ = queue.try_send(Arc::clone(&datagram));
        }
    }

    /// Waits until all queued datagrams have been sent.
    pub async fn close(self) {
        drop(self.queues);
        self.tasks.join_all().await;
    }
}

impl CollectorAddress {
    /// The local address from which the collector is reached, with which an agent can identify
    /// itself: [`Config::address`](crate::Config::address). Sends nothing.
    ///
    /// # Errors
    ///
    /// If the name is not resolved within 2 s, or the network is unreachable.
    pub async fn local_address(&self) -> io::Result<IpAddr> {
        let (socket, _) = connect(self).await?;
        Ok(socket.local_addr()?.ip())
    }
}

struct Collector<F> {
    address: CollectorAddress,
    report: F,
    socket: Option<UdpSocket>,
    /// The address that was reported.
    to: Option<SocketAddr>,
    /// When to resolve the name again, after a failure.
    retry_at: Option<Instant>,
    /// Whether the collector is unreachable, which is reported once.
    is_failing: bool,
    /// Datagrams sent without an error since the last error.
    sent: u64,
}

impl<F: Fn(&CollectorAddress, io::Result<SocketAddr>)> Collector<F> {
    async fn run(mut self, mut datagrams: Receiver<Arc<[u8]>>) {
        while let Some(datagram) = datagrams.recv().await {
            self.connect().await;
            let Some(socket) = &self.socket else {
                continue;
            };
            match socket.send(&datagram).await {
                Ok(_) => self.succeed(),
                Err(error) => {
                    // The error may belong to an earlier datagram; this one was then not sent.
                    let _ = socket.send(&datagram).await;
                    self.fail(error);
                }
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
        match connect(&self.address).await {
            Ok((socket, to)) => {
                if self.to.replace(to) != Some(to) {
                    (self.report)(&self.address, Ok(to));
                }
                (self.socket, self.sent) = (Some(socket), 0);
            }
            Err(error) => self.fail(error),
        }
    }

    fn succeed(&mut self) {
        self.sent += 1;
        // Whether the first datagram was refused is known when the second is sent.
        if self.is_failing && self.sent > 1 {
            (self.is_failing, self.retry_at) = (false, None);
            if let Some(to) = self.to {
                (self.report)(&self.address, Ok(to));
            }
        }
    }

    fn fail(&mut self, error: io::Error) {
        if !self.is_failing {
            (self.report)(&self.address, Err(error));
        }
        (self.is_failing, self.sent) = (true, 0);
        // Until then the same address is used.
        let retry_at = Instant::now() + Collectors::RETRY;
        self.retry_at.get_or_insert(retry_at);
    }
}

/// A socket to the collector, and the collector's address.
async fn connect(collector: &CollectorAddress) -> io::Result<(UdpSocket, SocketAddr)> {
    const RESOLUTION: Duration = Duration::from_secs(2);
    let found = timeout(RESOLUTION, lookup_host(collector.as_str())).await;
    let mut found = found.map_err(|_| {
        let problem = format!("its name was not resolved within {RESOLUTION:?}");
        io::Error::new(io::ErrorKind::TimedOut, problem)
    })??;
    let to = found
        .next()
        .ok_or_else(|| io::Error::other("its name has no address"))?;
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    Ok((socket, to))
}
