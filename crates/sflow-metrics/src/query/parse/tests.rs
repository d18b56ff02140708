use super::*;
use proptest::prelude::*;

#[test]
fn text_form_round_trips() {
    let cases = [
        "avg:vir_cpu_utilization",
        "avg:vir_cpu_cores,max:vir_mem_used{container=apache.*,container.state=running}",
        "sum:vir_bytes_in+vir_bytes_out{container=a|b*c|*}[30s]",
        "max:load_one{host=node1}[1.5s:max]",
        r"any:ifinoctets{interface=a\*b\|c\,d\}e\\f}",
        "p99.9:load_one,median:load_five,iqr:load_fifteen{host!=a|b,host.uuid=*,agent!=*}",
        "avg:load_one by agent",
        "avg:vir_cpu_cores{host=a} by container=a_(*).*.* [60s:p95 tumbling]",
        r"avg:vir_cpu_cores by container=\*\ \[(*)\)",
        "avg:load_one[60s:median]",
    ];
    for case in cases {
        assert_eq!(case.parse::<Query>().unwrap().to_string(), case);
    }
}

#[test]
fn equivalent_texts_are_normalised() {
    let cases = [
        (
            " avg : load_one , sum:load_five { host=a } [ 1m ] ",
            "avg:load_one,sum:load_five{host=a }[60s]",
        ),
        ("avg:load_one{}", "avg:load_one"),
        (
            "avg:load_one{host=a,agent=b,host=c}",
            "avg:load_one{host=a|c,agent=b}",
        ),
        ("avg:load_one[500ms:mean]", "avg:load_one[0.5s]"),
        ("med:load_one[1m:p50]", "median:load_one[60s:median]"),
        (
            "avg:load_one{ host , ! agent }",
            "avg:load_one{host=*,agent!=*}",
        ),
        (
            "avg:load_one{host ! =a}by agent[5s]",
            "avg:load_one{host!=a} by agent [5s]",
        ),
    ];
    for (case, expected) in cases {
        assert_eq!(
            case.parse::<Query>().unwrap().to_string(),
            expected,
            "{case}"
        );
    }
}

#[test]
fn former_names_of_keys_are_accepted() {
    let cases = [
        ("vir_host_name", "container"),
        ("vir_uuid", "container.uuid"),
        ("vir_cpu_state", "container.state"),
        ("host_name", "host"),
        ("uuid", "host.uuid"),
        ("ifname", "interface"),
        ("ifindex", "interface.index"),
    ];
    for (former, name) in cases {
        let metric = match Key::named(name).unwrap().entity() {
            Some(EntityKind::Container) => "vir_cpu_cores",
            Some(_) => "ifspeed",
            None => "load_one",
        };
        let query = format!("avg:{metric}{{{former}=a}} by {former}=(*).b");
        let query = query.parse::<Query>().unwrap();
        let expected = format!("avg:{metric}{{{name}=a}} by {name}=(*).b");
        assert_eq!(query.to_string(), expected);
    }
}

#[test]
fn filter_of_other_kind_of_entity_is_rejected() {
    let cases = [
        ("avg:load_one{container=a*}", Some(13)),
        ("avg:load_one{host=a, container}", Some(21)),
        ("avg:vir_cpu_cores,max:load_one{container.uuid=a}", Some(31)),
        ("avg:ifspeed{container.state=running}", Some(12)),
        ("avg:vir_cpu_cores{interface=eth0}", Some(18)),
        ("avg:cpu_utilization{ifindex=1}", Some(20)),
        ("avg:load_one{container!=a*,!interface}", None),
        ("avg:vir_cpu_cores{container=a*,host=b}", None),
        ("avg:ifspeed{interface=eth0,host=b}", None),
    ];
    for (case, position) in cases {
        let error = case.parse::<Query>().err();
        assert_eq!(error.map(|error| error.position()), position, "{case}");
    }
    let error = "avg:load_one{container=a*}".parse::<Query>().unwrap_err();
    assert_eq!(
        error.kind().to_string(),
        "`container` selects containers only, and `load_one` is a metric of hosts: filter by a \
         key that hosts have, such as `host`, or use a metric of containers"
    );
}

#[test]
fn width_is_honoured() {
    let query: Query = "avg:load_one{host=a}".parse().unwrap();
    assert_eq!(
        format!("{query:>24}|{query:.3}"),
        "    avg:load_one{host=a}|avg"
    );
    assert_eq!(format!("{:8}|", query.filters()[0]), "host=a  |");
}

