//! Stale agents, disconnected nodes, and senders of forged reports.

use std::net::UdpSocket;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sflow_v5::counter::{HostDescr, VirtCpu, VirtNetIo};
use sflow_v5::enums::{DataSourceKind, DomainState};
use sflow_v5::sample::Encoding;
use sflow_v5::types::{Counter32, Counter64, Gauge32, Text, Uuid};
use sflow_v5::{
    Address, CounterRecord, CountersSample, DataSource, Encoder, Header, Records, Sample,
};

use crate::agent::Agent;
use crate::balancer::{Balancer, DEFAULTS};
use crate::lab::Lab;
use crate::load::Load;
use crate::wait::{seconds, throughout, until};

fn config(service: &str) -> String {
    format!(
        "[control]\nmode = \"act\"\ninterval = \"500ms\"\n{DEFAULTS}[defaults.down]\nstabilise = \"3s\"\n\
         [[service]]\nname = \"{service}\"\n"
    )
}

#[test]
fn t11_stale_agent_is_reported_and_service_keeps_size() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 3));
    let balancer = Balancer::start(&[1], &config(&web.name));
    let mut agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(3);
    Load::during(&lab, &web, 22, |load| {
        balancer.wait_reporting(&web.name, 3);
        // The polling interval is known after four intervals.
        throughout(seconds(8), || assert_eq!(web.replicas(), 3));
        let silent = agents.remove(1);
        let address = Lab::address(silent.node);
        let ended = Instant::now();
        drop(silent);
        until("the agent is reported as silent", seconds(15), || {
            (balancer.agent(&address)?["silent"] == true).then_some(())
        });
        println!(
            "silent after {:?}, with counters every second",
            ended.elapsed()
        );
        until("its container is reported as missing", seconds(10), || {
            let reasons = balancer.reasons(&web.name);
            reasons
                .contains(&"containers_missing".to_owned())
                .then_some(())
        });
        assert_eq!(
            balancer.service(&web.name)["last"]["inputs"][0]["contributing"],
            2
        );
        let (status, text) = balancer.get_text("/readyz");
        assert!(
            status == 200 && text.contains("2 of 3 agents report, the others are silent"),
            "{text}"
        );
        throughout(seconds(8), || assert_eq!(web.replicas(), 3));
        assert_eq!(balancer.changes(&web.name), []);

        // The agent returns with a new sequence.
        agents.push(Agent::start(&lab, 2, balancer.port));
        balancer.wait_reporting(&web.name, 3);
        throughout(seconds(8), || assert_eq!(web.replicas(), 3));
        assert_eq!(balancer.agent(&address).unwrap()["silent"], false);

        // No agent reports, so that the end of the load is unknown.
        agents.clear();
        load.set(0);
        until("the load is unknown", seconds(20), || {
            let reasons = balancer.reasons(&web.name);
            (reasons == ["nothing_known"]).then_some(())
        });
        throughout(seconds(6), || assert_eq!(web.replicas(), 3));
        let (status, text) = balancer.get_text("/readyz");
        assert!(
            status == 503 && text.contains("All 3 agents are silent"),
            "{text}"
        );
    });
    assert_eq!(balancer.changes(&web.name), []);
}

#[test]
fn disconnected_node_removes_no_replica_and_does_not_stop_scaling() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 3));
    let balancer = Balancer::start(&[1], &config(&web.name));
    let _agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(3);
    let node = |state: &str| {
        let nodes = lab.engine().get("/nodes");
        let mut nodes = nodes.as_array().unwrap().iter();
        nodes.any(|node| {
            node["Description"]["Hostname"] == "node3" && node["Status"]["State"] == state
        })
    };
    Load::during(&lab, &web, 22, |load| {
        balancer.wait_reporting(&web.name, 3);
        let cut = lab.cut(3);
        let begun = Instant::now();
        until("swarm reports the node as down", seconds(60), || {
            assert!(web.replicas() >= 3);
            node("down").then_some(())
        });
        println!("node down after {:?}", begun.elapsed());
        until("its task runs elsewhere", seconds(30), || {
            assert!(web.replicas() >= 3);
            (web.tasks()
                .iter()
                .filter(|task| lab.node_of(task) != 3)
                .count()
                >= 3)
                .then_some(())
        });
        // Scaling continues on two nodes.
        load.set(45);
        until("the service grows without the node", seconds(30), || {
            (web.replicas() >= 5 && web.running() >= 5).then_some(())
        });
        drop(cut);
        until("the node is back", seconds(60), || {
            assert!(web.replicas() >= 4);
            node("ready").then_some(())
        });
        let address = Lab::address(3);
        until("its agent reports again", seconds(30), || {
            (balancer.agent(&address)?["silent"] == false).then_some(())
        });
        let running = until("all tasks report", seconds(30), || {
            let service = balancer.service(&web.name);
            let contributing = &service["last"]["inputs"][0]["contributing"];
            (*contributing == service["running"]).then(|| service["running"].as_u64())
        });
        assert!(running >= Some(5), "{running:?}");
        let down = balancer
            .changes(&web.name)
            .into_iter()
            .filter(|(from, to)| to < from);
        assert_eq!(down.collect::<Vec<_>>(), []);
        load.set(0);
        until("the service shrinks again", seconds(30), || {
            (web.replicas() == 1).then_some(())
        });
    });
}

