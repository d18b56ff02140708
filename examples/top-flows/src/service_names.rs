//! Names of the services that are common at ports.

use sflow_metrics::flow::{Key, Value};

use crate::format;

/// Ports and names, as in the registry of IANA or as in general use, in the order of the ports.
const NAMES: &[(u64, &str)] = &[
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (53, "dns"),
    (67, "dhcp"),
    (68, "dhcp"),
    (69, "tftp"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (111, "rpcbind"),
    (123, "ntp"),
    (137, "netbios"),
    (139, "netbios"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmptrap"),
    (179, "bgp"),
    (389, "ldap"),
    (443, "https"),
    (445, "smb"),
    (465, "smtps"),
    (500, "ike"),
    (514, "syslog"),
    (546, "dhcpv6"),
    (547, "dhcpv6"),
    (587, "submission"),
    (636, "ldaps"),
    (853, "dns-tls"),
    (873, "rsync"),
    (989, "ftps"),
    (993, "imaps"),
    (995, "pop3s"),
    (1194, "openvpn"),
    (1433, "mssql"),
    (1521, "oracle"),
    (1812, "radius"),
    (1883, "mqtt"),
    (2049, "nfs"),
    (2377, "swarm"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3260, "iscsi"),
    (3306, "mysql"),
    (3389, "rdp"),
    (3478, "stun"),
    (4500, "ipsec-nat"),
    (4739, "ipfix"),
    (4789, "vxlan"),
    (5060, "sip"),
    (5201, "iperf3"),
    (5353, "mdns"),
    (5432, "postgresql"),
    (5672, "amqp"),
    (5900, "vnc"),
    (6081, "geneve"),
    (6343, "sflow"),
    (6379, "redis"),
    (6443, "kubernetes"),
    (7946, "swarm"),
    (8080, "http-alt"),
    (8443, "https-alt"),
    (9090, "prometheus"),
    (9092, "kafka"),
    (9200, "elastic"),
    (10250, "kubelet"),
    (11211, "memcached"),
    (27017, "mongodb"),
    (51820, "wireguard"),
];

/// A printable value of a key: of a port with the name of its service, `443 https`.
pub fn value(key: Key, value: &Value) -> String {
    let text = format::value(value);
    match (key, value) {
        (
            Key::PortSource
            | Key::PortDestination
            | Key::InnerPortSource
            | Key::InnerPortDestination,
            Value::Number(port),
        ) => match NAMES.binary_search_by_key(port, |(port, _)| *port) {
            Ok(index) => format!("{text} {}", NAMES[index].1),
            Err(_) => text,
        },
        _ => text,
    }
}

/// The values of the keys of a flow.
pub fn values<'v>(keys: &'v [Key], values: &'v [Value]) -> impl Iterator<Item = String> + 'v {
    keys.iter()
        .zip(values)
        .map(|(key, value)| self::value(*key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_have_names_and_other_numbers_have_none() {
        assert!(NAMES.is_sorted_by(|(a, _), (b, _)| a < b));
        for (key, number, expected) in [
            (Key::PortDestination, 443, "443 https"),
            (Key::PortSource, 444, "444"),
            (Key::Vlan, 443, "443"),
        ] {
            assert_eq!(value(key, &Value::Number(number)), expected);
        }
    }
}