#[test]
fn error_has_position() {
    let cases = [
        ("", 0, "expected a statistic and a metric"),
        ("load_one", 0, "expected a statistic and `:`"),
        ("avg", 3, "expected `:` and a metric"),
        (
            "xyzzy:load_one",
            0,
            "unknown statistic `xyzzy`; known statistics: avg, sum",
        ),
        ("avg:", 4, "expected the name of a metric"),
        (
            "avg:load_won",
            4,
            "unknown metric `load_won`; did you mean `load_one`?",
        ),
        ("avg:xyzzy", 4, "unknown metric `xyzzy`\n"),
        (
            "avg:load_one+vir_bytes_in",
            13,
            "`vir_bytes_in` is a metric of another kind",
        ),
        ("avg:load_one,", 13, "expected a statistic and a metric"),
        ("avg:load_one;", 12, "expected `,` and another expression"),
        ("avg:load_one{", 13, "expected a filter"),
        (
            "avg:load_one{name=a}",
            13,
            "unknown key `name`; known keys: container",
        ),
        ("avg:load_one{host", 17, "expected `=` or `!=` and a value"),
        ("avg:load_one by", 15, "expected a key to group by"),
        ("avg:load_one by name", 16, "unknown key `name`"),
        ("avg:load_one by agent=x", 23, "expected `(*)` for the name"),
        (
            "avg:load_one by agent=(x)",
            23,
            "expected `(*)` for the name",
        ),
        ("avg:load_one by agent x", 22, "expected a window"),
        ("p101:load_one", 0, "unknown statistic `p101`"),
        ("avg:load_one{host=a", 19, "expected `,` and another filter"),
        (r"avg:load_one{host=a\", 20, "expected a character after"),
        ("avg:load_one{host=a}x", 20, "expected `by` and a key"),
        ("avg:load_one[]", 13, "expected a duration"),
        ("avg:load_one[30]", 13, "invalid duration `30`"),
        ("avg:load_one[0s]", 13, "invalid duration `0s`"),
        ("avg:load_one[-5s]", 13, "invalid duration `-5s`"),
        (
            "avg:load_one[5s:count]",
            16,
            "unknown window function `count`; known functions: mean",
        ),
        ("avg:load_one[5s", 15, "expected `]`"),
        ("avg:load_one[5s]]", 16, "expected nothing more"),
    ];
    for (case, position, words) in cases {
        let error = case.parse::<Query>().unwrap_err();
        assert_eq!(error.position(), position, "{case}");
        assert!(error.to_string().starts_with(words), "{case}: {error}");
    }
}

#[test]
fn parts_are_accepted_in_any_order() {
    let usual = "avg:load_one,max:load_one{host=a*} by agent [5m:max]";
    let usual: Query = usual.parse().unwrap();
    for text in [
        "avg:load_one,max:load_one[5m:max]{host=a*} by agent",
        "avg:load_one[5m:max],max:load_one[5m:max]{host=a*} by agent",
        "avg:load_one[5m:max],max:load_one by agent {host=a*}",
        "avg:load_one,max:load_one{host=a*}[5m:max] by agent",
        "avg:load_one,max:load_one{host=a*}[300s:max] by agent[5m:max]",
    ] {
        assert_eq!(text.parse(), Ok(usual.clone()), "{text}");
    }
    for (text, position, words) in [
        (
            "avg:load_one[5m],max:load_one[1m]",
            30,
            "expected the same window as before",
        ),
        ("avg:load_one by agent by host", 22, "expected a window"),
        (
            "avg:load_one[5m max]",
            16,
            "expected `]`, or `:` and a function",
        ),
        (
            "mean:load_one",
            0,
            "unknown statistic `mean`; did you mean `avg`?",
        ),
        (
            "avgg:load_one",
            0,
            "unknown statistic `avgg`; did you mean `avg`?",
        ),
        (
            "avg:load_one by hoost",
            16,
            "unknown key `hoost`; did you mean `host`?",
        ),
        (
            "avg:load_one[5m:avg]",
            16,
            "unknown window function `avg`; did you mean `mean`?",
        ),
    ] {
        let error = text.parse::<Query>().unwrap_err();
        assert_eq!(error.position(), position, "{text}: {error}");
        assert!(error.to_string().starts_with(words), "{text}: {error}");
    }
}

#[test]
fn mark_counts_characters() {
    let error = "avg:load_one{host=größe}x".parse::<Query>().unwrap_err();
    let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[2].find('^'), Some(2 + 24));
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in r"(avg:load_one)?[a-z_:,+{}=!|*()\[\]\\ 0-9ß]{0,40}") {
        let _ = text.parse::<Query>();
    }

    #[test]
    fn any_value_round_trips(value in ".*") {
        let query = "avg:load_one".parse::<Query>().unwrap();
        let query = query.matching(Key::Host, [Pattern::exact(value)]);
        prop_assert_eq!(query.to_string().parse::<Query>(), Ok(query));
    }
}
