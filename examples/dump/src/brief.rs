//! One line for each sampled packet, in the notation of tcpdump.

use std::net::IpAddr;

use jiff::Timestamp;
use sflow_collector::Received;
use sflow_v5::packet::{Ip, IpNumber, Layer, Packet, TcpFlags, Transport};
use sflow_v5::{Address, Datagram, Error, FlowRecord, Sample};

use crate::filter::Filter;
use crate::put::put;

/// Writes a line for each sampled or dropped packet. Returns whether there is one.
pub(crate) fn datagram(
    received: &Received<'_>,
    datagram: &Datagram<'_>,
    filter: &Filter,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    let agent = datagram.header.agent_address;
    filter.samples(datagram, |sample| match sample {
        Sample::Flow(flow) => {
            line(received, flow.records(), out, |out| {
                put!(
                    out,
                    "1 in {}, in {}, out {}",
                    flow.sampling_rate,
                    flow.input,
                    flow.output
                );
                by(agent, out);
            });
        }
        Sample::Discarded(packet) => {
            line(received, packet.records(), out, |out| {
                put!(
                    out,
                    "dropped: {}, in {}",
                    packet.reason,
                    packet.input_if_index
                );
                by(agent, out);
            });
        }
        _ => {}
    });
    out.len() > start
}

/// Writes a line for a datagram that is not sFlow version 5.
pub(crate) fn refused(received: &Received<'_>, error: &Error, out: &mut Vec<u8>) {
    time(received, out);
    put!(out, "not sFlow 5 from {}: {error}\n", received.source);
}

fn by(agent: Address, out: &mut Vec<u8>) {
    put!(out, ", agent {agent})\n");
}

/// `2026-11-23 04:05:44.450411 `, in UTC.
fn time(received: &Received<'_>, out: &mut Vec<u8>) {
    match Timestamp::try_from(received.received_at) {
        Ok(time) => put!(out, "{} ", time.strftime("%F %T.%6f")),
        Err(_) => put!(out, "unknown time "),
    }
}

/// Writes the packet that the first suitable record describes, and how it was sampled.
fn line<'a>(
    received: &Received<'_>,
    records: impl Iterator<Item = FlowRecord<'a>>,
    out: &mut Vec<u8>,
    sampled: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    time(received, out);
    for record in records {
        let frame_length = match record {
            FlowRecord::SampledHeader(header) => {
                packet(&header.dissect(), out);
                Some(header.frame_length)
            }
            FlowRecord::SampledIpv4(ip) => {
                let ends = [ip.src_ip.0.into(), ip.dst_ip.0.into()];
                fields(
                    ends,
                    [ip.src_port, ip.dst_port],
                    ip.protocol,
                    ip.tcp_flags,
                    out,
                );
                Some(ip.length)
            }
            FlowRecord::SampledIpv6(ip) => {
                let ends = [ip.src_ip.0.into(), ip.dst_ip.0.into()];
                fields(
                    ends,
                    [ip.src_port, ip.dst_port],
                    ip.protocol,
                    ip.tcp_flags,
                    out,
                );
                Some(ip.length)
            }
            FlowRecord::SampledEthernet(ethernet) => {
                let (source, destination) = (ethernet.src_mac, ethernet.dst_mac);
                put!(
                    out,
                    "{source} > {destination}, ethertype {:#06x}",
                    ethernet.kind
                );
                Some(ethernet.length)
            }
            _ => None,
        };
        if let Some(length) = frame_length {
            put!(out, " ({length} bytes, ");
            sampled(out);
            return;
        }
    }
    // No record describes the packet.
    out.truncate(start);
}

/// `IP 10.0.0.1.80 > 10.0.0.2.50000: Flags [S.], length 0`, and the packet in a tunnel behind its
/// name.
fn packet(packet: &Packet<'_>, out: &mut Vec<u8>) {
    let mut packet = *packet;
    loop {
        for tag in packet.vlans() {
            put!(out, "vlan {tag}, ");
        }
        let Some(ip) = packet.ip() else {
            return put!(out, "{packet}");
        };
        let transport = packet.transport();
        let ports = transport.map(|it| [it.source_port, it.destination_port]);
        let ports = ports.map(|ports| ports.map(u32::from));
        ends([ip.source, ip.destination], ports, out);
        if let (Some(tunnel), Some(inner)) = (packet.tunnel(), packet.inner()) {
            put!(out, "{tunnel}: ");
            packet = inner;
            continue;
        }
        protocol(ip.protocol, transport.and_then(|it| it.tcp_flags), out);
        if let Some(icmp) = packet.icmp() {
            put!(out, " type {} code {}", icmp.kind(), icmp.code());
        }
        if let Some(length) = payload(&packet, ip, transport) {
            put!(out, ", length {length}");
        }
        return;
    }
}

/// `IP 10.0.0.1.80 > 10.0.0.2.50000: `
fn ends(ends: [IpAddr; 2], ports: Option<[u32; 2]>, out: &mut Vec<u8>) {
    let version = if ends[0].is_ipv4() { "IP" } else { "IP6" };
    let [source, destination] = ends;
    match ports {
        Some([from, to]) => put!(out, "{version} {source}.{from} > {destination}.{to}: "),
        None => put!(out, "{version} {source} > {destination}: "),
    }
}

fn protocol(protocol: IpNumber, flags: Option<TcpFlags>, out: &mut Vec<u8>) {
    match (protocol, flags) {
        (IpNumber::TCP, Some(flags)) => put!(out, "Flags {flags}"),
        (protocol, _) => match protocol.keyword() {
            Some(keyword) => put!(out, "{keyword}"),
            None => put!(out, "ip-proto-{}", protocol.0),
        },
    }
}

/// A packet without its header.
fn fields(addresses: [IpAddr; 2], ports: [u32; 2], number: u32, flags: u32, out: &mut Vec<u8>) {
    let number = IpNumber(u8::try_from(number).unwrap_or(u8::MAX));
    let has_ports = matches!(number, IpNumber::TCP | IpNumber::UDP);
    ends(addresses, has_ports.then_some(ports), out);
    let flags = (number == IpNumber::TCP).then_some(TcpFlags((flags & 0xff) as u16));
    protocol(number, flags, out);
}

/// The number of bytes behind the headers; `None` if it is unknown.
fn payload(packet: &Packet<'_>, ip: Ip, transport: Option<Transport>) -> Option<usize> {
    let mut length = usize::try_from(ip.length).ok()?;
    for layer in packet.own_layers() {
        let header = match layer {
            Layer::Ipv4(header) => header.header_length(),
            Layer::Ipv6(_) => 40,
            Layer::Ipv6Extension(_, header) => header.bytes().len(),
            Layer::Ipv6Fragment(_) | Layer::Udp(_) => 8,
            Layer::Authentication(header) => header.bytes().len(),
            Layer::Tcp(header) => usize::from(*header.bytes().get(12)? >> 4) * 4,
            _ => 0,
        };
        // Segmentation by the network card leaves the length of IP at 0.
        length = length.checked_sub(header)?;
    }
    let is_other =
        transport.is_some_and(|it| !matches!(it.protocol, IpNumber::TCP | IpNumber::UDP));
    (!is_other).then_some(length)
}
