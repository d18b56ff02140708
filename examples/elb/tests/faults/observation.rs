//! Which readings of a simulated cluster count for the tasks of a service, and for hosts.

use std::net::IpAddr;
use std::time::Duration;

use elb::config::Config;
use elb::diagnose::{Facts, Findings};
use elb::handle::Handle;
use elb::shared::Shared;
use elb::status::{About, LoopStatus};
use sflow_autoscale::observe::{MetricQuery, Telemetry, work_per_cpu, work_query};
use sflow_autoscale::orchestrator::{NodeAddresses, Orchestrator as _, Service, TaskState};
use sflow_autoscale::policy::Signal;
use sflow_metrics::Timestamp;
use sflow_simulator::Workload;
use sflow_simulator::experiment::{Scenario, SimulatedCluster};

const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The `elb_js` cluster after some time, with the service as the orchestrator reports it.
async fn cluster(replicas: u32) -> (Telemetry, Service, Timestamp) {
    let mut scenario = Scenario::named("article").unwrap();
    scenario.cluster.services[0].replicas = replicas;
    let mut cluster = SimulatedCluster::new(&scenario, 1, START).unwrap();
    let mut telemetry = Telemetry::default();
    let now = START + Duration::from_secs(60);
    for sent in cluster.advance(now) {
        telemetry.receive(sent.at, sent.source, &sent.bytes);
    }
    telemetry.set_nodes(now, cluster.nodes());
    let names = [scenario.cluster.services[0].name.clone()];
    let mut found = cluster.services(&names).await.unwrap();
    (telemetry, found.remove(0), now)
}

fn ask(telemetry: &Telemetry, now: Timestamp, service: &Service) -> Signal {
    let query = MetricQuery::new(&["vir_bytes_in+vir_bytes_out"]).unwrap();
    let snapshot = telemetry.snapshot(now, [&query]);
    let signals = snapshot.signals(&query, service, Duration::ZERO);
    assert_eq!(signals.len(), 1);
    signals.into_iter().next().unwrap()
}

#[tokio::test]
async fn only_running_tasks_count() {
    let (telemetry, mut service, now) = cluster(3).await;
    let signal = ask(&telemetry, now, &service);
    assert_eq!((signal.matched, signal.contributing), (3, 3));
    assert!(
        signal.value.is_some() && signal.oldest < Some(15.0),
        "{signal:?}"
    );
    service.tasks[0].state = TaskState::Pending;
    let signal = ask(&telemetry, now, &service);
    assert_eq!((signal.matched, signal.contributing), (2, 2));
}

#[tokio::test]
async fn young_task_does_not_count() {
    let (telemetry, mut service, now) = cluster(3).await;
    service.tasks[0].age = Duration::from_secs(9);
    let query = MetricQuery::new(&["vir_bytes_in+vir_bytes_out"]).unwrap();
    let snapshot = telemetry.snapshot(now, [&query]);
    for (warm_up, contributing) in [(0, 3), (9, 3), (10, 2)] {
        let warm_up = Duration::from_secs(warm_up);
        let signals = snapshot.signals(&query, &service, warm_up);
        let signal = &signals[0];
        assert_eq!((signal.matched, signal.unit.as_str()), (3, "B/s"));
        assert_eq!(signal.contributing, contributing);
        assert_eq!(signal.warming, 3 - contributing);
    }
    // Packet samples count only on the nodes of the other tasks.
    let nodes = |warm_up| snapshot.nodes_with_tasks(&query, &service, Duration::from_secs(warm_up));
    assert_eq!((nodes(9).len(), nodes(10).len()), (3, 2));
    let hosts = ["node1", "node2", "node3"];
    let host_query = MetricQuery::new(&["cpu_utilization"]).unwrap();
    let snapshot = telemetry.snapshot(now, [&host_query]);
    let signals = snapshot.host_signals(&host_query, hosts, |host| host == "node2");
    assert_eq!((signals[0].contributing, signals[0].warming), (2, 1));
}

#[tokio::test]
async fn reading_from_another_node_or_without_task_does_not_count() {
    let (telemetry, mut service, now) = cluster(3).await;
    // A node other than that of the task reports the container.
    let elsewhere = service.tasks[1].node.replace("another-node".to_owned());
    assert!(elsewhere.is_some());
    // The reported container does not belong to a task.
    service.tasks.pop();
    let signal = ask(&telemetry, now, &service);
    assert_eq!((signal.matched, signal.contributing), (1, 1));
    // The same node by its fully qualified name in capitals.
    let name = elsewhere.unwrap().to_uppercase() + ".example.org";
    service.tasks[1].node = Some(name);
    assert_eq!(ask(&telemetry, now, &service).matched, 2);
}

