//! Receives datagrams, and prints the processor time of every container and virtual machine.
//!
//! `cargo run -p sflow-v5 --example receiver -- 0.0.0.0:6343`

use std::{env, io, net::UdpSocket};

use sflow_v5::counter::{HostDescr, VirtCpu};
use sflow_v5::{Datagram, Sample};

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or("0.0.0.0:6343".to_owned());
    let socket = UdpSocket::bind(address)?;
    let mut buffer = [0; 65_536];
    loop {
        let (length, sender) = socket.recv_from(&mut buffer)?;
        let datagram = match Datagram::parse(&buffer[..length]) {
            Ok(datagram) => datagram,
            Err(error) => {
                eprintln!("{sender}: {error}");
                continue;
            }
        };
        for sample in datagram.samples() {
            let Sample::Counters(sample) = sample else {
                continue;
            };
            if let Some(cpu) = sample.find::<VirtCpu>() {
                let host = sample.find::<HostDescr<'_>>().unwrap_or_default();
                println!("{}: {} ms of CPU time", host.hostname, cpu.cpu_time);
            }
        }
    }
}
