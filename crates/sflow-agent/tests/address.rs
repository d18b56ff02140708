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
fn collector_with_invalid_port_is_rejected() {
    for given in [
        "",
        ":6343",
        "elb:",
        "elb:x",
        "elb:0",
        "elb:70000",
        "[::1]:x",
    ] {
        assert!(given.parse::<CollectorAddress>().is_err(), "{given}");
    }
}