#[tokio::test]
async fn host_signal_uses_host_metrics_and_busiest_interface() {
    let (telemetry, _, now) = cluster(3).await;
    let metrics = ["cpu_utilization", "ifoututilization", "bytes_in+bytes_out"];
    let query = MetricQuery::new(&metrics).unwrap();
    let snapshot = telemetry.snapshot(now, [&query]);
    let ask = |hosts: &[&str]| snapshot.host_signals(&query, hosts.iter().copied(), |_| false);
    let all = ask(&["node1", "NODE2.example.org", "node3"]);
    for (signal, metric) in all.iter().zip(metrics) {
        assert_eq!((signal.metric.as_str(), signal.contributing), (metric, 3));
        assert!(
            signal.value > Some(0.0) && signal.oldest < Some(30.0),
            "{signal:?}"
        );
    }
    // Bridge and uplink carry the same requests, the uplink also the agent's datagrams: only the
    // busier interface counts.
    let one = ask(&["node1"]);
    assert!(
        one[1].least == one[1].most && one[1].value < Some(100.0),
        "{:?}",
        one[1]
    );
    // An unknown host is ignored.
    let some = ask(&["node1", "node9"]);
    assert_eq!((some[0].matched, some[0].contributing), (1, 1));
    assert_eq!(ask(&[])[0].value, None);
    drop(snapshot);
    let later = now + Duration::from_secs(120);
    let snapshot = telemetry.snapshot(later, [&query]);
    let silent = snapshot.host_signals(&query, ["node1"], |_| false);
    assert_eq!((silent[0].value, silent[0].contributing), (None, 0));
}

#[tokio::test]
async fn missing_reports_give_no_value() {
    let (telemetry, service, now) = cluster(2).await;
    let signal = ask(&telemetry, now + Duration::from_secs(60), &service);
    assert_eq!((signal.value, signal.contributing), (None, 0));
    let signal = ask(&Telemetry::default(), now, &service);
    assert_eq!((signal.matched, signal.value), (0, None));
}

#[tokio::test]
async fn equal_hosts_have_equal_work_rates() {
    let mut scenario = Scenario::named("article").unwrap();
    let service = &mut scenario.cluster.services[0];
    (service.replicas, service.workload) = (6, Workload::Constant(2_000.0));
    let names = [service.name.clone()];
    let mut cluster = SimulatedCluster::new(&scenario, 1, START).unwrap();
    let mut telemetry = Telemetry::default();
    let now = START + Duration::from_secs(90);
    for sent in cluster.advance(now) {
        telemetry.receive(sent.at, sent.source, &sent.bytes);
    }
    telemetry.set_nodes(now, cluster.nodes());
    let mut services = cluster.services(&names).await.unwrap();
    let query = work_query().unwrap();
    let work = |services: &[Service]| {
        let snapshot = telemetry.snapshot(now, [&query]);
        work_per_cpu(&snapshot, &query, services)
    };
    let alike = work(&services);
    assert_eq!(alike.len(), 3, "{alike:?}");
    for (host, ratio) in &alike {
        assert!((0.9..1.1).contains(ratio), "{host}: {ratio}");
    }
    // Two hosts are too few to compare.
    services[0]
        .tasks
        .retain(|task| task.node.as_deref() != Some("node3"));
    assert!(work(&services).is_empty());
}

/// All datagrams arrive with the address of a proxy, which is not the address of a node.
#[test]
fn senders_that_are_not_nodes_are_refused_until_an_agent_reports() {
    let scenario = Scenario::named("article").unwrap();
    let cluster = SimulatedCluster::new(&scenario, 1, START).unwrap();
    let mut telemetry = Telemetry::default();
    let advance = |telemetry: &mut Telemetry, seconds, sender: Option<[u8; 4]>| {
        let now = START + Duration::from_secs(seconds);
        for sent in cluster.advance(now) {
            let sender = sender.map_or(sent.source.ip(), IpAddr::from);
            telemetry.receive(sent.at, (sender, 6343).into(), &sent.bytes);
        }
        telemetry.set_nodes(now, cluster.nodes());
        telemetry.refuses_all(now)
    };
    let proxy = Some([172, 18, 0, 1]);
    assert!(!advance(&mut telemetry, 1, proxy), "reported too early");
    assert!(advance(&mut telemetry, 45, proxy));
    let now = START + Duration::from_secs(45);
    let status = Shared::new(LoopStatus::new(START));
    let about = About {
        speed: 0.0,
        ..About::default()
    };
    status.lock().set_context(now, about);
    let (handle, _) = Handle::new(Shared::new(telemetry), status, Config::article());
    let findings = Findings::of(&Facts::of_loop(&handle));
    let mut refused = findings.iter().filter(|finding| finding.is_refusal());
    let message = refused.next().unwrap().sentences();
    assert_eq!(refused.next(), None, "{findings}");
    let mut telemetry = handle.telemetry().lock();
    let (_, line) = message.split_once("add ").unwrap();
    let (line, _) = line.split_once(" under [collector.nodes]").unwrap();
    let text = format!("[collector.nodes]\n{line}\n");
    let config = Config::from_toml(&text).unwrap();
    telemetry.set_node_senders(config.collector.nodes);
    let nodes = nodes_of(&telemetry);
    telemetry.set_nodes(now, nodes);
    assert!(!telemetry.refuses_all(now));
}

fn nodes_of(telemetry: &Telemetry) -> Vec<NodeAddresses> {
    let nodes = telemetry.trust().nodes().iter();
    let nodes = nodes.map(|node| NodeAddresses {
        name: node.name.clone(),
        addresses: node.addresses.clone(),
    });
    nodes.collect()
}
