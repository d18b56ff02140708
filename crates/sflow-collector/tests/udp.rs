//! Receiving on loopback.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

use sflow_collector::{LONGEST_DATAGRAM, SocketSettings, UdpReceiver};

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[test]
fn datagrams_arrive_whole_in_order_and_with_their_sender() {
    let mut receiver = UdpReceiver::bind(loopback(), &SocketSettings::default()).unwrap();
    let sender = UdpSocket::bind(loopback()).unwrap();
    let before = SystemTime::now();
    let payloads: Vec<Vec<u8>> = [0, 1, 1400, 9000, LONGEST_DATAGRAM]
        .iter()
        .enumerate()
        .map(|(place, length)| vec![place as u8; *length])
        .collect();
    for payload in &payloads {
        sender.send_to(payload, receiver.local_addr().unwrap()).unwrap();
    }
    for payload in &payloads {
        let received = receiver.receive().unwrap();
        assert_eq!(received.bytes, payload);
        assert_eq!(received.source, sender.local_addr().unwrap());
        assert!(received.received_at >= before);
        assert!(received.received_at.elapsed().unwrap() < Duration::from_secs(60));
    }
    let bytes = payloads.iter().map(|payload| payload.len() as u64).sum();
    assert_eq!((receiver.stats().datagrams, receiver.stats().bytes), (5, bytes));
    assert!(receiver.buffer_granted().unwrap() > 0);
}

#[test]
fn the_unspecified_ipv6_address_receives_ipv4_and_names_it_so() {
    let address = "[::]:0".parse().unwrap();
    let Ok(mut receiver) = UdpReceiver::bind(address, &SocketSettings::default()) else {
        eprintln!("skipped: no IPv6 on this machine");
        return;
    };
    let sender = UdpSocket::bind(loopback()).unwrap();
    let port = receiver.local_addr().unwrap().port();
    sender.send_to(b"telemetry", ("127.0.0.1", port)).unwrap();
    let received = receiver.receive().unwrap();
    assert_eq!(received.source, sender.local_addr().unwrap());
}

#[test]
fn a_taken_address_is_refused_unless_it_is_shared() {
    let first = UdpReceiver::bind(loopback(), &SocketSettings::default()).unwrap();
    let address = first.local_addr().unwrap();
    assert!(UdpReceiver::bind(address, &SocketSettings::default()).is_err());

    let shared = SocketSettings { shared: true, ..SocketSettings::default() };
    let first = UdpReceiver::bind(loopback(), &shared).unwrap();
    assert!(UdpReceiver::bind(first.local_addr().unwrap(), &shared).is_ok());
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "current_thread")]
async fn waiting_may_be_given_up_without_losing_anything() {
    use sflow_collector::AsyncUdpReceiver;

    let receiver = UdpReceiver::bind(loopback(), &SocketSettings::default()).unwrap();
    let mut receiver = AsyncUdpReceiver::new(receiver).unwrap();
    assert!(receiver.try_receive().unwrap().is_none());
    let gave_up = tokio::time::timeout(Duration::from_millis(10), receiver.receive()).await;
    assert!(gave_up.is_err());
    let sender = UdpSocket::bind(loopback()).unwrap();
    sender.send_to(b"telemetry", receiver.local_addr().unwrap()).unwrap();
    assert_eq!(receiver.receive().await.unwrap().bytes, b"telemetry");
    assert!(receiver.try_receive().unwrap().is_none());
}
