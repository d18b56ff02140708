use super::*;
use proptest::prelude::*;

#[test]
fn canonical_definition_is_written_as_parsed() {
    let cases = [
        "keys=;value=bytes",
        "keys=container.src,container.dst,ip.protocol;value=bytes.net",
        "keys=ip.src;value=frames;filter=port.dst=80|443&ip.dst=10.0.0.0/8;top=20;smooth=10s",
        "keys=drop.reason;value=drops;filter=drop.reason!=258..262;smooth=off",
        "keys=ip.src;value=bytes[60s tumbling]",
        "keys=;value=distinct(ip.src)[1.5s tumbling];filter=tcp.flags=[S.]|*[1m]*;top=3",
        "keys=ip.dst;value=distinct(ip.src,port.src);smooth=0.5s",
        "keys=inner.ip.src;value=bytes;filter=mac.src=02:00:00:00:00:01&vlan!=*&data_source=0:3",
        r"keys=end.src;value=bytes;filter=container.src=a\&b\;c\|d*e&end.dst=10.0.0.1|web",
        "keys=;value=bytes;filter=(ip.src=10.0.0.1||ip.dst=10.0.0.1|10.0.0.2)&ip.protocol=6",
        r"keys=;value=bytes;filter=(url=a\)b||url.host!=(c)",
        "keys=;value=bytes;filter=url=(d)",
    ];
    for case in cases {
        let definition = case.parse::<Definition>();
        let definition = definition.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(definition.to_string(), case);
    }
}

#[test]
fn definition_is_written_in_canonical_form() {
    let cases = [
        (
            " value = bytes ; keys = ip.src , ip.dst ; top = 100 ; smooth = 2s ",
            "keys=ip.src,ip.dst;value=bytes",
        ),
        (
            "filter=ip.protocol=tcp|udp & drop.reason=acl;keys=",
            "keys=;value=bytes;filter=ip.protocol=6|17&drop.reason=258",
        ),
        (
            "filter=ether.type=0x0800&mac.dst=2-0-0-0-0-ff",
            "keys=;value=bytes;filter=ether.type=2048&mac.dst=02:00:00:00:00:ff",
        ),
        (
            "keys=source,host_name;filter=source=0:3",
            "keys=data_source,host;value=bytes;filter=data_source=0:3",
        ),
        (
            "filter=vlan=7&vlan=7;smooth=1m",
            "keys=;value=bytes;filter=vlan=7;smooth=60s",
        ),
        (
            "keys = ip.src [ 1m tumbling ] ; top = 5",
            "keys=ip.src;value=bytes[60s tumbling];top=5",
        ),
        (
            "filter=(vlan=7)[500ms tumbling]",
            "keys=;value=bytes[0.5s tumbling];filter=vlan=7",
        ),
    ];
    for (case, expected) in cases {
        let definition = case.parse::<Definition>();
        let definition = definition.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(definition.to_string(), expected, "{case}");
    }
}

