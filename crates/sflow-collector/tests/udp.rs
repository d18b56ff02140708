//! Receives datagrams on loopback.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sflow_collector::LONGEST_DATAGRAM;
use sflow_collector::udp::{SocketSettings, UdpReceiver};

/// Long enough for a loaded machine; not reached when the test passes.
const TIMEOUT: Duration = Duration::from_secs(60);

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn receiver() -> UdpReceiver {
    UdpReceiver::bind(loopback(), &SocketSettings::default()).unwrap()
}

fn sender() -> UdpSocket {
    UdpSocket::bind(loopback()).unwrap()
}

#[test]
fn datagrams_arrive_in_order_with_length_source_and_time() {
    let (mut receiver, sender) = (receiver(), sender());
    let before = SystemTime::now();
    let payloads: Vec<Vec<u8>> = [0, 1, 1400, 9000, LONGEST_DATAGRAM, 2]
        .iter()
        .enumerate()
        .map(|(place, length)| vec![place as u8; *length])
        .collect();
    for payload in &payloads {
        sender
            .send_to(payload, receiver.local_addr().unwrap())
            .unwrap();
    }
    for payload in &payloads {
        let received = receiver
            .receive_within(TIMEOUT)
            .unwrap()
            .expect("a datagram");
        assert!(
            received.bytes == payload,
            "{} of {}",
            received.bytes.len(),
            payload.len()
        );
        assert_eq!(received.source, sender.local_addr().unwrap());
        // The kernel and the test may read different clocks.
        let slack = Duration::from_millis(100);
        assert!(received.received_at > before - slack);
        assert!(received.received_at < SystemTime::now() + slack);
    }
    let stats = receiver.stats();
    let bytes = payloads.iter().map(|payload| payload.len() as u64).sum();
    assert_eq!(
        (stats.datagrams, stats.bytes, stats.truncated),
        (6, bytes, 0)
    );
    assert!(receiver.buffer_granted().unwrap() > 0);
}

#[test]
fn burst_arrives_in_order_and_in_few_batches() {
    let (mut receiver, sender) = (receiver(), sender());
    let address = receiver.local_addr().unwrap();
    for number in 0..300u32 {
        sender.send_to(&number.to_be_bytes(), address).unwrap();
    }
    for number in 0..300u32 {
        let received = receiver
            .receive_within(TIMEOUT)
            .unwrap()
            .expect("a datagram");
        assert_eq!(received.bytes, number.to_be_bytes());
    }
    assert!(receiver.try_receive().unwrap().is_none());
    let stats = receiver.stats();
    assert_eq!(stats.datagrams, 300);
    if cfg!(target_os = "linux") {
        assert!(stats.batches <= 10, "{stats:?}");
        assert_eq!(stats.kernel_drops, Some(0));
    }
}

#[test]
fn longest_ipv6_datagram_arrives() {
    let localhost = "[::1]:0".parse().unwrap();
    let Ok(mut receiver) = UdpReceiver::bind(localhost, &SocketSettings::default()) else {
        eprintln!("skipped: no IPv6 on this machine");
        return;
    };
    let sender = UdpSocket::bind(localhost).unwrap();
    let longest = vec![6; LONGEST_DATAGRAM + 20];
    sender
        .send_to(&longest, receiver.local_addr().unwrap())
        .unwrap();
    let received = receiver
        .receive_within(TIMEOUT)
        .unwrap()
        .expect("a datagram");
    assert!(received.bytes == longest, "{} bytes", received.bytes.len());
    assert_eq!(received.source, sender.local_addr().unwrap());
}

#[test]
fn unspecified_ipv6_address_receives_ipv4_with_ipv4_source() {
    let address = "[::]:0".parse().unwrap();
    let Ok(mut receiver) = UdpReceiver::bind(address, &SocketSettings::default()) else {
        eprintln!("skipped: no IPv6 on this machine");
        return;
    };
    let sender = sender();
    let port = receiver.local_addr().unwrap().port();
    sender.send_to(b"telemetry", ("127.0.0.1", port)).unwrap();
    let received = receiver
        .receive_within(TIMEOUT)
        .unwrap()
        .expect("a datagram");
    assert_eq!(received.source, sender.local_addr().unwrap());
}

