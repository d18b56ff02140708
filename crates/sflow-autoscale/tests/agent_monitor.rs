//! Rate of an agent's clock, by its datagrams.

use std::net::{IpAddr, Ipv4Addr};

use sflow_autoscale::observe::{AgentMonitor, ClockRate};
use sflow_metrics::{AgentKey, Timestamp};
use sflow_v5::{Datagram, Encoder, Header};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Arrival in seconds, sequence number and uptime of a datagram.
type Stamp = (u64, u32, u32);

fn uptime(datagrams: &[Stamp]) -> Option<(f64, bool)> {
    let mut monitor = AgentMonitor::default();
    let key = AgentKey {
        sender: SENDER,
        address: SENDER.into(),
        sub_agent: 100_000,
        instance: 0,
    };
    for (second, sequence_number, uptime) in datagrams {
        let header = Header {
            agent_address: key.address,
            sub_agent_id: key.sub_agent,
            sequence_number: *sequence_number,
            uptime: *uptime,
        };
        let mut buffer = [0; 64];
        let datagram = Encoder::new(&mut buffer, &header).unwrap().finish();
        let datagram = Datagram::parse(datagram).unwrap();
        monitor.observe(Timestamp::from_secs(*second), SENDER, &datagram);
    }
    let uptime = monitor.samples(key).uptime;
    uptime.map(|ClockRate { rate, is_backwards }| (rate, is_backwards))
}

#[test]
fn clock_rate_is_relative_to_arrival_times() {
    const WRAPPED: u32 = u32::MAX - 4_999;
    type Case = (&'static str, &'static [Stamp], Option<(f64, bool)>);
    let right = Some((1.0, false));
    let cases: [Case; 8] = [
        ("right", &[(100, 1, 5_000), (110, 2, 15_000)], right),
        (
            "in seconds",
            &[(100, 1, 50), (110, 2, 60)],
            Some((0.001, false)),
        ),
        ("constant", &[(100, 1, 0), (110, 2, 0)], Some((0.0, false))),
        (
            "backwards",
            &[(100, 1, 5_000), (105, 2, 4_000), (110, 3, 15_000)],
            Some((1.0, true)),
        ),
        ("wrapped", &[(100, 1, WRAPPED), (110, 2, 5_000)], right),
        (
            "restarted",
            &[(100, 50_000, 5_000_000), (101, 1, 0), (111, 2, 10_000)],
            right,
        ),
        ("too brief", &[(100, 1, 5_000), (102, 2, 7_000)], None),
        (
            "overtaken",
            &[
                (100, 1, 0),
                (110, 3, 10_000),
                (110, 2, 5_000),
                (120, 4, 20_000),
            ],
            right,
        ),
    ];
    for (name, datagrams, expected) in cases {
        assert_eq!(uptime(datagrams), expected, "{name}");
    }
}
