//! Queries over hosts, containers and interfaces.

mod support;

use std::time::Duration;

use sflow_metrics::{
    Config, Metric, Registry,
    entity::{self, Lifecycle},
    event::Threshold,
    query::{Key, Pattern, Query, Window, WindowFn},
};
use sflow_v5::counter::{BstPortBuffers, Lane, Sfp};
use sflow_v5::enums::DomainState;
use sflow_v5::types::{List, Percentage};
use support::{Agent, Container, ask, at, entity, host, interface, metric};

/// Two hosts: `apache` with three tasks, `apache2` with one, a database that is paused.
fn registry() -> Registry {
    let mut registry = Registry::new(Config::default());
    let mut node1 = Agent::new(1);
    let mut node2 = Agent::new(2);
    let mut containers = [
        (
            1,
            Container {
                limit: 2,
                ..Container::new("apache.1.aaaa", 1)
            },
            0.5,
        ),
        (1, Container::new("apache.2.bbbb", 2), 1.5),
        (2, Container::new("apache.3.cccc", 3), 2.5),
        (2, Container::new("apache2.1.dddd", 4), 9.0),
        (
            2,
            Container {
                state: DomainState::PAUSED,
                ..Container::new("db.1.eeee", 5)
            },
            0.0,
        ),
    ];
    for sequence in 1..=3 {
        let seconds = f64::from(sequence) * 10.0;
        let busy = sequence * 8_000;
        node1.report(
            &mut registry,
            seconds,
            &[
                host("node1", sequence, 4, busy, sequence * 32_000),
                interface(3, sequence, 1 << 31, 0),
            ],
        );
        node2.report(
            &mut registry,
            seconds,
            &[host("node2", sequence, 16, busy, busy)],
        );
        for (node, container, cores) in &mut containers {
            let agent = if *node == 1 { &mut node1 } else { &mut node2 };
            let sent = seconds + f64::from(container.index);
            agent.report(&mut registry, sent, &[container.sample(sequence)]);
            container.work(10.0, *cores, 1e5);
        }
    }
    registry
}

#[test]
fn statistics_over_containers_of_a_service() {
    let registry = registry();
    let cases = [
        ("avg", Some(1.5)),
        ("sum", Some(4.5)),
        ("min", Some(0.5)),
        ("max", Some(2.5)),
        ("count", Some(3.0)),
        ("any", Some(2.5)),
    ];
    for (statistic, expected) in cases {
        let summary = ask(
            &registry,
            35.0,
            &format!("{statistic}:vir_cpu_cores{{container=apache.*}}"),
        );
        assert_eq!(summary.value, expected, "{statistic}");
        assert_eq!((summary.contributing, summary.matched), (3, 3));
        assert_eq!(summary.newest, Some(Duration::from_secs(2)));
        assert_eq!(summary.oldest, Some(Duration::from_secs(4)));
    }
}

#[test]
fn filters_accept_matching_entities() {
    let registry = registry();
    let cases = [
        ("", 5),
        ("{container=apache.*}", 3),
        ("{container=apache*}", 4),
        ("{container=apache}", 0),
        ("{container=apache.1.aaaa|db.*}", 2),
        ("{container=apache.1.aaaa,container=db.*}", 2),
        ("{container=apache.*,host=node2}", 1),
        ("{container.state=paused}", 1),
        ("{container.state=running,agent=10.0.0.2}", 2),
        ("{data_source=3:100003}", 1),
        ("{sub_agent=100000,sender=10.0.0.1}", 2),
        ("{vir_uuid=81818181-*}", 1),
        ("{container=}", 0),
    ];
    for (filter, matched) in cases {
        let summary = ask(&registry, 35.0, &format!("avg:vir_cpu_cores{filter}"));
        assert_eq!(summary.matched, matched, "{filter}");
    }
    assert_eq!(
        ask(&registry, 35.0, "max:ifspeed{ifindex=3,host=node1}").matched,
        1
    );
    assert_eq!(ask(&registry, 35.0, "max:load_one{host=node*}").matched, 2);
    let query: Query = "max:load_one".parse().unwrap();
    let query = query.matching(Key::Container, [Pattern::glob("*")]);
    assert_eq!(registry.query(at(35.0), &query)[0].matched, 0);
}

