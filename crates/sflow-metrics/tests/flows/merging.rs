//! Merging of the flows of several registries, which ingest the datagrams of different agents.

#[cfg(feature = "serde")]
mod written;

use std::collections::BTreeMap;

use proptest::prelude::*;
use sflow_metrics::flow::{Answer, MergeError, Partial, Row};
use sflow_metrics::{Config, HashKey, flow};
use sflow_v5::Sample;
use sflow_v5::enums::DropReason;

use crate::support::at;
use crate::world::{Agent, Udp, World, header};

/// One of each kind: totals, smoothed values and windows of sums, of counts and of drops.
const DEFINITIONS: [&str; 9] = [
    "keys=ip.src;value=bytes;smooth=off;top=1000",
    "keys=ip.src,ip.dst;value=bytes;smooth=3s;top=1000",
    "keys=ip.src;value=frames[5s tumbling];top=1000",
    "keys=ip.dst;value=distinct(ip.src);smooth=off;top=1000",
    "keys=ip.dst;value=distinct(ip.src);smooth=3s;top=1000",
    "keys=;value=distinct(ip.src,ip.dst)[10s tumbling]",
    "keys=ip.src;value=drops[5s tumbling];top=1000",
    "keys=drop.reason;value=drops;smooth=3s",
    "keys=;value=bytes.net;filter=ip.src=10.0.0.1|10.0.0.2;smooth=1m",
];

/// A sampled or dropped packet.
#[derive(Clone, Copy, Debug)]
struct Packet {
    agent: u8,
    ends: (u8, u8),
    length: u32,
    is_drop: bool,
    after_seconds: f64,
}

/// What happens to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Lost,
    Repeated,
    Late,
    /// The agent starts again before it sends the datagram.
    Restart,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        10 => Just(Fault::None),
        1 => Just(Fault::Lost),
        1 => Just(Fault::Repeated),
        1 => Just(Fault::Late),
        1 => Just(Fault::Restart),
    ]
}

/// Seconds without datagrams.
fn pause() -> impl Strategy<Value = u8> {
    prop_oneof![9 => Just(0), 1 => 0_u8..20]
}

fn packet() -> impl Strategy<Value = Packet> {
    let ends = (1_u8..30, 1_u8..6);
    let fields = (1_u8..7, ends, 64_u32..1500, 0_u8..5, 0_u32..900);
    fields.prop_map(|(agent, ends, length, kind, millis)| Packet {
        agent,
        ends,
        length,
        is_drop: kind == 0,
        after_seconds: f64::from(millis) / 1e3,
    })
}

/// Registries for parts of the agents, and one for all of them, which measure the same flows.
struct Cluster {
    whole: World,
    parts: Vec<World>,
    ids: Vec<flow::Id>,
    agents: BTreeMap<u8, Agent>,
    /// Datagrams that are received after the next one of their agent.
    late: BTreeMap<u8, Vec<u8>>,
    now: f64,
}

impl Cluster {
    fn new(parts: usize, definitions: &[&str], config: &Config) -> Self {
        let config = config
            .clone()
            .with(|config| config.hash_key = Some(HashKey::new([9; 16])));
        let world = || World::with(config.clone());
        let mut cluster = Self {
            whole: world(),
            parts: (0..parts).map(|_| world()).collect(),
            ids: Vec::new(),
            agents: BTreeMap::new(),
            late: BTreeMap::new(),
            now: 1_000.0,
        };
        for definition in definitions {
            cluster.ids.push(cluster.whole.watch(definition));
            for part in &mut cluster.parts {
                // All registries have the same definitions in the same order.
                assert_eq!(Some(&part.watch(definition)), cluster.ids.last());
            }
        }
        cluster
    }

    fn ingest(&mut self, packet: Packet) {
        self.ingest_with(packet, Fault::None);
    }

