use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use elb::simulator::{Event, Load};
use sflow_v5::counter::{HostDescr, VirtCpu, VirtNetIo};
use sflow_v5::{
    Address, Counter32, Counter64, CounterRecord, CountersSample, DataSource, DataSourceKind,
    DomainState, Encoder, Encoding, Gauge32, Header, Records, Sample, Text, Uuid,
};

use crate::world::{Sent, World, changes, need};

const STRANGER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

/// What somebody claims of containers that it never had, at ten gigabytes per second.
struct Liar {
    sequence: u32,
    names: Vec<String>,
}

impl Liar {
    fn tell(&mut self, seconds: f64) -> Vec<Sent> {
        let names = self.names.clone();
        let tell = |(place, name): (usize, &String)| {
            self.sequence += 1;
            let header = Header {
                agent_address: Address::V4(STRANGER.octets()),
                sub_agent_id: 0,
                sequence_number: self.sequence,
                uptime: (seconds * 1e3) as u32,
            };
            let number = place as u32;
            let mut uuid = [0; 16];
            uuid[..4].copy_from_slice(&number.to_be_bytes());
            let bytes = Counter64((seconds * 1e10) as u64);
            let records: [CounterRecord<'_>; 3] = [
                HostDescr {
                    hostname: Text::from(name.as_str()),
                    uuid: Uuid(uuid),
                    ..HostDescr::default()
                }
                .into(),
                VirtCpu {
                    state: DomainState::RUNNING,
                    cpu_time: Counter32((seconds * 9e2) as u32),
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
            let sample = CountersSample {
                encoding: Encoding::Expanded,
                sequence_number: self.sequence,
                source_id: DataSource::new(DataSourceKind::LOGICAL, 100_000 + number),
                records: Records::from(&records[..]),
            };
            let mut buffer = [0; 1_400];
            let mut encoder = Encoder::new(&mut buffer, &header).unwrap();
            encoder.push(&Sample::Counters(sample)).unwrap();
            (IpAddr::V4(STRANGER), encoder.finish().to_vec())
        };
        names.iter().enumerate().map(tell).collect()
    }
}

/// With every datagram of the cluster, the liar has its say once a second.
fn lied_to(world: &mut World, names: Vec<String>) {
    let mut liar = Liar { sequence: 0, names };
    let mut told = None;
    world.on_the_way(move |at, sent| {
        let second = at.as_nanos() / 1_000_000_000;
        let mut all = vec![sent];
        if told.replace(second) != Some(second) {
            all.extend(liar.tell(second as f64 - 1.7e9 + 1e3));
        }
        all
    });
}

#[tokio::test]
async fn t16_containers_that_do_not_exist_have_no_weight() {
    let mut world = World::new(1, Load::Constant(300.0), need(300.0), Vec::new());
    let names = (1..=20).map(|slot| format!("apache.{slot}.inventedinventedinvented1"));
    lied_to(&mut world, names.collect());
    let decided = world.run(200).await;
    assert_eq!(changes(&decided), []);
    let telemetry = world.balancer.telemetry().lock();
    let known = &telemetry.containers(world.now)["apache"];
    assert!(known.len() >= 20, "they were heard: {known:?}");
}

#[tokio::test]
async fn t16_who_takes_the_name_of_a_real_container_does_not_speak_for_it() {
    let mut world = World::new(1, Load::Constant(300.0), need(300.0), Vec::new());
    world.run(60).await;
    let names = world.balancer.telemetry().lock().containers(world.now)["apache"].clone();
    assert_eq!(names.len(), need(300.0) as usize);
    lied_to(&mut world, names);
    assert_eq!(changes(&world.run(200).await), []);
}

#[tokio::test]
async fn t17_a_flood_of_invented_containers_does_not_stop_decisions() {
    let load = Load::Step {
        before: 200.0,
        after: 800.0,
        at: Duration::from_secs(60),
    };
    let mut world = World::new(1, load, need(200.0), Vec::new());
    let mut flood = 0_u64;
    world.on_the_way(move |at, sent| {
        let mut all = vec![sent];
        let names = (0..50).map(|place| format!("flood.{flood}.{place:025}"));
        let mut liar = Liar {
            sequence: flood as u32,
            names: names.collect(),
        };
        flood += 1;
        all.extend(liar.tell(at.as_secs_f64() - 1.7e9));
        all
    });
    world.run(200).await;
    // One more is within the tolerance of a tenth.
    let right = need(800.0);
    let replicas = world.replicas();
    assert!((right..=right + 1).contains(&replicas), "{replicas}");
}

#[tokio::test]
async fn t21_other_protocols_are_counted_and_change_nothing() {
    let strangers = Event::Strangers {
        every: Duration::from_millis(20),
        lasting: Duration::from_secs(200),
    };
    let mut world = World::new(1, Load::Constant(300.0), need(300.0), vec![(0, strangers)]);
    assert_eq!(changes(&world.run(200).await), []);
    let refused = world.balancer.telemetry().lock().intake().refused;
    assert!(refused.values().sum::<u64>() > 5_000, "{refused:?}");
    assert!(refused.len() >= 5, "{refused:?}");
}
