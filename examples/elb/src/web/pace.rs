//! How much each peer may ask: nobody crowds out the others.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Site;
use super::access::peer;
use super::problem::Problem;
use crate::shared::Shared;

/// Requests that a peer may make at once, and how many it gets back in a second.
const BURST: f64 = 400.0;
const PER_SECOND: f64 = 100.0;
/// Work that costs as much as one more request.
const WORK: Duration = Duration::from_millis(4);
/// Peers that are told apart; more of them share one allowance.
const PEERS: usize = 4_096;

/// What each peer has left.
#[derive(Debug, Default)]
pub(super) struct Pace(Shared<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    /// Randomly keyed: peers choose their addresses.
    known: HashMap<IpAddr, Bucket>,
    strangers: Bucket,
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

impl Pace {
    /// Takes so many requests from what a peer has, whether it has as many or not.
    pub(super) fn charge(&self, peer: IpAddr, requests: u32) {
        let mut buckets = self.0.lock();
        let bucket = buckets.of(peer, now());
        bucket.left -= f64::from(requests);
    }

    /// Takes one request; how long to wait if there is none.
    fn take(&self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.0.lock();
        let bucket = buckets.of(peer, now);
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / PER_SECOND));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

/// Something that is said at most once in ten seconds.
#[derive(Debug, Default)]
pub(super) struct Seldom(Shared<Option<Instant>>);

impl Seldom {
    /// Whether it is to be said now.
    pub(super) fn is_due(&self) -> bool {
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|last| last.elapsed() > Duration::from_secs(10));
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

impl Buckets {
    fn of(&mut self, peer: IpAddr, now: Instant) -> &mut Bucket {
        let peer = network(peer);
        if self.known.len() >= PEERS && !self.known.contains_key(&peer) {
            // Who has all that he may have is as good as unknown.
            self.known
                .retain(|_, bucket| !bucket.refilled(now).is_full());
        }
        let bucket = match self.known.len() < PEERS || self.known.contains_key(&peer) {
            true => self.known.entry(peer).or_default(),
            false => &mut self.strangers,
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

/// One peer: of IPv6 all addresses that one of them can take.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// The time by the clock of the runtime.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Lets through what is within the pace. Who makes us work for long pays for the time as well.
pub(super) async fn keep(State(site): State<Site>, request: Request, next: Next) -> Response {
    let peer = peer(request.extensions()).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    match site.pace.take(peer, now()) {
        Ok(()) => {
            let (response, work) = measured(next.run(request)).await;
            let requests = work.as_millis() / WORK.as_millis();
            site.pace
                .charge(peer, u32::try_from(requests).unwrap_or(u32::MAX));
            response
        }
        Err(wait) => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "There were too many requests from this address.",
            &format!("Ask at most {PER_SECOND} times in a second."),
        )
        .header(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))
        .into_response(),
    }
}

/// What comes of it, and how long it kept others from running: waiting does not count.
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
    async fn work_is_paid_for_and_waiting_is_not() {
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
    fn who_asks_too_much_waits_and_others_do_not() {
        let pace = Pace::default();
        let now = Instant::now();
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let allowed = (0..1_000).filter(|_| pace.take(one, now).is_ok()).count();
        assert_eq!(allowed, 400);
        assert!(pace.take(other, now).is_ok());
        let wait = pace.take(one, now).unwrap_err();
        assert!(wait <= Duration::from_millis(10), "{wait:?}");
        assert!(
            pace.take(one, now + wait + Duration::from_millis(1))
                .is_ok()
        );
        pace.charge(other, 500);
        assert!(pace.take(other, now).is_err());
    }

    #[test]
    fn many_peers_take_no_more_room_than_a_few() {
        let pace = Pace::default();
        let now = Instant::now();
        for number in 0..6_000_u32 {
            let wait = pace.take(IpAddr::V4(number.into()), now);
            assert!(wait.is_ok() || number >= 4_096, "{number}");
        }
        assert_eq!(pace.0.lock().known.len(), PEERS);
        // Once they are gone there is room again.
        let later = now + Duration::from_secs(10);
        assert!(pace.take([192, 0, 2, 1].into(), later).is_ok());
        assert_eq!(pace.0.lock().known.len(), 1);
        let neighbours = ["2001:db8::1", "2001:db8::2"].map(|peer| network(peer.parse().unwrap()));
        assert_eq!(neighbours[0], neighbours[1]);
    }
}