    fn ingest_with(&mut self, packet: Packet, fault: Fault) {
        self.now += packet.after_seconds;
        let agent = self
            .agents
            .entry(packet.agent)
            .or_insert_with(|| Agent::new(packet.agent));
        if fault == Fault::Restart {
            *agent = Agent::new(packet.agent);
        }
        let bytes = Udp::between(packet.ends.0, packet.ends.1).bytes();
        let records = [header(&bytes, packet.length)];
        let datagram = if packet.is_drop {
            let dropped = agent.discarded(DropReason::ACL, 0, &records);
            agent.encode(self.now, &[Sample::Discarded(dropped)])
        } else {
            let sampled = agent.sample(&records);
            agent.encode(self.now, &[Sample::Flow(sampled)])
        };
        let mut received = match fault {
            Fault::None | Fault::Restart => vec![datagram],
            Fault::Lost => Vec::new(),
            Fault::Repeated => vec![datagram.clone(), datagram],
            Fault::Late => {
                self.late.insert(packet.agent, datagram);
                return;
            }
        };
        received.extend(self.late.remove(&packet.agent));
        let part = usize::from(packet.agent) % self.parts.len();
        for world in [&mut self.whole, &mut self.parts[part]] {
            world.now = self.now;
            for datagram in &received {
                agent.deliver(world, datagram);
            }
        }
    }

    fn whole(&self, id: flow::Id) -> Answer {
        self.whole.registry.flows(at(self.now), id).unwrap()
    }

    /// The partials of all parts at times that differ by this number of seconds.
    fn partials(&self, id: flow::Id, delay: f64) -> Vec<Partial> {
        let times = (0..).map(|number| at(self.now + delay * f64::from(number)));
        let pairs = self.parts.iter().zip(times);
        let partial = |(part, now): (&World, _)| part.registry.flow_partial(now, id).unwrap();
        pairs.map(partial).collect()
    }
}

fn merged(partials: &[Partial]) -> Partial {
    let mut all = Partial::empty(partials[0].definition());
    for partial in partials {
        all.merge(partial.clone()).unwrap();
    }
    all
}

/// The rows by their keys.
fn by_keys(answer: &Answer) -> BTreeMap<Vec<String>, &Row> {
    let keys = |row: &Row| row.keys.iter().map(ToString::to_string).collect();
    answer.rows.iter().map(|row| (keys(row), row)).collect()
}

fn is_close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * ours.abs().max(theirs.abs()) + 1e-6
}

