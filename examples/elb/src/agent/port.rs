use sflow_v5::counter::IfCounters;
use sflow_v5::enums::IfDirection;
use sflow_v5::types::{Counter32, Gauge32, Gauge64};

use super::kernel::{Interface, Roots, long, short};

/// What the agent reads of an interface; nothing once that is gone.
pub(super) fn counters(roots: &Roots, interface: &Interface) -> Option<IfCounters> {
    const ETHERNET: u32 = 6;
    const PROMISCUOUS: u32 = 0x100;
    let traffic = *roots.traffic(None).get(&interface.name)?;
    let file = |name: &str| roots.system(format!("class/net/{}/{name}", interface.name));
    // Bit 0: switched on; bit 1: works. Interfaces without a carrier say "unknown".
    let status = match file("operstate").as_str() {
        "up" | "unknown" => 3,
        _ => 1,
    };
    // In Mbit/s; -1 or nothing where there is no such thing.
    let speed = file("speed").parse::<u64>().unwrap_or(0) * 1_000_000;
    let direction = match file("duplex").as_str() {
        "full" => IfDirection::FULL_DUPLEX,
        "half" => IfDirection::HALF_DUPLEX,
        _ => IfDirection::UNKNOWN,
    };
    let flags = file("flags");
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
    Some(IfCounters {
        if_index: interface.index,
        if_type: ETHERNET,
        if_speed: Gauge64(speed),
        if_direction: direction,
        if_status: Gauge32(status),
        if_in_octets: long(traffic.bytes_in),
        if_in_ucast_pkts: short(traffic.packets_in),
        if_in_multicast_pkts: Counter32::UNKNOWN,
        if_in_broadcast_pkts: Counter32::UNKNOWN,
        if_in_discards: short(traffic.drops_in),
        if_in_errors: short(traffic.errors_in),
        if_in_unknown_protos: Counter32::UNKNOWN,
        if_out_octets: long(traffic.bytes_out),
        if_out_ucast_pkts: short(traffic.packets_out),
        if_out_multicast_pkts: Counter32::UNKNOWN,
        if_out_broadcast_pkts: Counter32::UNKNOWN,
        if_out_discards: short(traffic.drops_out),
        if_out_errors: short(traffic.errors_out),
        if_promiscuous_mode: Gauge32(u32::from(flags & PROMISCUOUS != 0)),
    })
}