#[test]
fn error_has_position_and_reason() {
    let cases = [
        ("", 0, "expected a part"),
        ("keys", 4, "expected `=`"),
        ("key=ip.src", 0, "unknown part `key`; expected keys, value"),
        ("keys=ip.src;keys=", 12, "duplicate `keys`"),
        ("keys=ip.src,", 12, "expected a key"),
        ("keys=ip.src,ip.src", 12, "duplicate `ip.src`"),
        (
            "keys=ip.srk",
            5,
            "unknown key `ip.srk`; did you mean `ip.src`?",
        ),
        ("keys=xyzzy", 5, "unknown key `xyzzy`\n"),
        ("keys=ip.src ip.dst", 12, "expected `;` and another part"),
        ("value=", 6, "expected a value"),
        ("value=octets", 6, "unknown value `octets`"),
        ("value=distinct", 14, "expected `(`"),
        ("value=distinct()", 15, "expected a key"),
        (
            "value=distinct(ip.src",
            21,
            "expected `,` and another key, or `)`",
        ),
        ("filter=", 7, "expected a key"),
        ("filter=vlan", 11, "expected `=` or `!=`"),
        ("filter=vlan=", 12, "expected a value"),
        ("filter=vlan=7|", 14, "expected a value"),
        ("filter=vlan=x", 12, "`x` is not a number"),
        (
            "filter=port.dst=9..1",
            16,
            "`9..1` is not a number or a range",
        ),
        (
            "filter=vlan=7&ip.src=10.0.0.0/33",
            21,
            "`10.0.0.0/33` is not an IP address or a prefix",
        ),
        ("filter=ip.protocol=tpc", 19, "`tpc` is not a protocol"),
        ("filter=drop.reason=x", 19, "`x` is not a drop reason"),
        ("filter=mac.src=1:2:3", 15, "`1:2:3` is not a MAC address"),
        ("filter=data_source=eth0", 19, "`eth0` is not a data source"),
        (r"filter=url=a\", 13, "expected a character after"),
        ("filter=(vlan=7", 14, "expected `||` and another condition"),
        (
            "filter=(vlan=7&vlan=8)",
            14,
            "expected `||` and another condition",
        ),
        ("filter=(vlan=7||)", 16, "expected a key"),
        ("filter=vlan=7||vlan=8", 13, "expected parentheses"),
        ("filter=(vlan=7)x", 15, "expected `;`"),
        ("top=many", 4, "`many` is not a number"),
        ("smooth=10", 7, "`10` is not a duration"),
        ("smooth=0s", 7, "`0s` is not a duration"),
        ("[1m tumbling]", 0, "expected a part"),
        ("value=bytes[", 12, "expected a duration such as 30s"),
        ("value=bytes[0s tumbling]", 12, "expected a duration"),
        (
            "value=bytes[1m]",
            14,
            "expected `tumbling` after the duration",
        ),
        ("value=bytes[1m:max tumbling]", 14, "expected `tumbling`"),
        ("value=bytes[1m tumbling", 23, "expected `]`"),
        (
            "keys=[1m tumbling];value=bytes[1m tumbling]",
            30,
            "duplicate `[`",
        ),
        (
            "value=bytes[1m tumbling];top=3[1m tumbling]",
            30,
            "duplicate `[`",
        ),
        (
            "smooth=10s;value=bytes[1m tumbling];top=3",
            22,
            "`smooth` and a window exclude each other",
        ),
        (
            "value=bytes[1m tumbling];smooth=off",
            11,
            "`smooth` and a window exclude each other",
        ),
    ];
    for (case, position, message) in cases {
        let error = case.parse::<Definition>().unwrap_err();
        assert!(error.to_string().starts_with(message), "{case}: {error}");
        assert_eq!(error.position(), position, "{case}");
    }
    let error = "vlan=7;".parse::<Filter>().unwrap_err();
    assert_eq!(error.position(), 6);
    let keys: Vec<_> = Key::all().iter().take(17).map(|key| key.name()).collect();
    let error = Key::parse_list(&keys.join(",")).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TooManyKeys { limit: 16 });
}

#[test]
fn part_is_parsed_alone() {
    let keys = Key::parse_list(" ip.src, ip.dst ").unwrap();
    assert_eq!(keys, [Key::IpSource, Key::IpDestination]);
    assert_eq!(Key::parse_list(" "), Ok(Vec::new()));
    let value: Measure = "distinct(ip.src)".parse().unwrap();
    assert_eq!(value.to_string(), "distinct(ip.src)");
    let filters = Filter::parse_list(r"vlan=7 &url=a\;b").unwrap();
    let filters: Vec<_> = filters.iter().map(ToString::to_string).collect();
    assert_eq!(filters, ["vlan=7", r"url=a\;b"]);
    assert_eq!(Filter::parse_list(""), Ok(Vec::new()));
}

#[test]
fn part_with_trailing_text_is_rejected() {
    let cases = [
        (Key::parse_list("ip.src;top=3").unwrap_err(), 6),
        ("bytes;top=3".parse::<Measure>().unwrap_err(), 5),
        (Filter::parse_list("vlan=7;top=3").unwrap_err(), 6),
        (Filter::parse_list("vlan=7&").unwrap_err(), 7),
        (Key::parse_list("ip.src,").unwrap_err(), 7),
    ];
    for (error, position) in cases {
        assert_eq!(error.position(), position, "{error}");
    }
}

proptest! {
    #[test]
    fn any_text_parses_without_panic(text in r"[a-z.=;,&|!*()\[\]\\/ 0-9ß]{0,60}") {
        let _ = text.parse::<Definition>();
    }

    #[test]
    fn any_value_is_written_as_parsed(value in ".+") {
        let definition = Definition::new([Key::ContainerSource]);
        let test = Test::Text(Pattern::exact(value));
        let filter = Filter::new(Key::Url, [test]);
        let other = Filter::not(Key::UrlHost, filter.tests().to_vec());
        let definition = definition.matching(filter.clone()).matching(filter.or(other));
        prop_assert_eq!(definition.to_string().parse::<Definition>(), Ok(definition));
    }
}
