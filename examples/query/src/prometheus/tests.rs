use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use sflow_metrics::{Config, Metric, Registry, Timestamp};
use sflow_v5::sample::{Named, NamedValues, RtMetricValue};
use sflow_v5::types::Text;
use sflow_v5::{Address, Datagram, Encoder, Header, RtMetric, Sample};

use super::exposition::Exposition;
use super::family::{Family, Number};
use super::labels::Labels;
use super::*;

#[test]
fn addresses_are_parsed() {
    for (text, expected) in [
        ("9343", "127.0.0.1:9343"),
        (":80", "127.0.0.1:80"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("10.0.0.1", "10.0.0.1:9343"),
        ("[::]:1", "[::]:1"),
        ("[::1]", "[::1]:9343"),
        ("::", "[::]:9343"),
    ] {
        assert_eq!(address(text), Ok(expected.parse().unwrap()), "{text}");
    }
    for text in ["", "here", "65536", "capture.pcap"] {
        assert!(address(text).is_err(), "{text}");
    }
}

#[test]
fn applications_are_served_until_they_are_stale() {
    let applications = Applications::new();
    applications.report(1, "shop", &[("orders", 4.0), ("carts-open", 0.5)]);
    applications.report(2, "shop", &[("orders", 7.0), ("carts-open", f64::NAN)]);
    for query in [None, Some("max:custom.orders,max:custom.carts-open")] {
        let lines = applications.scrape(2, query, 100);
        let mut customs = lines
            .iter()
            .filter(|line| line.starts_with("sflow_custom{"));
        let orders = customs.next().unwrap();
        assert!(orders.contains("kind=\"application\",name=\"shop\",agent=\"10.0.0.1\""));
        assert!(orders.ends_with("metric=\"orders\"} 7.0"), "{orders}");
        assert_eq!(customs.next(), None, "NaN is left out");
    }
    let later = applications.scrape(3600, None, 100);
    assert!(
        !later.iter().any(|line| line.contains("name=\"shop\"")),
        "absent is not zero"
    );
}

/// Applications differ only in their names, which are equal after they are cut.
#[test]
fn series_are_unique() {
    let applications = Applications::new();
    for end in ["1", "2", "3"] {
        let name = "x".repeat(200) + end;
        let metric = "y".repeat(200);
        let metrics = [(metric.clone() + "a", 1.0), (metric + "b", 2.0)];
        applications.report(
            1,
            &name,
            &metrics
                .each_ref()
                .map(|(name, value)| (name.as_str(), *value)),
        );
    }
    let lines = applications.scrape(1, None, 100);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("sflow_custom{"))
            .count(),
        1
    );
    assert!(
        lines.iter().any(|line| line == "sflow_series_left_out 5.0"),
        "{lines:?}"
    );

    let twice = applications.scrape(1, Some("max:custom.q,max:custom.q"), 100);
    let answers = twice
        .iter()
        .filter(|line| line.starts_with("sflow_answer_matched{"));
    assert_eq!(answers.count(), 1);
}

#[test]
fn open_metrics_states_units() {
    let lines = catalogue(Format::OpenMetrics);
    for expected in [
        "# HELP sflow_vir_cpu_time_seconds virt_cpu.cpuTime, in seconds\n\
         # TYPE sflow_vir_cpu_time_seconds counter\n\
         # UNIT sflow_vir_cpu_time_seconds seconds\n\
         sflow_vir_cpu_time_seconds_total{name=\"a\"} 1.0\n",
        "# TYPE sflow_mem_total_value_bytes gauge\n\
         # UNIT sflow_mem_total_value_bytes bytes\n\
         sflow_mem_total_value_bytes{name=\"a\"} 1.0\n",
        "# TYPE sflow_contexts counter\nsflow_contexts_total{name=\"a\"} 1.0\n",
        "# TYPE sflow_load_one gauge\nsflow_load_one{name=\"a\"} 1.0\n",
    ] {
        assert!(lines.contains(expected), "{expected}");
    }
}

#[test]
fn text_format_types_each_series_by_its_name() {
    let lines = catalogue(Format::Text);
    for expected in [
        "# HELP sflow_vir_cpu_time_seconds_total virt_cpu.cpuTime, in seconds\n\
         # TYPE sflow_vir_cpu_time_seconds_total counter\n\
         sflow_vir_cpu_time_seconds_total{name=\"a\"} 1.0\n",
        "# TYPE sflow_mem_total_value_bytes gauge\n\
         sflow_mem_total_value_bytes{name=\"a\"} 1.0\n",
    ] {
        assert!(lines.contains(expected), "{expected}");
    }
    assert!(!lines.contains("# UNIT") && !lines.contains("# EOF"));
}

#[test]
fn promtool_accepts_all_names_of_the_catalogue() {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match promtool.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!(
                "skipped: promtool cannot be run ({error}); Debian's package prometheus has it"
            );
            return;
        }
    };
    let input = catalogue(Format::Text);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{complaints}"
    );
}

/// One series of each metric of the catalogue.
fn catalogue(format: Format) -> String {
    #[derive(Debug)]
    struct Catalogue(Format);
    impl Collector for Catalogue {
        fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
            let labels = Rc::new(Labels::new([("name", "a".to_owned())]));
            Metric::all().iter().try_for_each(|metric| {
                let mut family = Family::of_metric(metric);
                let number = match metric.is_openmetrics_counter() {
                    true => Number::Count(1.0),
                    false => Number::Level(1.0),
                };
                family.push(&labels, number);
                family.encode(&mut encoder, self.0)
            })
        }
    }
    let mut metrics = prometheus_client::registry::Registry::default();
    metrics.register_collector(Box::new(Catalogue(format)));
    let mut body = String::new();
    text::encode_registry(&mut body, &metrics).unwrap();
    body
}

/// A registry with applications of one host.
struct Applications(Shared);

impl Applications {
    fn new() -> Self {
        Self(Shared::new(vec![Registry::new(Config::default())]))
    }

    fn report(&self, second: u32, name: &str, metrics: &[(&str, f64)]) {
        let telemetry = &mut *self.0.worker(0);
        let header = Header {
            agent_address: Address::V4([10, 0, 0, 1]),
            sequence_number: u32::try_from(telemetry.registry.health().datagrams).unwrap() + 1,
            uptime: second * 1000,
            ..Header::default()
        };
        let metrics: Vec<_> = metrics
            .iter()
            .map(|(name, value)| Named {
                name: Text::from(*name),
                value: RtMetricValue::Double(*value),
            })
            .collect();
        let mut buffer = [0; 4096];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        let sample = RtMetric {
            datasource: Text::from(name),
            metrics: NamedValues::from(&metrics[..]),
        };
        encoder.push(&Sample::RtMetric(sample)).unwrap();
        let bytes = encoder.finish();
        let sender = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let datagram = Datagram::parse(bytes).unwrap();
        telemetry
            .registry
            .ingest(seconds(second), sender, &datagram);
    }

    /// The lines of a response.
    fn scrape(&self, second: u32, query: Option<&str>, max_series: usize) -> Vec<String> {
        self.0.worker(0).now = seconds(second);
        let settings = Settings {
            address: DEFAULT_ADDRESS,
            query: query.map(|query| query.parse().unwrap()),
            max_series,
        };
        let exposition = Exposition {
            format: Format::OpenMetrics,
            settings,
            shared: self.0.clone(),
        };
        let body = encode(exposition).unwrap();
        assert!(body.ends_with("\n# EOF\n"), "{body}");
        body.lines().map(str::to_owned).collect()
    }
}

fn seconds(second: u32) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(1_000_000 + u64::from(second))
}
