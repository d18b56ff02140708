//! Predefined questions by category.

use std::path::Path;

use anyhow::Context as _;

use crate::question::{Fields, Question};

/// A predefined question.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The category.
    pub category: String,
    /// The protocol.
    pub protocol: String,
    /// A short description.
    pub description: String,
    /// The question.
    #[serde(flatten)]
    pub fields: Fields,
}

/// Maximum number of presets in a file.
const MOST: usize = 1000;

/// Maximum size of a file of presets in bytes.
const LONGEST: u64 = 1 << 20;

#[rustfmt::skip]
const OWN: [[&str; 6]; 48] = [
    ["Addresses", "IP", "Senders", "ip.src", "bits", ""],
    ["Addresses", "IP", "Receivers", "ip.dst", "bits", ""],
    ["Addresses", "IP", "Senders and receivers", "ip.src,ip.dst", "bits", ""],
    ["Addresses", "IP", "Senders by number of receivers", "ip.src", "distinct(ip.dst)", ""],
    ["Addresses", "IPv4", "Senders and receivers", "ip.src,ip.dst", "bits", "ip.version=4"],
    ["Addresses", "IPv6", "Senders", "ip.src", "bits", "ip.version=6"],
    ["Addresses", "IPv6", "Receivers", "ip.dst", "bits", "ip.version=6"],
    ["Addresses", "IPv6", "Senders and receivers", "ip.src,ip.dst", "bits", "ip.version=6"],
    ["Addresses", "IP", "By class of service", "ip.dscp,ip.src,ip.dst", "bits", ""],
    ["Ports", "IP", "By protocol", "ip.protocol", "bits", ""],
    ["Ports", "IP", "Conversations", "ip.src,ip.dst,ip.protocol,port.src,port.dst", "bits", ""],
    ["Ports", "TCP", "Applications by destination port", "port.dst", "bits", "ip.protocol=tcp"],
    ["Ports", "TCP", "Servers and their ports", "ip.src,port.src", "bits", "ip.protocol=tcp&port.src=0..1023"],
    ["Ports", "UDP", "Applications by destination port", "port.dst", "bits", "ip.protocol=udp"],
    ["Ports", "DNS", "Requested names", "dns.name", "frames", "dns.response=0"],
    ["Ports", "DNS", "Clients", "ip.src", "frames", "dns.response=0"],
    ["Ports", "DNS", "Servers", "ip.src", "frames", "dns.response=1"],
    ["Ports", "HTTP", "Requests", "url.host,url", "frames", "url=*"],
    ["Ethernet", "Ethernet", "Senders", "mac.src", "frames", ""],
    ["Ethernet", "Ethernet", "Senders and receivers", "mac.src,mac.dst", "bits", ""],
    ["Ethernet", "Ethernet", "Senders of broadcasts", "mac.src", "frames", "mac.dst=ff:ff:ff:ff:ff:ff"],
    ["Ethernet", "Ethernet", "By EtherType", "ether.type", "bits", ""],
    ["Ethernet", "ARP", "Requests by sender and target", "arp.sender,arp.target", "frames", "arp.operation=1"],
    ["Ethernet", "VLAN", "By tag", "vlan,vlan.inner", "bits", "vlan=*"],
    ["Ethernet", "MPLS", "By label", "mpls", "bits", "mpls=*"],
    ["Containers", "Swarm", "Sending and receiving services", "service.src,service.dst", "bits", ""],
    ["Containers", "Swarm", "Sending and receiving containers", "container.src,container.dst", "bits", ""],
    ["Containers", "IP", "Ends by name or address", "end.src,end.dst,ip.protocol", "bits", ""],
    ["Containers", "IP", "Sending and receiving hosts", "host.src,host.dst", "bits", ""],
    ["Containers", "TCP", "Services by port", "service.dst,port.dst", "bits", "service.dst=*&ip.protocol=tcp"],
    ["Drops", "All", "By reason", "drop.reason", "drops", ""],
    ["Drops", "All", "By reason, sender and receiver", "drop.reason,ip.src,ip.dst", "drops", ""],
    ["Drops", "All", "By place", "drop.reason,agent,input,output", "drops", ""],
    ["Drops", "Linux", "By the kernel's reason and function", "drop.linux,drop.function", "drops", ""],
    ["Drops", "Hardware", "By trap", "drop.trap.group,drop.trap", "drops", ""],
    ["Drops", "ACL", "By access list", "drop.acl,ip.src,ip.dst", "drops", "drop.reason=acl"],
    ["Tunnels", "All", "By kind", "tunnel,tunnel.id", "bits", "tunnel=*"],
    ["Tunnels", "VXLAN", "By network", "tunnel.id", "bits", "tunnel=vxlan"],
    ["Tunnels", "Geneve", "By network", "tunnel.id", "bits", "tunnel=geneve"],
    ["Tunnels", "GRE", "By key", "tunnel.id", "bits", "tunnel=*gre*"],
    ["Tunnels", "All", "Senders and receivers inside", "tunnel.id,inner.ip.src,inner.ip.dst", "bits", "tunnel=*"],
    ["Network", "Interfaces", "From input to output", "host,input.name,output.name", "bits", ""],
    ["Network", "BGP", "Between autonomous systems", "as.src,as.dst", "bits", "as.dst=*"],
    ["Network", "IP", "By next router", "router.nexthop", "bits", "router.nexthop=*"],
    ["Security", "TCP", "Connection attempts", "ip.src,ip.dst,port.dst", "frames", "tcp.flags=[S]"],
    ["Security", "TCP", "Port scans: senders by number of ports", "ip.src,ip.dst", "distinct(port.dst)", "tcp.flags=[S]"],
    ["Security", "ICMP", "Unreachable, by receiver and reason", "ip.dst,icmp.code", "frames", "ip.protocol=icmp&icmp.type=3"],
    ["Security", "IP", "Fragments", "ip.src,ip.dst", "frames", "ip.fragment=1"],
];