#[test]
fn query_has_one_answer_for_each_expression() {
    let registry = registry();
    let query: Query =
        "avg:vir_cpu_utilization,max:load_one,sum:vir_bytes_in+vir_bytes_out{host=node1}"
            .parse()
            .unwrap();
    let [cpu, load, bytes] = registry.query(at(35.0), &query)[..] else {
        panic!("three")
    };
    assert_eq!((cpu.value, cpu.matched), (Some(100.0), 2));
    assert_eq!((load.value, load.matched), (Some(0.5), 1));
    assert_eq!((bytes.value, bytes.matched), (Some(6e5), 2));
}

#[test]
fn processor_time_of_a_container_is_four_metrics() {
    let registry = registry();
    let value = |container: &str, name| {
        entity(&registry, 35.0, container)
            .unwrap()
            .value(metric(name))
    };
    assert_eq!(
        value("apache.3.cccc", "vir_cpu_utilization"),
        Some(250.0),
        "of one processor"
    );
    assert_eq!(value("apache.3.cccc", "vir_cpu_cores"), Some(2.5));
    assert_eq!(
        value("apache.3.cccc", "vir_cpu_limit_utilization"),
        None,
        "no limit"
    );
    assert_eq!(
        value("apache.1.aaaa", "vir_cpu_limit_utilization"),
        Some(25.0)
    );
    assert_eq!(
        value("apache.3.cccc", "vir_cpu_host_utilization"),
        Some(15.625),
        "of sixteen"
    );
}

#[test]
fn hosts_have_shares_of_time() {
    let registry = registry();
    let node1 = entity(&registry, 35.0, "node1").unwrap();
    let value = |name| node1.value(metric(name));
    assert_eq!(value("cpu_utilization"), Some(20.0));
    assert_eq!(value("cpu_user"), Some(20.0));
    assert_eq!(value("cpu_idle"), Some(80.0));
    assert_eq!(value("cpu_system"), Some(0.0));
    assert_eq!(value("cpu_steal"), None, "not sent");
    assert_eq!(value("cpu_num"), Some(4.0));
    assert_eq!(value("load_five"), None, "unknown");
    assert_eq!(value("vir_cpu_cores"), None, "not a container");
}

#[test]
fn entities_have_parents() {
    let registry = registry();
    let parent = |name| {
        entity(&registry, 35.0, name)
            .unwrap()
            .parent()
            .map(|host| host.name())
    };
    assert_eq!(parent("apache.1.aaaa"), Some("node1"));
    assert_eq!(parent("apache.3.cccc"), Some("node2"));
    assert_eq!(parent("node1"), None);
    let interface = registry
        .entities(at(35.0))
        .find(|entity| entity.kind() == entity::Kind::Interface)
        .unwrap();
    assert_eq!(interface.parent().map(|host| host.name()), Some("node1"));
    assert_eq!(interface.if_index(), Some(3));
    assert_eq!(interface.lifecycle(), Lifecycle::Live);
}

#[test]
fn no_entity_has_no_value() {
    let registry = registry();
    for statistic in ["avg", "sum", "min", "max", "count", "any"] {
        let summary = ask(
            &registry,
            35.0,
            &format!("{statistic}:vir_cpu_cores{{container=no}}"),
        );
        assert_eq!(
            (summary.value, summary.matched, summary.newest),
            (None, 0, None)
        );
    }
}

#[test]
fn external_values_are_not_parsed() {
    let mut registry = registry();
    let mut agent = Agent::new(3);
    let hostile = "web*|,}\\[\u{1b}]\n";
    agent.report(&mut registry, 35.0, &[Container::new(hostile, 9).sample(1)]);
    let query = "avg:vir_mem_used".parse::<Query>().unwrap();
    let query = query.matching(Key::Container, [Pattern::exact(hostile)]);
    assert_eq!(registry.query(at(35.0), &query)[0].matched, 1);
    let again: Query = query.to_string().parse().unwrap();
    assert_eq!(again, query);
}

