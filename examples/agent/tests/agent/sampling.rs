//! Sampling of packets, in a network namespace of its own.

use std::cell::Cell;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use agent::Settings;
use sflow_v5::flow::SampledHeader;
use sflow_v5::{Datagram, FlowSample, Interface, Sample};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use crate::MAX_WAIT;
use crate::host::{Datagrams, Host, listen, validate};

/// Capturing needs a network namespace; the test runs the next one in a new namespace.
#[test]
fn packets_on_container_interfaces_are_sampled() {
    let inside = Command::new("unshare")
        .args(["--map-root-user", "--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sampling::sampling_in_own_network_namespace",
            "--ignored",
            "--nocapture",
        ])
        .env("ELB_TEST_INSIDE", "1")
        .output();
    let Ok(inside) = inside else {
        eprintln!("skipped: creating a network namespace needs unshare");
        return;
    };
    let errors = String::from_utf8_lossy(&inside.stderr);
    if errors.contains("unshare") && !inside.status.success() {
        eprintln!("skipped: {errors}");
        return;
    }
    let out = String::from_utf8_lossy(&inside.stdout);
    assert!(inside.status.success(), "{out}{errors}");
    assert!(out.contains("1 passed"), "{out}");
}

#[tokio::test]
#[ignore = "run by the test above, in a new network namespace"]
async fn sampling_in_own_network_namespace() {
    const PACKETS: u32 = 6_000;
    const RATE: u32 = 10;
    const PAYLOAD: usize = 500;
    const MARKER: usize = 200;
    if std::env::var_os("ELB_TEST_INSIDE").is_none() {
        return;
    }
    let set_up = "ip link set lo up && ip link add vethedge type veth peer name inside && \
                  ip link set vethedge up && ip link set inside up && \
                  ip addr add 10.9.0.1/24 dev vethedge && \
                  ip neigh add 10.9.0.2 lladdr 02:42:0a:09:00:02 dev vethedge && \
                  cat /proc/net/dev > /dev/null && ip -o link show vethedge";
    let set_up = Command::new("sh").args(["-c", set_up]).output().unwrap();
    if !set_up.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&set_up.stderr));
        return;
    }
    let line = String::from_utf8(set_up.stdout).unwrap();
    let index: u32 = line.split(':').next().unwrap().trim().parse().unwrap();

    let host = Host::new();
    host.interface("vethedge", index, "02:00:00:00:00:0a", 1);
    host.serve();
    let collector = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let settings = Settings {
        sampling: RATE,
        ..host.settings(collector.local_addr().unwrap())
    };
    let datagrams = Mutex::new(Datagrams::new());
    let sent = Cell::new(0);
    listen(&host, settings, collector, &datagrams, async {
        let socket = UdpSocket::bind(("10.9.0.1", 0)).await.unwrap();
        let send = async |length: usize| {
            let packet = vec![7; length];
            socket.send_to(&packet, ("10.9.0.2", 9)).await.unwrap();
            sent.set(sent.get() + 1);
        };
        // The agent sends samples in the order of their packets: once a marker has been sampled and
        // sent, so have all packets before it, and the agent's buffers are empty.
        let drain = async || {
            let before = samples_of(&datagrams.lock().unwrap(), MARKER);
            while samples_of(&datagrams.lock().unwrap(), MARKER) == before {
                send(MARKER).await;
                sleep(Duration::from_millis(10)).await;
            }
        };
        drain().await;
        for packet in 1..=PACKETS {
            send(PAYLOAD).await;
            if packet % 500 == 0 {
                drain().await;
            }
        }
    })
    .await;

    let datagrams = datagrams.into_inner().unwrap();
    validate(&datagrams, MAX_WAIT);
    let mut last: Option<FlowSample<'_>> = None;
    let mut samples = 0;
    for (_, bytes) in &datagrams {
        for sample in Datagram::parse(bytes).unwrap().samples() {
            let Sample::Flow(sample) = sample else {
                continue;
            };
            assert_eq!(sample.source_id.index, index);
            assert_eq!(sample.sampling_rate, RATE);
            let header: SampledHeader<'_> = sample.find().unwrap();
            if header.frame_length as usize != frame_length(PAYLOAD) {
                // A marker, or a packet that the kernel sends on every new interface.
                continue;
            }
            assert_eq!((header.header.0.len(), header.stripped), (128, 4));
            assert_eq!(header.header.0[..6], [0x02, 0x42, 0x0a, 9, 0, 2]);
            assert_eq!(sample.output, Interface::index(index));
            samples += 1;
            last = Some(sample);
        }
    }
    // Five standard deviations of random sampling.
    let expected = f64::from(PACKETS / RATE);
    let difference = (f64::from(samples) - expected).abs();
    assert!(
        difference < 5.0 * (expected * 0.9).sqrt(),
        "{samples} of {PACKETS}"
    );
    let (pool, sent) = (last.unwrap().sample_pool, sent.get());
    assert!(pool.abs_diff(sent) < sent / 5, "{pool} of {sent}");
}

/// Length in bytes of an Ethernet frame with this length of UDP payload.
const fn frame_length(payload: usize) -> usize {
    14 + 20 + 8 + payload + 4
}

/// Number of samples of packets with this length of payload.
fn samples_of(datagrams: &Datagrams, payload: usize) -> usize {
    let is_one = |sample: &Sample<'_>| match sample {
        Sample::Flow(sample) => {
            let header = sample.find::<SampledHeader<'_>>();
            header.is_some_and(|header| header.frame_length as usize == frame_length(payload))
        }
        _ => false,
    };
    let datagrams = datagrams
        .iter()
        .map(|(_, bytes)| Datagram::parse(bytes).unwrap());
    datagrams
        .map(|datagram| datagram.samples().filter(is_one).count())
        .sum()
}
