//! Custom metrics of applications.

mod support;

use std::net::{IpAddr, Ipv4Addr};

use sflow_metrics::{
    Config, Metric, Registry,
    entity::{self, Lifecycle},
    query::{Partial, Query},
};
use sflow_v5::sample::{Named, NamedValues, RtMetricValue};
use sflow_v5::types::Text;
use sflow_v5::{Address, Datagram, Encoder, Header, RtMetric, Sample};
use support::{Agent, at, entity, host};

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// An application at an agent.
struct App {
    registry: Registry,
    datagrams: u32,
}

impl App {
    fn new(config: Config) -> Self {
        let mut registry = Registry::new(config);
        let mut agent = Agent::new(1);
        agent.report(&mut registry, 0.0, &[host("node1", 1, 4, 0, 0)]);
        Self {
            registry,
            datagrams: 1,
        }
    }

    fn report(&mut self, seconds: f64, name: &str, metrics: &[(&str, RtMetricValue<'_>)]) {
        self.datagrams += 1;
        let bytes = self.send(self.datagrams, seconds, name, metrics);
        self.deliver(seconds, &bytes);
    }

    fn send(
        &self,
        sequence: u32,
        seconds: f64,
        name: &str,
        metrics: &[(&str, RtMetricValue<'_>)],
    ) -> Vec<u8> {
        let header = Header {
            agent_address: Address::V4([10, 0, 0, 1]),
            sub_agent_id: 100_000,
            sequence_number: sequence,
            uptime: ((100.0 + seconds) * 1e3) as u32,
        };
        let metrics: Vec<_> = metrics
            .iter()
            .map(|(name, value)| Named {
                name: Text::from(*name),
                value: *value,
            })
            .collect();
        let mut buffer = [0; 4096];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        let metrics = RtMetric {
            datasource: Text::from(name),
            metrics: NamedValues::from(&metrics[..]),
        };
        encoder.push(&Sample::RtMetric(metrics)).unwrap();
        encoder.finish().to_vec()
    }

    fn deliver(&mut self, seconds: f64, bytes: &[u8]) {
        let datagram = Datagram::parse(bytes).unwrap();
        self.registry.ingest(at(seconds), SENDER, &datagram);
    }

    fn ask(&self, seconds: f64, query: &str) -> Option<f64> {
        support::ask(&self.registry, seconds, query).value
    }
}

fn counter(count: u32) -> RtMetricValue<'static> {
    RtMetricValue::Counter32(count.into())
}

fn gauge(quantity: u32) -> RtMetricValue<'static> {
    RtMetricValue::Gauge32(quantity.into())
}

#[test]
fn custom_counters_are_rates_and_gauges_are_values() {
    let mut app = App::new(Config::default());
    let windowed: Query = "avg:custom.orders,max:custom.open[60s]".parse().unwrap();
    app.registry.watch(&windowed);
    let metrics = |round: u32| {
        [
            ("orders", counter(round * 500)),
            ("open", gauge(round)),
            ("ratio", RtMetricValue::Double(f64::from(round) / 8.0)),
            ("wide", RtMetricValue::Counter64((1_u64 << 40).into())),
            ("version", RtMetricValue::Text(Text::from("1.2"))),
            ("broken", RtMetricValue::Float(f32::NAN)),
        ]
    };
    app.report(10.0, "shop", &metrics(1));
    let shop = entity(&app.registry, 10.0, "shop").unwrap();
    assert_eq!(
        (shop.kind(), shop.lifecycle()),
        (entity::Kind::Application, Lifecycle::Warming)
    );
    assert_eq!(shop.data_source(), None);
    assert_eq!(shop.parent().unwrap().name(), "node1");
    assert_eq!(app.ask(10.0, "sum:custom.orders"), None);
    assert_eq!(app.ask(10.0, "sum:custom.open"), Some(1.0));

    app.report(20.0, "shop", &metrics(2));
    let shop = entity(&app.registry, 20.0, "shop").unwrap();
    assert_eq!(shop.lifecycle(), Lifecycle::Live);
    let custom: Vec<_> = shop.custom_metrics().collect();
    let expected = [
        ("orders", Some(50.0)),
        ("open", Some(2.0)),
        ("ratio", Some(0.25)),
        ("wide", Some(0.0)),
        ("broken", None),
    ];
    assert_eq!(custom, expected);
    assert_eq!(app.ask(20.0, "sum:custom.orders{host=node1}"), Some(50.0));
    assert_eq!(
        shop.count(&Metric::named("custom.orders").unwrap()),
        Some(1000)
    );
    assert_eq!(shop.count(&Metric::named("custom.open").unwrap()), None);

    app.report(30.0, "shop", &metrics(4));
    let [orders, open] = app.registry.query(at(30.0), &windowed)[..] else {
        panic!("two")
    };
    assert_eq!(
        (orders.value, open.value),
        (Some(75.0), Some(3.0)),
        "means over time"
    );
    let health = app.registry.health();
    assert_eq!(
        (health.custom_samples, health.custom_metrics_refused),
        (3, 0)
    );
    assert_eq!(health.counter_resets, 0);

    assert_eq!(app.ask(200.0, "sum:custom.open"), None, "gone");
    app.registry.expire(at(200.0));
    assert!(entity(&app.registry, 200.0, "shop").is_none());
}

#[test]
fn faults_of_custom_metrics_make_no_wrong_value() {
    let mut app = App::new(Config::default());
    for (second, count) in [(10, u32::MAX - 99), (20, 900)] {
        app.report(f64::from(second), "shop", &[("orders", counter(count))]);
    }
    assert_eq!(app.ask(20.0, "sum:custom.orders"), Some(100.0), "wrapped");

    // A repeated datagram, and a late one.
    let late = app.send(
        app.datagrams + 1,
        25.0,
        "shop",
        &[("orders", counter(1400))],
    );
    app.datagrams += 1;
    app.report(30.0, "shop", &[("orders", counter(1900))]);
    assert_eq!(app.ask(30.0, "sum:custom.orders"), Some(100.0));
    app.deliver(30.5, &late);
    app.deliver(30.6, &late);
    assert_eq!(app.ask(31.0, "sum:custom.orders"), Some(100.0));
    app.report(40.0, "shop", &[("orders", counter(2400))]);
    assert_eq!(app.ask(40.0, "sum:custom.orders"), Some(50.0));

    // Unavailable, and available again.
    app.report(50.0, "shop", &[("orders", counter(u32::MAX))]);
    assert_eq!(app.ask(50.0, "sum:custom.orders"), None);
    app.report(60.0, "shop", &[("orders", counter(5000))]);
    assert_eq!(app.ask(60.0, "sum:custom.orders"), None);
    app.report(70.0, "shop", &[("orders", counter(5100))]);
    assert_eq!(app.ask(70.0, "sum:custom.orders"), Some(10.0));

    // A counter becomes a gauge, and a counter again.
    app.report(80.0, "shop", &[("orders", gauge(7))]);
    assert_eq!(app.ask(80.0, "sum:custom.orders"), Some(7.0));
    app.report(90.0, "shop", &[("orders", counter(100))]);
    assert_eq!(app.ask(90.0, "sum:custom.orders"), None);

    // The agent restarts.
    app.report(100.0, "shop", &[("orders", counter(200))]);
    assert_eq!(app.ask(100.0, "sum:custom.orders"), Some(10.0));
    app.datagrams = 0;
    let header_uptime = -99.0;
    let bytes = app.send(1, header_uptime, "shop", &[("orders", counter(300))]);
    app.deliver(110.0, &bytes);
    assert_eq!(app.ask(110.0, "sum:custom.orders"), None);
    let bytes = app.send(2, header_uptime + 10.0, "shop", &[("orders", counter(500))]);
    app.deliver(120.0, &bytes);
    assert_eq!(app.ask(120.0, "sum:custom.orders"), Some(20.0));
    assert_eq!(app.registry.health().agent_restarts, 1);
}

#[test]
fn applications_are_distinguished_by_name_and_agent() {
    let mut app = App::new(Config::default());
    app.report(10.0, "shop", &[("open", gauge(3))]);
    app.report(10.1, "bank", &[("open", gauge(5))]);
    assert_eq!(app.ask(11.0, "sum:custom.open"), Some(8.0));
    let answer = support::ask(&app.registry, 11.0, "max:custom.open,count:custom.unknown");
    assert_eq!((answer.matched, answer.value), (2, Some(5.0)));
}

#[test]
fn custom_metrics_have_limits() {
    let mut app = App::new(Config::default().with(|config| {
        config.max_custom_metrics = 2;
        config.max_sources_per_agent = 3;
        config.max_name_bytes = 8;
    }));
    let long = "x".repeat(9);
    let metrics = [
        ("a", gauge(1)),
        (&*long, gauge(1)),
        ("b", gauge(1)),
        ("c", gauge(1)),
    ];
    for name in ["one", "two", "three", "two", ""] {
        app.report(10.0, name, &metrics);
    }
    let health = app.registry.health();
    assert_eq!(
        health.custom_metrics_refused, 6,
        "two each of three samples"
    );
    assert_eq!(
        health.counter_samples_refused, 2,
        "one too many, and one without a name"
    );
    assert_eq!(app.registry.entities(at(11.0)).count(), 3, "with the host");
}

#[test]
fn custom_name_in_query_costs_memory_for_that_query_only() {
    let ask = |number: u32| -> Query {
        let names = (0..32).map(|place| format!("sum:custom.junk{number}_{place}"));
        let text: Vec<String> = names.collect();
        text.join(",").parse().unwrap()
    };
    drop(ask(0));
    let kept = allocation_counter::measure(|| {
        for number in 0..100 {
            drop(ask(number));
        }
    });
    assert_eq!(kept.bytes_current, 0, "{kept:?}");
    let mut app = App::new(Config::default());
    app.report(10.0, "shop", &[("orders", gauge(5))]);
    assert_eq!(app.ask(10.0, "sum:custom.orders"), Some(5.0));
    assert_eq!(
        Metric::named(&format!("custom.{}", "x".repeat(256))),
        None,
        "longer than any name that is kept"
    );
}

/// There is no state outside of a registry or a query: no interner, cache or leaked memory.
#[test]
fn library_has_no_global_state() {
    const STATE: [&str; 8] = [
        "static mut",
        "Mutex",
        "RwLock",
        "OnceLock",
        "LazyLock",
        "thread_local",
        "Box::leak",
        ".leak(",
    ];
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap();
    let mut folders = vec![
        crates.join("sflow-metrics/src"),
        crates.join("sflow-v5/src"),
    ];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            files += 1;
            for word in STATE {
                assert!(!text.contains(word), "{word} in {}", path.display());
            }
        }
    }
    assert!(files > 50, "{files} files");
}

#[test]
fn extreme_values_do_not_contribute() {
    let mut app = App::new(Config::default());
    let values = [
        ("one", 2.0),
        ("two", 1e300),
        ("three", -1e300),
        ("four", 1e100),
    ];
    for (name, value) in values {
        app.report(10.0, name, &[("size", RtMetricValue::Double(value))]);
    }
    let statistics = ["avg", "sum", "var", "sdev", "max", "median", "iqr"];
    let query = statistics.map(|statistic| format!("{statistic}:custom.size"));
    let query: Query = query.join(",").parse().unwrap();
    let part = app.registry.partial(at(10.0), &query);
    #[cfg(feature = "serde")]
    let part: Partial = serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap();
    let mut all = Partial::empty(&query);
    all.merge(part.clone()).unwrap();
    all.merge(part).unwrap();
    for (summary, _) in all.summaries(at(10.0)) {
        let value = summary.value.unwrap();
        assert!(value.is_finite(), "{value}");
        assert_eq!((summary.contributing, summary.matched), (4, 8));
    }
}