#[test]
fn windows_have_values_once_watched() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    let query: Query = "avg:vir_cpu_cores,avg:vir_mem_used[60s]".parse().unwrap();
    let mut seconds = 0.0;
    let mut sequence = 0;
    let mut poll = |registry: &mut Registry, elapsed: f64, cores: f64, memory: u64| {
        seconds += elapsed;
        sequence += 1;
        web.work(elapsed, cores, 0.0);
        web.memory = memory;
        agent.report(registry, seconds, &[web.sample(sequence)]);
        seconds
    };
    poll(&mut registry, 1.0, 0.0, 100);
    let now = poll(&mut registry, 10.0, 3.0, 100);
    let unwatched = registry.query(at(now), &query)[0];
    assert_eq!((unwatched.value, unwatched.unwatched), (None, 1));
    assert!(!registry.is_watched(&query));

    registry.watch(&query);
    let empty = registry.query(at(now), &query)[0];
    assert_eq!((empty.value, empty.unwatched), (None, 0));
    assert!(registry.is_watched(&query));
    poll(&mut registry, 5.0, 2.0, 500);
    poll(&mut registry, 20.0, 0.5, 100);
    let now = poll(&mut registry, 11.0, 4.0, 1000);
    let [cores, memory] = registry.query(at(now), &query)[..] else {
        panic!("two")
    };
    assert_eq!(
        cores.value,
        Some((10.0 + 10.0 + 44.0) / 36.0),
        "all counted by all time"
    );
    assert_eq!(
        memory.value,
        Some((2500.0 + 2000.0 + 11_000.0) / 36.0),
        "weighted by time"
    );
    assert_eq!(cores.newest, Some(Duration::ZERO));

    let taking = |take| {
        let window = Window::new(Duration::from_secs(60)).with_function(take);
        registry.query(at(now), &query.clone().over(window))[0].value
    };
    assert_eq!(taking(WindowFn::Min), Some(0.5));
    assert_eq!(taking(WindowFn::Max), Some(4.0));
    assert_eq!(taking(WindowFn::Last), Some(4.0));
    let short = query.clone().over(Window::new(Duration::from_secs(1)));
    assert_eq!(registry.query(at(now), &short)[0].value, Some(4.0));
}

#[test]
fn longer_window_than_watched_is_unwatched() {
    let mut registry = registry();
    registry.watch(&"avg:vir_cpu_cores[30s]".parse().unwrap());
    for (query, unwatched) in [
        ("avg:vir_cpu_cores[20s:max]", 0),
        ("avg:vir_cpu_cores[60s]", 5),
        ("avg:vir_cpu_cores[30s tumbling]", 5),
        ("avg:vir_cpu_cores+vir_mem_used[30s]", 5),
        ("avg:vir_cpu_cores", 0),
    ] {
        assert_eq!(ask(&registry, 35.0, query).unwatched, unwatched, "{query}");
        let query: Query = query.parse().unwrap();
        assert_eq!(registry.is_watched(&query), unwatched == 0, "{query}");
        let partial = registry.partial(at(35.0), &query);
        assert_eq!(partial.summaries(at(35.0))[0].0.unwatched, unwatched);
    }
}

#[test]
fn unwatch_drops_windows_that_nothing_else_needs() {
    let [cores, memory, both]: [Query; 3] = [
        "avg:vir_cpu_cores[60s]",
        "max:vir_mem_used[60s]",
        "avg:vir_cpu_cores,avg:vir_mem_used[30s]",
    ]
    .map(|text| text.parse().unwrap());
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    let mut poll = |registry: &mut Registry, sequence: u32| {
        web.work(10.0, 0.5, 0.0);
        let now = f64::from(sequence) * 10.0;
        agent.report(registry, now, &[web.sample(sequence)]);
    };
    poll(&mut registry, 1);
    let without = registry.bytes();
    registry.watch(&both);
    registry.watch(&both);
    registry.watch(&cores);
    registry.watch(&memory);
    poll(&mut registry, 2);
    let with_windows = registry.bytes();

    assert!(registry.unwatch(&cores));
    assert!(!registry.unwatch(&cores), "only once");
    assert!(registry.is_watched(&both), "the shorter window is kept");
    assert!(!registry.is_watched(&cores));
    assert_eq!(registry.bytes(), with_windows);

    let threshold = Threshold::above("memory", memory.clone(), 1e12);
    let threshold = registry.watch_threshold(threshold).unwrap();
    assert!(registry.unwatch(&memory) && registry.unwatch(&both));
    assert!(registry.is_watched(&memory), "needed by the threshold");
    assert!(registry.bytes() < with_windows);
    poll(&mut registry, 3);
    assert!(registry.query(at(30.0), &memory)[0].value.is_some());

    registry.unwatch_threshold(threshold);
    assert!(!registry.is_watched(&memory));
    assert_eq!(registry.bytes(), without);
}

#[test]
fn window_survives_restart_of_agent() {
    let mut registry = Registry::new(Config::default());
    let query: Query = "avg:vir_cpu_cores[60s]".parse().unwrap();
    registry.watch(&query);
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    for sequence in 1..=3 {
        web.work(10.0, 0.5, 0.0);
        agent.report(
            &mut registry,
            f64::from(sequence) * 10.0,
            &[web.sample(sequence)],
        );
    }
    agent.restart(35.0);
    agent.report(&mut registry, 40.0, &[web.sample(1)]);
    assert_eq!(ask(&registry, 40.0, "avg:vir_cpu_cores").value, None);
    assert_eq!(registry.query(at(40.0), &query)[0].value, Some(0.5));
}

