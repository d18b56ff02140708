//! Sending to several collectors.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use sflow_agent::{CollectorAddress, Collectors};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

const MAX_WAIT: Duration = Duration::from_secs(30);

async fn socket() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 16];
    let received = timeout(MAX_WAIT, socket.recv(&mut buffer)).await;
    buffer[..received.unwrap().unwrap()].to_vec()
}

type Reports = Receiver<(String, io::Result<SocketAddr>)>;

fn collectors<const N: usize>(addresses: [CollectorAddress; N]) -> (Collectors, Reports) {
    let (sender, reports) = channel();
    let report = move |collector: &CollectorAddress, result| {
        sender.send((collector.to_string(), result)).ok();
    };
    (Collectors::new(addresses, report), reports)
}

#[tokio::test]
async fn unreachable_collector_does_not_affect_reachable_ones() {
    let ((first, a), (second, b), (unused, gone)) =
        (socket().await, socket().await, socket().await);
    drop(unused);
    let (collectors, reports) = collectors([gone.into(), a.into(), b.into()]);
    for datagram in 0..5 {
        collectors.send(&[datagram]);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(receive(&first).await, [datagram]);
        assert_eq!(receive(&second).await, [datagram]);
    }
    collectors.close().await;
    let failed: Vec<_> = reports
        .iter()
        .filter(|(_, result)| result.is_err())
        .collect();
    let [(collector, _)] = &failed[..] else {
        panic!("{failed:?}");
    };
    assert_eq!(*collector, gone.to_string());
}

#[tokio::test(start_paused = true)]
async fn failure_and_recovery_are_each_reported_once() {
    let (unused, address) = socket().await;
    drop(unused);
    let (collectors, reports) = collectors([address.into()]);
    let send = async || {
        for _ in 0..20 {
            collectors.send(&[7]);
            sleep(Duration::from_secs(1)).await;
        }
        let reports = reports.try_iter().map(|(_, result)| result.ok());
        reports.collect::<Vec<_>>()
    };
    assert_eq!(send().await, [Some(address), None]);
    let collector = UdpSocket::bind(address).await.unwrap();
    assert_eq!(send().await, [Some(address)]);
    assert_eq!(receive(&collector).await, [7]);
    collectors.close().await;
}

#[tokio::test]
async fn closing_sends_what_is_queued() {
    let (collector, address) = socket().await;
    let (collectors, _) = collectors([address.into()]);
    (0..10).for_each(|datagram| collectors.send(&[datagram]));
    collectors.close().await;
    for datagram in 0..10 {
        assert_eq!(receive(&collector).await, [datagram]);
    }
}

#[tokio::test]
async fn local_address_is_that_of_the_route() {
    let address: CollectorAddress = "127.0.0.1".parse().unwrap();
    let local = address.local_address().await.unwrap();
    assert!(local.is_loopback(), "{local}");
    let unknown: CollectorAddress = "does-not-exist.invalid".parse().unwrap();
    assert!(unknown.local_address().await.is_err());
}
