//! Limits the requests and the work of each client.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Semaphore;

use crate::request::client as client_of;
use crate::{Problem, Work, peer};

/// The allowance of a client in requests, and its refill per second.
const BURST: f64 = 400.0;
const PER_SECOND: f64 = 100.0;
/// The duration of work that counts as one request.
const WORK: Duration = Duration::from_millis(4);
/// The maximum number of clients with separate allowances; all others share one.
const CLIENTS: usize = 4_096;

/// The allowance of each client. Clones share it.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    buckets: Arc<Mutex<Buckets>>,
    jobs: Arc<Semaphore>,
}

impl Default for RateLimiter {
    fn default() -> Self {
        Self {
            buckets: Arc::default(),
            jobs: Work::jobs(),
        }
    }
}

#[derive(Debug, Default)]
struct Buckets {
    /// With a randomly keyed hash, since clients choose their addresses.
    known: HashMap<IpAddr, Bucket>,
    others: Bucket,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            left: BURST,
            at: Instant::now(),
        }
    }
}

impl RateLimiter {
    /// Subtracts requests from the allowance of a client, which may become negative.
    pub fn charge(&self, client: IpAddr, requests: u32) {
        let mut buckets = self.lock();
        let bucket = buckets.of(client, now());
        bucket.left -= f64::from(requests);
    }

    /// Subtracts one request. The error is the time until the next request is allowed.
    fn admit(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.lock();
        let bucket = buckets.of(client, now);
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / PER_SECOND));
        }
        bucket.left -= 1.0;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buckets {
    fn of(&mut self, client: IpAddr, now: Instant) -> &mut Bucket {
        let client = client_of(client);
        if self.known.len() >= CLIENTS && !self.known.contains_key(&client) {
            // A client with a full allowance is indistinguishable from a new one.
            self.known
                .retain(|_, bucket| !bucket.refilled(now).is_full());
        }
        let bucket = match self.known.len() < CLIENTS || self.known.contains_key(&client) {
            true => self.known.entry(client).or_default(),
            false => &mut self.others,
        };
        *bucket = bucket.refilled(now);
        bucket
    }
}

impl Bucket {
    fn refilled(self, now: Instant) -> Self {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        Self {
            left: (self.left + passed * PER_SECOND).min(BURST),
            at: now.max(self.at),
        }
    }

    fn is_full(self) -> bool {
        self.left >= BURST
    }
}

/// The time of the runtime, which tests control.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Rejects requests above the allowance of the client, and charges it for the work of the others: the
/// time for which they kept this thread busy, and their [`Work`] on other threads.
pub(crate) async fn limit_rate(
    State(limiter): State<RateLimiter>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = peer(request.extensions()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    match limiter.admit(client, now()) {
        Ok(()) => {
            let work = Work::new(Arc::clone(&limiter.jobs));
            request.extensions_mut().insert(work.clone());
            let (response, busy) = measured(next.run(request)).await;
            let requests = (busy + work.taken()).as_millis() / WORK.as_millis();
            limiter.charge(client, u32::try_from(requests).unwrap_or(u32::MAX));
            response
        }
        Err(wait) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests from this address.",
            &format!("Send at most {PER_SECOND} requests per second."),
        )
        .header(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))
        .into_response(),
    }
}

/// The result of a future, and the time for which it kept its thread busy, without waiting.
async fn measured<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let mut work = pin!(work);
    let mut taken = Duration::ZERO;
    poll_fn(|context| {
        let begun = Instant::now();
        let polled = work.as_mut().poll(context);
        taken += begun.elapsed();
        polled.map(|result| (result, taken))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waiting takes virtual time, work takes real time.
    #[tokio::test(start_paused = true)]
    async fn busy_time_is_measured_without_waiting() {
        let some = async {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            std::thread::sleep(Duration::from_millis(20));
            7
        };
        let (result, work) = measured(some).await;
        assert_eq!(result, 7);
        assert!(work >= Duration::from_millis(20), "{work:?}");
        assert!(work < Duration::from_secs(3_600), "{work:?}");
    }

    #[test]
    fn each_client_has_its_own_allowance() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let allowed = (0..1_000)
            .filter(|_| limiter.admit(one, now).is_ok())
            .count();
        assert_eq!(allowed, 400);
        assert!(limiter.admit(other, now).is_ok());
        let wait = limiter.admit(one, now).unwrap_err();
        assert!(wait <= Duration::from_millis(10), "{wait:?}");
        assert!(
            limiter
                .admit(one, now + wait + Duration::from_millis(1))
                .is_ok()
        );
        limiter.charge(other, 500);
        assert!(limiter.admit(other, now).is_err());
    }

    #[test]
    fn memory_of_many_clients_is_bounded() {
        let limiter = RateLimiter::default();
        let now = Instant::now();
        for number in 0..6_000_u32 {
            let wait = limiter.admit(IpAddr::V4(number.into()), now);
            assert!(wait.is_ok() || number >= 4_096, "{number}");
        }
        assert_eq!(limiter.lock().known.len(), CLIENTS);
        // Clients with full allowances are removed.
        let later = now + Duration::from_secs(10);
        assert!(limiter.admit([192, 0, 2, 1].into(), later).is_ok());
        assert_eq!(limiter.lock().known.len(), 1);
        let neighbours =
            ["2001:db8::1", "2001:db8::2"].map(|peer| client_of(peer.parse().unwrap()));
        assert_eq!(neighbours[0], neighbours[1]);
    }
}
