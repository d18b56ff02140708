//! The agent between a scripted engine and a collector that records every datagram.
#![cfg(target_os = "linux")]

mod host;
mod reports;
mod sampling;

use std::net::{Ipv4Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Longer than any wait takes on a busy machine; every wait ends as soon as its condition holds.
const MAX_WAIT: Duration = Duration::from_secs(90);

/// An address that no other test and no other process uses.
fn unused_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, high | 0x80, middle, low);
    SocketAddr::from((own, NEXT.fetch_add(1, Ordering::Relaxed)))
}
