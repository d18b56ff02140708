//! Addresses of collectors.

use sflow_agent::CollectorAddress;

#[test]
fn collector_without_port_gets_the_default_port() {
    for (given, expected) in [
        ("elb", "elb:6343"),
        ("elb:7000", "elb:7000"),
        ("10.0.0.1", "10.0.0.1:6343"),
        ("10.0.0.1:7000", "10.0.0.1:7000"),
        ("::1", "[::1]:6343"),
        ("[::1]", "[::1]:6343"),
        ("[::1]:7000", "[::1]:7000"),
    ] {
        let address: CollectorAddress = given.parse().unwrap();
        assert_eq!(address.as_str(), expected, "{given}");
    }
}

#[test]
fn collector_with_invalid_host_or_port_is_rejected() {
    for given in [
        "",
        ":6343",
        "elb:",
        "elb:x",
        "elb:0",
        "elb:70000",
        "[::1]:x",
        "[::1",
        "::1]",
        "[zz]",
        "[elb]:6343",
        "[]",
        "a:b:80",
        "::1:x",
        "el b",
        "udp://elb:6343",
        "elb\n",
    ] {
        assert!(given.parse::<CollectorAddress>().is_err(), "{given}");
    }
}