/// The time of a datagram is that of its arrival, not that of the call.
#[cfg(target_os = "linux")]
#[test]
fn received_at_is_the_time_of_arrival() {
    const UNREAD: Duration = Duration::from_millis(40);
    let (mut receiver, sender) = (receiver(), sender());
    let address = receiver.local_addr().unwrap();
    // The kernel enables timestamps asynchronously: the first datagrams may have none.
    let is_early = (0..50).any(|_| {
        sender.send_to(b"telemetry", address).unwrap();
        thread::sleep(UNREAD);
        let received = receiver
            .receive_within(TIMEOUT)
            .unwrap()
            .expect("a datagram");
        received
            .received_at
            .elapsed()
            .is_ok_and(|age| age >= UNREAD - Duration::from_millis(5))
    });
    assert!(is_early);
}

/// Every datagram is either returned or counted as dropped.
#[cfg(target_os = "linux")]
#[test]
fn drops_of_a_full_buffer_are_counted() {
    const SENT: u64 = 500;
    let small = SocketSettings::default().with(|settings| settings.receive_buffer = 4096);
    let mut receiver = UdpReceiver::bind(loopback(), &small).unwrap();
    let Some(0) = receiver.stats().kernel_drops else {
        eprintln!("skipped: the kernel does not count dropped datagrams");
        return;
    };
    let sender = sender();
    let address = receiver.local_addr().unwrap();
    for round in 1..=2 {
        for _ in 0..SENT {
            sender.send_to(&[7; 500], address).unwrap();
        }
        while receiver.try_receive().unwrap().is_some() {}
        // The kernel reports drops with the next datagram.
        sender.send_to(b"next", address).unwrap();
        loop {
            let received = receiver.receive_within(TIMEOUT).unwrap();
            if received.expect("a datagram").bytes == b"next" {
                break;
            }
        }
        let stats = receiver.stats();
        let drops = stats.kernel_drops.unwrap();
        assert!(drops > 0);
        assert_eq!(stats.datagrams + drops, round * (SENT + 1));
    }
}

#[test]
fn wait_ends_at_timeout_and_later_datagram_is_received() {
    let (mut receiver, sender) = (receiver(), sender());
    let address = receiver.local_addr().unwrap();
    let start = Instant::now();
    assert!(
        receiver
            .receive_within(Duration::from_millis(30))
            .unwrap()
            .is_none()
    );
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_millis(20) && waited < TIMEOUT,
        "{waited:?}"
    );
    assert!(receiver.receive_within(Duration::ZERO).unwrap().is_none());
    assert!(receiver.try_receive().unwrap().is_none());

    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        sender.send_to(b"telemetry", address).unwrap();
    });
    assert_eq!(receiver.receive().unwrap().bytes, b"telemetry");
    late.join().unwrap();
    assert_eq!(
        (receiver.stats().datagrams, receiver.stats().batches),
        (1, 1)
    );
}

#[test]
fn shared_address_delivers_each_sender_to_one_receiver() {
    let mut receivers =
        UdpReceiver::bind_shared(loopback(), &SocketSettings::default(), 2).unwrap();
    let address = receivers[0].local_addr().unwrap();
    assert!(
        receivers
            .iter()
            .all(|receiver| receiver.local_addr().unwrap() == address)
    );
    let senders: Vec<UdpSocket> = (0..8).map(|_| sender()).collect();
    for _ in 0..3 {
        for sender in &senders {
            sender.send_to(b"telemetry", address).unwrap();
        }
    }
    let mut sources: [Vec<SocketAddr>; 2] = [Vec::new(), Vec::new()];
    let begin = Instant::now();
    while sources.iter().map(Vec::len).sum::<usize>() < 24 {
        assert!(begin.elapsed() < TIMEOUT, "{sources:?}");
        for (receiver, sources) in receivers.iter_mut().zip(&mut sources) {
            let received = receiver.receive_within(Duration::from_millis(10)).unwrap();
            sources.extend(received.map(|received| received.source));
        }
    }
    for receiver in &mut receivers {
        assert!(receiver.try_receive().unwrap().is_none());
    }
    for sender in &senders {
        let source = sender.local_addr().unwrap();
        let count = sources
            .iter()
            .filter(|sources| sources.contains(&source))
            .count();
        assert!(
            count == 1 || !cfg!(target_os = "linux"),
            "{source} was received by {count} receivers"
        );
    }
}

