//! An agent of a host that is a tree of files.
#![cfg(target_os = "linux")]

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use sflow_agent::linux::{Container, ContainerCounters, Host, HostAgent, Roots};
use sflow_agent::{Config, Error};
use sflow_v5::counter::{HostDescr, VirtCpu, VirtNode};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::{Datagram, Sample};
use tempfile::TempDir;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn interface(root: &Path, name: &str, index: u32) {
    let folder = root.join("sys/class/net").join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ifindex"), format!("{index}\n")).unwrap();
    fs::create_dir_all(root.join("proc/net")).unwrap();
    let traffic = "eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\neth1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n";
    fs::write(root.join("proc/net/dev"), traffic).unwrap();
}

fn agent() -> (HostAgent<&'static str>, TempDir) {
    let root = tempfile::tempdir().unwrap();
    interface(root.path(), "eth0", 2);
    let host = Host::new(Roots {
        proc: root.path().join("proc"),
        sys: root.path().join("sys"),
    });
    let mut config = Config::new(IpAddr::from([10, 0, 0, 7]));
    config.polling = Duration::from_secs(1);
    (HostAgent::new(config, host, Duration::ZERO), root)
}

/// The next samples: the kind and index of the source, the host name, and the state of a container.
type Sent = (DataSourceKind, u32, Option<String>, Option<DomainState>);

fn sent(agent: &mut HostAgent<&str>, now: Duration) -> Vec<Sent> {
    let mut sent = Vec::new();
    agent.flush();
    while let Some(bytes) = agent.next_datagram(now) {
        for sample in Datagram::parse(bytes).unwrap().samples() {
            let Sample::Counters(sample) = sample else {
                panic!("{sample:?}");
            };
            let name = sample.find::<HostDescr<'_>>();
            let state = sample.find::<VirtCpu>().map(|cpu| cpu.state);
            if let Some(node) = sample.find::<VirtNode>() {
                assert!(node.num_domains.0 <= 1);
            }
            let (kind, index) = (sample.source_id.kind, sample.source_id.index);
            sent.push((kind, index, name.map(|it| it.hostname.to_string()), state));
        }
    }
    sent.sort_by_key(|(kind, index, ..)| (kind.0, *index));
    sent
}

const INTERFACE: DataSourceKind = DataSourceKind::INTERFACE;

#[test]
fn host_is_reported_once_its_name_is_known() {
    let (mut agent, _root) = agent();
    assert_eq!(agent.next_container(Duration::ZERO), Ok(None));
    let samples = sent(&mut agent, Duration::ZERO);
    assert_eq!(samples, [(INTERFACE, 2, None, None)]);
    let now = Duration::from_millis(10);
    let name = Some("node-7".to_owned());
    assert_eq!(agent.report_host(name.clone(), now), Ok(()));
    assert_eq!(agent.report_host(name.clone(), now), Ok(()));
    assert_eq!(agent.next_container(now), Ok(None));
    let samples = sent(&mut agent, now);
    assert_eq!(samples, [(DataSourceKind::PHYSICAL, 1, name, None)]);
}

#[test]
fn interfaces_are_looked_for_each_second() {
    let (mut agent, root) = agent();
    assert_eq!(agent.next_container(Duration::ZERO), Ok(None));
    assert!(agent.next_due() <= Duration::from_secs(1));
    fs::remove_dir_all(root.path().join("sys/class/net/eth0")).unwrap();
    interface(root.path(), "eth1", 3);
    sent(&mut agent, Duration::ZERO);
    let now = Duration::from_secs(1);
    assert_eq!(agent.next_container(now), Ok(None));
    assert_eq!(sent(&mut agent, now), [(INTERFACE, 3, None, None)]);
}

#[test]
fn ended_container_is_reported_once_as_shut_off() {
    let (mut agent, _root) = agent();
    agent.next_container(Duration::ZERO).unwrap();
    sent(&mut agent, Duration::ZERO);
    let web = Container::new(ID, "web.1");
    agent
        .add_container("web", web.clone(), Duration::ZERO)
        .unwrap();
    let again = agent.add_container("web", web.clone(), Duration::ZERO);
    assert_eq!(again, Err(Error::DuplicateKey));
    let due = agent.next_container(Duration::ZERO);
    assert_eq!(due, Ok(Some(("web", web.clone()))));
    assert_eq!(agent.next_container(Duration::ZERO), Ok(None));
    let counters = ContainerCounters::new(&web);
    let unknown = agent.add_container_counters(&"job", counters.clone(), Duration::ZERO);
    assert_eq!(unknown, Err(Error::UnknownSource));
    agent
        .add_container_counters(&"web", counters, Duration::ZERO)
        .unwrap();
    agent.remove_container(&"web", Duration::ZERO).unwrap();
    agent.remove_container(&"web", Duration::ZERO).unwrap();
    let samples = sent(&mut agent, Duration::ZERO);
    let states: Vec<_> = samples
        .into_iter()
        .map(|(_, _, name, state)| (name, state))
        .collect();
    let name = Some("web.1".to_owned());
    assert_eq!(
        states,
        [
            (name.clone(), Some(DomainState::RUNNING)),
            (name, Some(DomainState::SHUT_OFF))
        ]
    );
    assert_eq!(agent.next_container(Duration::from_secs(5)), Ok(None));
}