/// Equality except for rounding.
fn assert_same(ours: &Answer, theirs: &Answer, case: &str) {
    assert_eq!(ours.window, theirs.window, "{case}");
    assert_eq!(
        (ours.samples, ours.tracked, ours.evicted),
        (theirs.samples, theirs.tracked, theirs.evicted),
        "{case}"
    );
    let amounts = |answer: &Answer| {
        [
            answer.total,
            answer.total_sampling_error,
            answer.total_rate_error,
            answer.unseen,
            answer.unreported,
        ]
    };
    for (ours, theirs) in amounts(ours).into_iter().zip(amounts(theirs)) {
        assert!(is_close(ours, theirs), "{case}: {ours} and {theirs}");
    }
    let (ours, theirs) = (by_keys(ours), by_keys(theirs));
    assert!(ours.keys().eq(theirs.keys()), "{case}");
    for ((keys, ours), theirs) in ours.iter().zip(theirs.values()) {
        // A flow whose values have all expired has no entry any more.
        if !(case.contains("distinct") && case.contains("smooth=3s")) {
            assert_eq!(ours.samples, theirs.samples, "{case}: {keys:?}");
        }
        let amounts = |row: &Row| [row.value, row.error, row.sampling_error, row.rate_error];
        for (ours, theirs) in amounts(ours).into_iter().zip(amounts(theirs)) {
            assert!(
                is_close(ours, theirs),
                "{case}: {keys:?}: {ours} and {theirs}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merged_registries_answer_as_one(
        packets in prop::collection::vec(packet(), 1..120),
        parts in 1_usize..5,
    ) {
        let mut cluster = Cluster::new(parts, &DEFINITIONS, &Config::default());
        for packet in packets {
            cluster.ingest(packet);
        }
        for (id, definition) in cluster.ids.iter().zip(DEFINITIONS) {
            let all = merged(&cluster.partials(*id, 0.0));
            assert_same(&all.answer(at(cluster.now)), &cluster.whole(*id), definition);
        }
    }

    /// Datagrams of a restarted agent are kept until later ones confirm the restart. They must not
    /// be mistaken for a step back of the clock, which discards the flows of all agents.
    #[test]
    fn merged_registries_answer_as_one_despite_faults(
        parts in 1_usize..5,
        packets in prop::collection::vec((packet(), fault(), pause()), 1..150),
        delay in 0.0..20.0_f64,
    ) {
        let mut cluster = Cluster::new(parts, &DEFINITIONS, &Config::default());
        for (packet, fault, pause) in packets {
            cluster.now += f64::from(pause);
            cluster.ingest_with(packet, fault);
        }
        cluster.now += delay;
        for id in &cluster.ids {
            let partials = cluster.partials(*id, 0.0);
            let case = partials[0].definition().to_string();
            let whole = cluster.whole(*id);
            assert_same(&merged(&partials).answer(at(cluster.now)), &whole, &case);
        }
    }

    #[test]
    fn merging_is_commutative_and_associative(
        packets in prop::collection::vec(packet(), 1..80),
        capacity in prop_oneof![Just(4_usize), Just(1_000)],
        delay in prop_oneof![Just(0.0), Just(1.7), Just(400.0)],
    ) {
        let config = Config::default().with(|config| config.max_flow_keys = capacity);
        let mut cluster = Cluster::new(3, &DEFINITIONS, &config);
        for packet in packets {
            cluster.ingest(packet);
        }
        for (id, definition) in cluster.ids.iter().zip(DEFINITIONS) {
            // Windows do not merge with other windows.
            let is_window = definition.contains('[');
            let partials = cluster.partials(*id, if is_window { 0.0 } else { delay });
            let [a, b, c] = [&partials[0], &partials[1], &partials[2]].map(Clone::clone);
            let now = at(cluster.now + 3.0 * delay);
            let all = merged(&partials).answer(now);
            let reversed = merged(&[c.clone(), b.clone(), a.clone()]);
            assert_same(&all, &reversed.answer(now), definition);
            let right = merged(&[b, c]);
            assert_same(&all, &merged(&[a.clone(), right]).answer(now), definition);
            let mut with_nothing = a.clone();
            with_nothing.merge(Partial::empty(a.definition())).unwrap();
            prop_assert_eq!(&with_nothing, &a, "{}", definition);
            let mut nothing = Partial::empty(a.definition());
            nothing.merge(a.clone()).unwrap();
            prop_assert_eq!(nothing, a, "{}", definition);
        }
    }

    #[test]
    fn merged_bounds_contain_true_values(
        packets in prop::collection::vec(packet(), 1..200),
        parts in 1_usize..5,
        capacity in 2_usize..12,
    ) {
        let definitions = &DEFINITIONS[..3];
        let mut truth = Cluster::new(1, definitions, &Config::default());
        let config = Config::default().with(|config| config.max_flow_keys = capacity);
        let mut cluster = Cluster::new(parts, definitions, &config);
        for packet in packets {
            truth.ingest(packet);
            cluster.ingest(packet);
        }
        for (id, definition) in cluster.ids.iter().zip(definitions) {
            let found = merged(&cluster.partials(*id, 0.0)).answer(at(cluster.now));
            assert_bounds(&found, &truth.whole(*id), definition);
        }
    }
}

/// Checks that each true value is within its bounds, and no flow outside the list is heavier than
/// the lightest one in it.
fn assert_bounds(found: &Answer, truth: &Answer, case: &str) {
    assert!(is_close(found.total, truth.total), "{case}");
    let rows = by_keys(found);
    let lightest = found.rows.last().map_or(f64::INFINITY, |row| row.value);
    for (keys, row) in by_keys(truth) {
        let value = row.value;
        let tolerance = 1e-9 * truth.total;
        match rows.get(&keys) {
            Some(found) => {
                let bounds = found.value - found.error - tolerance..=found.value + tolerance;
                assert!(
                    bounds.contains(&value),
                    "{case}: {keys:?}: {value} in {bounds:?}"
                );
            }
            None => {
                assert!(value <= lightest + tolerance, "{case}: {keys:?}: {value}");
                if found.rows.len() == found.tracked {
                    assert!(
                        value <= found.unseen + tolerance,
                        "{case}: {keys:?}: {value}"
                    );
                }
            }
        }
    }
}

/// Eight registries for 400 flows each, and almost 2,000 flows of Zipf's distribution.
#[test]
fn heaviest_flows_are_complete_after_eviction() {
    const DEFINITION: &str = "keys=ip.dst,ip.src,port.src;value=bytes;smooth=off;top=20";
    let all = "keys=ip.dst,ip.src,port.src;value=bytes;smooth=off;top=100000";
    let config = Config::default().with(|config| config.max_flow_keys = 400);
    let mut truth = Cluster::new(1, &[all], &Config::default());
    let mut cluster = Cluster::new(8, &[DEFINITION, all], &config);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..40_000_u32 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let uniform = (random >> 11) as f64 / (1_u64 << 53) as f64;
        // The rank of a flow: the probability is about proportional to its reciprocal.
        let rank = (2000_f64.powf(uniform) - 1.0) as u32;
        let packet = Packet {
            agent: 1 + (number % 16) as u8,
            ends: ((rank % 250) as u8, (rank / 250) as u8),
            length: 100 + (random % 1000) as u32,
            is_drop: false,
            after_seconds: 0.001,
        };
        truth.ingest(packet);
        cluster.ingest(packet);
    }
    let truth = truth.whole(truth.ids[0]);
    let answer = |place: usize| {
        let partials = cluster.partials(cluster.ids[place], 0.0);
        merged(&partials).answer(at(cluster.now))
    };
    let every = answer(1);
    println!("{} flows, {} evictions", truth.tracked, every.evicted);
    assert!(truth.tracked > 1_800 && every.evicted > 1_000);
    assert_bounds(&every, &truth, "all");
    let heaviest: BTreeMap<_, _> = by_keys(&truth).into_iter().collect();
    let mut heaviest: Vec<_> = heaviest.into_iter().collect();
    heaviest.sort_by(|a, b| b.1.value.total_cmp(&a.1.value));
    let listed = answer(0);
    let listed = by_keys(&listed);
    for (keys, row) in &heaviest[..20] {
        assert!(listed.contains_key(keys), "{keys:?}: {}", row.value);
    }
}

/// A packet that several data sources sample is counted by each. The maximum over data sources is
/// that of the merged registries if the data source is part of the keys.
#[test]
fn maximum_over_data_sources_is_that_of_one_registry() {
    let definition = "keys=ip.src,agent,data_source;value=bytes;smooth=off";
    let mut cluster = Cluster::new(3, &[definition], &Config::default());
    for number in 0..60_u8 {
        cluster.ingest(Packet {
            agent: 1 + number % 5,
            ends: (1 + number % 7, 1),
            length: 100 + u32::from(number),
            is_drop: false,
            after_seconds: 0.1,
        });
    }
    let id = cluster.ids[0];
    let maxima = |answer: &Answer| {
        let mut maxima = BTreeMap::<String, f64>::new();
        for row in &answer.rows {
            let maximum = maxima.entry(row.keys[0].to_string()).or_default();
            *maximum = maximum.max(row.value);
        }
        maxima
    };
    let all = merged(&cluster.partials(id, 0.0)).answer(at(cluster.now));
    assert_eq!(maxima(&all), maxima(&cluster.whole(id)));
    assert_eq!(maxima(&all).len(), 7);
}

#[test]
fn values_decay_to_latest_time_before_they_are_added() {
    let definition = "keys=ip.src;value=bytes;smooth=10s";
    let mut cluster = Cluster::new(2, &[definition], &Config::default());
    for agent in [2, 3] {
        cluster.ingest(Packet {
            agent,
            ends: (1, 2),
            length: 1000,
            is_drop: false,
            after_seconds: 0.0,
        });
    }
    let [first, second] = cluster.partials(cluster.ids[0], 5.0).try_into().unwrap();
    let value = |partial: &Partial, after: f64| {
        let answer = partial.answer(at(cluster.now + after));
        answer.rows.iter().map(|row| row.value).sum::<f64>()
    };
    let one = 1000.0 * 100.0 / 10.0;
    assert!(is_close(value(&first, 0.0), one));
    assert!(is_close(value(&second, 5.0), one * (-0.5_f64).exp()));
    let mut all = first.clone();
    all.merge(second).unwrap();
    for after in [5.0, 7.5, 60.0] {
        assert!(is_close(
            value(&all, after),
            2.0 * one * (-after / 10.0).exp()
        ));
    }
    // Faded flows are not listed.
    assert_eq!(all.answer(at(cluster.now + 161.0)).rows, []);
}

#[test]
fn distinct_values_expire_after_merging() {
    let definition = "keys=;value=distinct(ip.src);smooth=10s";
    let mut cluster = Cluster::new(2, &[definition], &Config::default());
    // Periods of 10 s begin at multiples of 10 s.
    for (agent, source, after_seconds) in [(2, 1, 1.0), (3, 1, 0.0), (2, 2, 11.0)] {
        cluster.ingest(Packet {
            agent,
            ends: (source, 9),
            length: 100,
            is_drop: false,
            after_seconds,
        });
    }
    let all = merged(&cluster.partials(cluster.ids[0], 0.0));
    let count = |seconds: f64| all.answer(at(seconds)).total.round();
    assert_eq!((count(1012.0), count(1019.0)), (2.0, 2.0));
    assert_eq!(
        count(1021.0),
        1.0,
        "values of the period that began at 1010 s"
    );
    assert_eq!(count(1030.0), 0.0);
}

#[test]
fn different_partials_do_not_merge() {
    let partial = |definition: &str, key: Option<HashKey>, seconds: f64| {
        let config = Config::default().with(|config| config.hash_key = key);
        let mut world = World::with(config);
        let id = world.watch(definition);
        Agent::new(1).see(&mut world, &Udp::between(1, 2).bytes(), 100);
        world.registry.flow_partial(at(seconds), id).unwrap()
    };
    let error = |ours: &Partial, theirs: &Partial| {
        let mut merged = ours.clone();
        let error = merged.merge(theirs.clone()).unwrap_err();
        assert_eq!(merged, *ours, "{error}");
        error
    };
    let bytes = partial("keys=ip.src;value=bytes", None, 1.0);
    let frames = partial("keys=ip.src;value=frames", None, 1.0);
    let found = error(&bytes, &frames);
    assert!(matches!(found, MergeError::OtherDefinition { .. }));
    assert_eq!(
        found.to_string(),
        "cannot merge flows of `keys=ip.src;value=frames` into flows of `keys=ip.src;value=bytes`"
    );

    let window = "keys=ip.src;value=bytes[10s tumbling]";
    let [ours, theirs] = [10.0, 20.0].map(|seconds| partial(window, None, seconds));
    assert_eq!(
        error(&ours, &theirs),
        MergeError::OtherWindow {
            ours: at(0.0)..at(10.0),
            theirs: at(10.0)..at(20.0)
        }
    );

    let distinct = "keys=;value=distinct(ip.src)";
    let [one, other] = [1, 2].map(|byte| Some(HashKey::new([byte; 16])));
    let ours = partial(distinct, one, 1.0);
    let found = error(&ours, &partial(distinct, other, 1.0));
    assert_eq!(found, MergeError::OtherHashKey);
    assert!(found.to_string().contains("`hash_key`"), "{found}");
    let random = [None, None].map(|key| partial(distinct, key, 1.0));
    assert_eq!(error(&random[0], &random[1]), MergeError::OtherHashKey);
    let same = merged(&[ours, partial(distinct, one, 1.0)]);
    assert_eq!(same.answer(at(1.0)).total.round(), 1.0);
}