/// The built-in presets.
pub fn own() -> Vec<Preset> {
    let preset = |[category, protocol, description, keys, value, filter]: [&str; 6]| Preset {
        category: category.to_owned(),
        protocol: protocol.to_owned(),
        description: description.to_owned(),
        fields: Fields {
            keys: keys.to_owned(),
            value: value.to_owned(),
            filter: filter.to_owned(),
        },
    };
    OWN.map(preset).to_vec()
}

/// Reads presets from a file: a JSON list of objects with `category`, `protocol`, `description`, `keys`,
/// `value` and `filter`.
///
/// # Errors
///
/// If the file cannot be read, is not such a list, or contains an invalid question.
pub fn read(path: &Path) -> anyhow::Result<Vec<Preset>> {
    let shown = path.display();
    let size = std::fs::metadata(path)
        .with_context(|| format!("cannot read {shown}"))?
        .len();
    anyhow::ensure!(size <= LONGEST, "{shown} is too long for a list of presets");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let presets: Vec<Preset> =
        serde_json::from_str(&text).with_context(|| format!("{shown} is not a list of presets"))?;
    anyhow::ensure!(
        presets.len() <= MOST,
        "{shown} has more than {MOST} presets"
    );
    for (place, preset) in presets.iter().enumerate() {
        preset
            .fields
            .read(&Question::new([]))
            .with_context(|| format!("preset {} in {shown}", place + 1))?;
    }
    Ok(presets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_presets_are_valid() {
        for preset in own() {
            let read = preset.fields.read(&Question::new([]));
            assert!(read.is_ok(), "{preset:?}: {read:?}");
        }
        let mut categories: Vec<_> = own().into_iter().map(|preset| preset.category).collect();
        categories.dedup();
        let expected = [
            "Addresses",
            "Ports",
            "Ethernet",
            "Containers",
            "Drops",
            "Tunnels",
            "Network",
            "Security",
        ];
        assert_eq!(categories, expected);
    }

    #[test]
    fn preset_files_are_validated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("presets.json");
        let text = serde_json::to_string(&own()).unwrap();
        std::fs::write(&path, text).unwrap();
        assert_eq!(read(&path).unwrap(), own());
        for (text, words) in [
            ("{}", "not a list of presets"),
            (
                r#"[{"category":"","protocol":"","description":"","keys":"ip.sorce"}]"#,
                "preset 1",
            ),
            (
                r#"[{"category":"","protocol":"","description":"","key":""}]"#,
                "not a list",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