#[test]
fn ranks_deviations_and_winners_are_exact() {
    let registry = registry();
    // apache.1 to 3 use 0.5, 1.5 and 2.5 processors.
    let cases = [
        ("median", 1.5),
        ("q1", 1.0),
        ("q3", 2.0),
        ("iqr", 1.0),
        ("p100", 2.5),
        ("p75", 2.0),
        ("var", 2.0 / 3.0),
        ("sdev", (2.0_f64 / 3.0).sqrt()),
    ];
    for (statistic, expected) in cases {
        let query = format!("{statistic}:vir_cpu_cores{{container=apache.*}}");
        let answer = ask(&registry, 35.0, &query);
        assert!(
            (answer.value.unwrap() - expected).abs() < 1e-12,
            "{query}: {answer:?}"
        );
        assert_eq!((answer.contributing, answer.winner), (3, None));
    }
    for (statistic, winner) in [
        ("min", "apache.1.aaaa"),
        ("max", "apache.3.cccc"),
        ("any", "apache.3.cccc"),
    ] {
        let query = format!("{statistic}:vir_cpu_cores{{container=apache.*}}");
        let expected = entity(&registry, 35.0, winner).unwrap().id();
        assert_eq!(
            ask(&registry, 35.0, &query).winner,
            Some(expected),
            "{query}"
        );
    }
}

#[test]
fn filters_exclude_and_require_keys() {
    let registry = registry();
    let count = |filters: &str| {
        ask(
            &registry,
            35.0,
            &format!("count:vir_cpu_cores{{{filters}}}"),
        )
        .matched
    };
    let cases = [
        ("container!=apache.*", 2),
        ("container!=apache.*|db.*", 1),
        ("container!=apache.*,container.state!=running", 1),
        ("container=apache*,container!=*.1.*", 2),
        ("container", 5),
        ("!container", 0),
        ("!ifname", 5),
        ("ifname!=eth0", 5),
    ];
    for (filters, expected) in cases {
        assert_eq!(count(filters), expected, "{filters}");
    }
}

#[test]
fn groups_have_separate_answers() {
    let registry = registry();
    let groups = |query: &str| {
        let groups = registry.query_groups(at(35.0), &query.parse().unwrap());
        let lines: Vec<_> = groups
            .groups
            .iter()
            .map(|group| (group.name.to_string(), group.summaries[0].value))
            .collect();
        (lines, groups.ungrouped, groups.left_out)
    };
    let line = |name: &str, value| (name.to_owned(), Some(value));
    assert_eq!(
        groups("sum:vir_cpu_cores by host"),
        (vec![line("node1", 2.0), line("node2", 11.5)], 0, 0)
    );
    assert_eq!(
        groups("avg:vir_cpu_cores by container=(*).*.*"),
        (
            vec![line("apache", 1.5), line("apache2", 9.0), line("db", 0.0)],
            0,
            0
        )
    );
    assert_eq!(
        groups("max:vir_cpu_cores{container.state=running} by container=apache(*).*.*"),
        (vec![line("", 2.5), line("2", 9.0)], 0, 0)
    );
    assert_eq!(
        groups("max:vir_cpu_cores by container=apache(*).*.*").1,
        1,
        "the database"
    );
    assert_eq!(groups("max:vir_cpu_cores by ifname"), (vec![], 5, 0));
    assert_eq!(groups("count:vir_cpu_cores").0, [line("", 5.0)]);
    let none = groups("count:vir_cpu_cores{container=nobody}");
    assert_eq!(none.0, [(String::new(), None)]);
}

#[test]
fn groups_are_bounded() {
    let mut registry = Registry::new(Config::default().with(|config| config.max_groups = 3));
    let mut agent = Agent::new(1);
    let names: Vec<String> = (0..10).map(|task| format!("web{task}.1.x")).collect();
    for (index, name) in (0..).zip(&names) {
        agent.report(
            &mut registry,
            10.0,
            &[Container::new(name, index).sample(1)],
        );
    }
    let query = "sum:vir_mem_used by container".parse().unwrap();
    let groups = registry.query_groups(at(10.0), &query);
    assert_eq!((groups.groups.len(), groups.left_out), (3, 7));
}

