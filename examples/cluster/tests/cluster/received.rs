//! Datagrams from a socket to an answer.

use std::net::UdpSocket;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::broker::{Broker, LIMIT};
use crate::datagrams;
use crate::program::{Program, ask};

const AGENTS: u8 = 20;

fn datagrams_reach_the_answer(broker: &Broker) {
    let receivers = [Program::receive(broker), Program::receive(broker)];
    let workers = [Program::work(broker, &["--replay", "all"])];
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for agent in 1..=AGENTS {
        // An agent that sends to both receivers: the copies count once.
        for receiver in &receivers {
            let datagram = datagrams::datagram(agent, 1);
            socket.send_to(&datagram, &receiver.address).unwrap();
        }
    }
    let begun = Instant::now();
    loop {
        let (lines, is_complete) = ask(&workers, &["count:load_one,sum:cpu_num"]);
        if is_complete && lines[0]["answers"][0]["value"] == f64::from(AGENTS) {
            assert_eq!(lines[0]["answers"][1]["value"], f64::from(AGENTS) * 2.0);
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{lines:?}");
        sleep(Duration::from_millis(100));
    }
    let [first, _killed] = receivers;
    first.end();
    workers.into_iter().for_each(Program::end);
}

#[test]
fn datagrams_of_two_receivers_reach_the_answer_once() {
    datagrams_reach_the_answer(&Broker::mock(4));
}

#[test]
fn datagrams_reach_the_answer_by_a_real_broker() {
    if let Some(broker) = Broker::of_the_environment(4) {
        datagrams_reach_the_answer(&broker);
    }
}