#[test]
fn t16_forged_container_reports_do_not_raise_load() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let web = lab.create(&lab.web("web", 3));
    let balancer = Balancer::start(&[1], &config(&web.name));
    let _agents = Agent::everywhere(&lab, balancer.port);
    web.wait_running(3);
    Load::during(&lab, &web, 22, |_| {
        balancer.wait_reporting(&web.name, 3);
        let tasks = web.tasks();
        let names: Vec<(u32, String)> = tasks
            .iter()
            .map(|task| {
                let (slot, id) = (&task["Slot"], task["ID"].as_str().unwrap());
                (lab.node_of(task), format!("{}.{slot}.{id}", web.name))
            })
            .collect();
        let on = |node: u32| names.iter().find(|(on, _)| *on == node).unwrap().1.clone();
        let invented = |slot: u32| format!("{}.{slot}.inventedinventedinvented1", web.name);
        let forged = [
            // Invented containers of an invented host.
            (
                "node9",
                Address::V4([10, 99, 0, 9]),
                vec![invented(4), invented(5), invented(6)],
            ),
            // Invented containers and two of other nodes, of an existing host.
            (
                "node2",
                Address::V4([10, 99, 0, 77]),
                vec![invented(7), on(1), on(3)],
            ),
            // An existing container with the identity of its own agent.
            ("node1", Address::V4([10, 99, 0, 1]), vec![on(1)]),
        ];
        let forgeries: Vec<Forgery> = forged
            .into_iter()
            .map(|(host, agent, containers)| Forgery {
                host,
                agent,
                containers,
            })
            .collect();
        let mut highest = 0.0_f64;
        for round in 0..24 {
            for forgery in &forgeries {
                forgery.send(&lab, balancer.port, round);
            }
            sleep(Duration::from_millis(500));
            assert_eq!(web.replicas(), 3);
            let value = &balancer.service(&web.name)["last"]["inputs"][0]["value"];
            highest = highest.max(value.as_f64().unwrap_or(0.0));
        }
        // The real load is 22 responses per second of three containers.
        assert!(highest < 120_000.0, "{highest}");
        println!("at most {highest:.0} bytes/s despite the forged reports");
        // The forged reports have been received.
        let entities = balancer.get("/api/v1/entities?limit=1000");
        let entities = entities["entities"].as_array().unwrap();
        let is_known = |name: &str| entities.iter().any(|entity| entity["name"] == name);
        assert!(is_known(&invented(4)) && is_known(&invented(7)) && is_known("node9"));
        let claimed = balancer.query(&format!(
            "max:vir_bytes_out{{vir_host_name={}}}",
            invented(4)
        ));
        assert!(claimed[0] > Some(1e7), "{claimed:?}");
    });
    assert_eq!(balancer.changes(&web.name), []);
}

/// A forged report: 20 MB/s for each of these containers of a host.
struct Forgery {
    host: &'static str,
    agent: Address,
    containers: Vec<String>,
}

impl Forgery {
    /// Sends from this machine's address and from node 2, whose address is that of a real sender.
    fn send(&self, lab: &Lab, port: u16, round: u32) {
        let bytes = self.datagram(round);
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.send_to(&bytes, (Lab::collector(), port)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("datagram");
        std::fs::write(&file, bytes).unwrap();
        let mut send: Command = lab.command(2);
        let command = format!(
            "cat {} >/dev/udp/{}/{port}",
            file.display(),
            Lab::collector()
        );
        assert!(
            send.args(["bash", "-c", &command])
                .status()
                .unwrap()
                .success()
        );
    }

    fn datagram(&self, round: u32) -> Vec<u8> {
        let header = Header {
            agent_address: self.agent,
            sub_agent_id: 0,
            sequence_number: round + 1,
            uptime: 1_000_000 + round * 500,
        };
        let mut buffer = [0; 1_400];
        let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
        let host: [CounterRecord<'_>; 1] = [HostDescr {
            hostname: Text::from(self.host),
            uuid: Uuid([9; 16]),
            ..HostDescr::default()
        }
        .into()];
        let source = DataSource::new(DataSourceKind::PHYSICAL, 1);
        push(&mut encoder, round, source, &host);
        for (place, name) in self.containers.iter().enumerate() {
            let number = place as u32;
            let mut uuid = [7; 16];
            uuid[..4].copy_from_slice(&number.to_be_bytes());
            let bytes = Counter64(1_000_000_000 + u64::from(round) * 10_000_000);
            let records: [CounterRecord<'_>; 3] = [
                HostDescr {
                    hostname: Text::from(name.as_str()),
                    uuid: Uuid(uuid),
                    ..HostDescr::default()
                }
                .into(),
                VirtCpu {
                    state: DomainState::RUNNING,
                    cpu_time: Counter32(1_000 + round * 100),
                    nr_virt_cpu: Gauge32(1),
                }
                .into(),
                VirtNetIo {
                    rx_bytes: bytes,
                    tx_bytes: bytes,
                    ..VirtNetIo::default()
                }
                .into(),
            ];
            let source = DataSource::new(DataSourceKind::LOGICAL, 100_000 + number);
            push(&mut encoder, round, source, &records);
        }
        encoder.finish().to_vec()
    }
}

fn push(encoder: &mut Encoder<'_>, round: u32, source: DataSource, records: &[CounterRecord<'_>]) {
    let sample = CountersSample {
        encoding: Encoding::Expanded,
        sequence_number: round + 1,
        source_id: source,
        records: Records::from(records),
    };
    encoder.push(&Sample::Counters(sample)).unwrap();
}