/// The clock of a query can be behind that of the newest datagram.
#[test]
fn tumbling_window_before_newest_reading_is_kept() {
    let mut registry = Registry::new(Config::default());
    let query: Query = "avg:vir_cpu_cores[5s tumbling]".parse().unwrap();
    registry.watch(&query);
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    for sequence in 1..=4 {
        web.work(5.0, f64::from(sequence) / 10.0, 0.0);
        let now = f64::from(sequence) * 5.0;
        agent.report(&mut registry, now, &[web.sample(sequence)]);
    }
    for (now, expected) in [(19.9, 0.2), (20.0, 0.3)] {
        let value = registry.query(at(now), &query)[0].value.unwrap();
        assert!((value - expected).abs() < 0.01, "at {now}: {value}");
    }
}

#[test]
fn tumbling_windows_are_complete() {
    let mut registry = Registry::new(Config::default());
    let tumbling: Query = "avg:vir_cpu_cores[60s tumbling]".parse().unwrap();
    let sliding: Query = "avg:vir_cpu_cores[60s]".parse().unwrap();
    let ranks: Query = "avg:vir_cpu_cores[60s:p80]".parse().unwrap();
    for query in [&tumbling, &sliding, &ranks] {
        registry.watch(query);
    }
    let mut agent = Agent::new(1);
    let mut web = Container::new("web.1", 1);
    let mut answers = Vec::new();
    // The simulation begins 40 s after the start of minute 0. In minute n the container uses n
    // tenths of a processor.
    for sequence in 1..=24 {
        let now = f64::from(sequence) * 10.0;
        let minute = ((now + 40.0 - 0.5) / 60.0).floor();
        web.work(10.0, minute / 10.0, 0.0);
        agent.report(&mut registry, now, &[web.sample(sequence)]);
        let value = |query| registry.query(at(now), query)[0].value;
        answers.push((now, value(&tumbling), value(&ranks)));
    }
    let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 0.02;
    for (now, tumbling, _) in &answers {
        let minute = ((now + 40.0) / 60.0).floor();
        match minute as u32 {
            0 => assert_eq!(*tumbling, None, "at {now}: none is whole"),
            1 => {}
            minute => assert!(
                close(*tumbling, f64::from(minute - 1) / 10.0),
                "at {now}: {tumbling:?}"
            ),
        }
    }
    // At 100 s, 80 % of the last 60 s were in minute 1 or before.
    let (.., ranks) = answers.iter().find(|(now, ..)| *now == 100.0).unwrap();
    assert!(close(*ranks, 0.2), "{ranks:?}");
}

#[test]
fn worst_lane_of_port_is_a_metric() {
    let mut registry = Registry::new(Config::default());
    let mut agent = Agent::new(1);
    let lanes = [(1, 900, 35_000), (2, 250, 41_000), (3, u32::MAX, 38_000)].map(
        |(index, rx_power, bias)| Lane {
            index,
            rx_power: rx_power.into(),
            tx_bias_current: bias.into(),
            ..Lane::default()
        },
    );
    let optics = Sfp {
        module_id: 3,
        module_num_lanes: 3,
        module_temperature: 42_500.into(),
        lanes: List::from(&lanes[..]),
        ..Sfp::default()
    };
    let queues = [1_250, 9_900, -1].map(Percentage);
    let buffers = BstPortBuffers {
        egress_queue_uc_pc: List::from(&queues[..]),
        ..BstPortBuffers::default()
    };
    let mut port = interface(3, 1, 10_000_000_000, 0);
    port.records.push(optics.into());
    port.records.push(buffers.into());
    agent.report(&mut registry, 10.0, &[port]);
    let value = |metric: &str| ask(&registry, 10.0, &format!("any:{metric}")).value;
    let known: Vec<&str> = Metric::all()
        .iter()
        .filter(|metric| metric.origin().contains("sfp.lanes.rx_power"))
        .map(Metric::name)
        .collect();
    assert_eq!(
        known.len(),
        6,
        "of three fields the lowest and the highest: {known:?}"
    );
    assert_eq!(value("opt_temperature"), Some(42_500.0));
    assert_eq!(value("opt_rx_power_lowest"), Some(250.0));
    assert_eq!(value("opt_tx_bias_current_highest"), Some(41_000.0));
    assert_eq!(value("bst_egress_queue_uc_pc_highest"), Some(99.0));
    assert_eq!(value("bst_egress_queue_uc_pc_lowest"), Some(12.5));
    assert_eq!(
        value("bst_egress_queue_mc_pc_highest"),
        None,
        "no multicast queue was reported"
    );
}
