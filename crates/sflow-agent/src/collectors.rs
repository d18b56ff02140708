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
/// address by then. Of several addresses, the one after the address that failed is used.
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

    /// Starts a task for each collector.
    ///
    /// `report` is called with the address that datagrams are sent to, at first, when it changes
    /// and when the collector is reachable again; and with an error when it becomes unreachable.
    ///
    /// # Panics
    ///
    /// Outside a runtime of tokio.
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
        let (socket, _) = connect(self, None).await?;
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
        let failed = self.to.filter(|_| self.is_failing);
        match connect(&self.address, failed).await {
            Ok((socket, to)) => {
                // After a failure, the address is reported when it is known to be reachable.
                if self.to.replace(to) != Some(to) && !self.is_failing {
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

/// A socket to the collector, and the collector's address: the first one that can be connected, in the
/// order of [`after`].
async fn connect(
    collector: &CollectorAddress,
    failed: Option<SocketAddr>,
) -> io::Result<(UdpSocket, SocketAddr)> {
    const RESOLUTION: Duration = Duration::from_secs(2);
    let found = timeout(RESOLUTION, lookup_host(collector.as_str())).await;
    let found = found.map_err(|_| {
        let problem = format!("its name was not resolved within {RESOLUTION:?}");
        io::Error::new(io::ErrorKind::TimedOut, problem)
    })??;
    let mut error = io::Error::other("its name has no address");
    for to in after(found.collect(), failed) {
        match connect_to(to).await {
            Ok(socket) => return Ok((socket, to)),
            Err(why) => error = why,
        }
    }
    Err(error)
}

/// The addresses, beginning with the one after an address that failed.
fn after(mut addresses: Vec<SocketAddr>, failed: Option<SocketAddr>) -> Vec<SocketAddr> {
    let place = failed.and_then(|failed| addresses.iter().position(|it| *it == failed));
    if let Some(place) = place {
        addresses.rotate_left(place + 1);
    }
    addresses
}

async fn connect_to(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if to.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_after_the_failed_one_is_next() {
        let addresses = [1, 2, 3].map(|host| SocketAddr::from(([10, 0, 0, host], 6343)));
        let [a, b, c] = addresses;
        let after = |failed| after(addresses.to_vec(), failed);
        assert_eq!(after(None), [a, b, c]);
        assert_eq!(after(Some(a)), [b, c, a]);
        assert_eq!(after(Some(c)), [a, b, c]);
        let removed = SocketAddr::from(([10, 0, 0, 9], 6343));
        assert_eq!(after(Some(removed)), [a, b, c]);
    }
}
