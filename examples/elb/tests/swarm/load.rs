use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Scope, sleep};
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::service::Service;

/// Concurrent clients.
const WORKERS: usize = 8;
/// Interval at which the addresses of the tasks are read.
const REFRESH: Duration = Duration::from_millis(400);
/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A load of requests per second on the tasks of a service, in rotation.
pub(crate) struct Load {
    per_second: AtomicU64,
    next: Mutex<Instant>,
    addresses: Mutex<Arc<[SocketAddr]>>,
    turn: AtomicU64,
    ended: AtomicBool,
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
}

impl Load {
    /// Applies the load while `with` runs.
    pub(crate) fn during<T>(
        lab: &Lab,
        service: &Service<'_>,
        per_second: u64,
        with: impl FnOnce(&Self) -> T,
    ) -> T {
        let load = Self {
            per_second: AtomicU64::new(per_second),
            next: Mutex::new(Instant::now()),
            addresses: Mutex::new(Arc::new([])),
            turn: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        std::thread::scope(|scope| {
            let end = End(&load);
            load.begin(scope, lab, &service.id);
            let result = with(&load);
            drop(end);
            result
        })
    }

    fn begin<'s>(&'s self, scope: &'s Scope<'s, '_>, lab: &'s Lab, id: &'s str) {
        scope.spawn(move || {
            while !self.ended.load(Ordering::Relaxed) {
                if let Some(found) = Service::addresses(lab, id) {
                    *self.addresses.lock().unwrap() = found.into();
                }
                sleep(REFRESH);
            }
        });
        for _ in 0..WORKERS {
            scope.spawn(|| self.work());
        }
    }

    /// Changes the load; returns the time of the change.
    pub(crate) fn set(&self, per_second: u64) -> Instant {
        let mut next = self.next.lock().unwrap();
        self.per_second.store(per_second, Ordering::Relaxed);
        *next = Instant::now();
        *next
    }

    fn work(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            let Some(at) = self.next_due() else {
                sleep(Duration::from_millis(20));
                continue;
            };
            sleep(at.saturating_duration_since(Instant::now()));
            let addresses = Arc::clone(&*self.addresses.lock().unwrap());
            if addresses.is_empty() {
                continue;
            }
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
            let count = match request(addresses[turn % addresses.len()]) {
                Ok(()) => &self.answered,
                Err(_) => &self.failed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// When the next request is due. Requests that were missed are not made up for.
    fn next_due(&self) -> Option<Instant> {
        let mut next = self.next.lock().unwrap();
        let pause = match self.per_second.load(Ordering::Relaxed) {
            0 => return None,
            per_second => Duration::from_secs(1).div_f64(per_second as f64),
        };
        let now = Instant::now();
        // No request is reserved far ahead, so that a lower load takes effect at once.
        if *next > now + Duration::from_millis(100) {
            return None;
        }
        let at = (*next).max(now);
        *next = at + pause;
        Some(at)
    }
}

/// Ends the load when dropped, also if the test fails: its threads are joined.
struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
        if std::thread::panicking() {
            let (answered, failed) = (&self.0.answered, &self.0.failed);
            eprintln!("load: {answered:?} requests answered, {failed:?} failed");
        }
    }
}

fn request(server: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /index.html HTTP/1.0\r\n\r\n")?;
    let mut answer = [0; 16_384];
    let mut length = 0;
    while let Ok(read @ 1..) = stream.read(&mut answer) {
        length += read;
    }
    // The page has 10 kB.
    if length > 10_000 {
        Ok(())
    } else {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}