#[test]
fn bind_error_contains_cause_and_advice() {
    let first = receiver();
    let address = first.local_addr().unwrap();
    let error = UdpReceiver::bind(address, &SocketSettings::default()).unwrap_err();
    assert_eq!(
        (error.address, error.source.kind()),
        (address, ErrorKind::AddrInUse)
    );
    assert!(error.to_string().contains("another port"), "{error}");

    let elsewhere = ([192, 0, 2, 1], 0).into();
    let error = UdpReceiver::bind(elsewhere, &SocketSettings::default()).unwrap_err();
    assert!(
        error.to_string().contains("an address of this machine"),
        "{error}"
    );
}

#[test]
fn receive_buffer_has_requested_size() {
    let granted = |receive_buffer| {
        let settings = SocketSettings::default().with(|it| it.receive_buffer = receive_buffer);
        UdpReceiver::bind(loopback(), &settings)
            .unwrap()
            .buffer_granted()
            .unwrap()
    };
    assert!(granted(64 << 10) >= 64 << 10);
    assert!(granted(64 << 10) < granted(128 << 10));
    assert!(granted(usize::MAX) >= granted(128 << 10));
}

#[cfg(feature = "tokio")]
mod tokio_runtime {
    use sflow_collector::udp::AsyncUdpReceiver;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn cancelled_receive_loses_no_datagram() {
        let mut receiver = AsyncUdpReceiver::new(receiver()).unwrap();
        assert!(receiver.try_receive().unwrap().is_none());
        let cancelled = timeout(Duration::from_millis(10), receiver.receive()).await;
        assert!(cancelled.is_err());
        let (sender, address) = (sender(), receiver.local_addr().unwrap());
        sender.send_to(b"telemetry", address).unwrap();
        let received = timeout(TIMEOUT, receiver.receive()).await.unwrap().unwrap();
        assert_eq!(received.bytes, b"telemetry");
        assert_eq!(received.source, sender.local_addr().unwrap());
        assert!(receiver.try_receive().unwrap().is_none());
        sender.send_to(b"again", address).unwrap();
        let received = timeout(TIMEOUT, receiver.receive()).await.unwrap().unwrap();
        assert_eq!(received.bytes, b"again");
        assert_eq!(
            (receiver.stats().datagrams, receiver.stats().bytes),
            (2, 14)
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn task_receives_burst_and_longest_datagram() {
        let mut receiver = AsyncUdpReceiver::new(receiver()).unwrap();
        let (sender, address) = (sender(), receiver.local_addr().unwrap());
        let task = tokio::spawn(async move {
            for number in 0..200u32 {
                let received = receiver.receive().await.unwrap();
                assert_eq!(received.bytes, number.to_be_bytes());
            }
            assert_eq!(
                receiver.receive().await.unwrap().bytes.len(),
                LONGEST_DATAGRAM
            );
            receiver.stats()
        });
        for number in 0..200u32 {
            sender.send_to(&number.to_be_bytes(), address).unwrap();
            if number % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        sender.send_to(&vec![7; LONGEST_DATAGRAM], address).unwrap();
        let stats = timeout(TIMEOUT, task).await.unwrap().unwrap();
        assert_eq!(stats.datagrams, 201);
    }

    #[cfg(feature = "stream")]
    #[tokio::test(flavor = "current_thread")]
    async fn stream_yields_owned_datagrams() {
        use std::future::poll_fn;
        use std::pin::pin;

        use futures_core::Stream as _;

        let receiver = AsyncUdpReceiver::new(receiver()).unwrap();
        let (sender, address) = (sender(), receiver.local_addr().unwrap());
        let source = sender.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut stream = pin!(receiver);
            let mut all = Vec::new();
            for _ in 0..300 {
                let next = poll_fn(|context| stream.as_mut().poll_next(context)).await;
                all.push(next.expect("the stream does not end").unwrap());
            }
            (all, stream.stats())
        });
        for number in 0..300u32 {
            sender.send_to(&number.to_be_bytes(), address).unwrap();
            if number % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let (all, stats) = timeout(TIMEOUT, task).await.unwrap().unwrap();
        for (number, datagram) in (0..300u32).zip(&all) {
            assert_eq!(datagram.bytes, number.to_be_bytes()[..]);
            assert_eq!(datagram.source, source);
        }
        assert_eq!(stats.datagrams, 300);
    }
}
