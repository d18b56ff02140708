//! Merging of the answers of several registries for different agents.

mod support;

use proptest::prelude::*;
use sflow_metrics::{
    Config, Registry,
    query::{MergeError, Partial, Query},
};
use support::{Agent, Container, at};

const NOW: f64 = 30.0;

const STATISTICS: [&str; 13] = [
    "avg", "sum", "min", "max", "median", "q1", "q3", "iqr", "p90", "var", "sdev", "count", "any",
];

/// A registry for one agent with these containers: service, thousandths of processors, and delay of
/// the report in seconds.
fn worker(agent: u8, tasks: &[(u8, u32, u8)]) -> Registry {
    let mut registry = Registry::new(Config::default());
    ingest_agent(&mut registry, agent, tasks);
    registry
}

fn ingest_agent(registry: &mut Registry, agent: u8, tasks: &[(u8, u32, u8)]) {
    let mut agent_of = Agent::new(agent);
    for (index, (service, millicores, late)) in (0..).zip(tasks) {
        let name = format!("service{service}.{index}.{agent:04}");
        let mut task = Container::new(&name, index);
        let mut now = f64::from(*late);
        for sequence in 1..=2 {
            agent_of.report(registry, now, &[task.sample(sequence)]);
            task.work(10.0, f64::from(*millicores) / 1e3, 0.0);
            now += 10.0;
        }
    }
}

fn query(grouping: &str) -> Query {
    let expressions = STATISTICS.map(|statistic| format!("{statistic}:vir_cpu_cores"));
    format!("{}{grouping}", expressions.join(","))
        .parse()
        .unwrap()
}

/// The values of all groups.
#[derive(Debug)]
struct Values(Vec<(String, Vec<Option<f64>>)>);

impl Values {
    /// The values of the first `expressions` expressions.
    fn of(partial: &Partial, expressions: usize) -> Self {
        let groups = partial.groups(at(NOW)).groups.into_iter();
        let line = groups.map(|group| {
            let values = group.summaries.iter().map(|summary| summary.value);
            (group.name.to_string(), values.take(expressions).collect())
        });
        Self(line.collect())
    }
}

impl PartialEq for Values {
    /// Equality except for rounding, which depends on the order of additions.
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs.into_iter().all(|((name, ours), (other, theirs))| {
                name == other && ours.iter().zip(theirs).all(|(a, b)| is_close(*a, *b))
            })
    }
}

fn is_close(ours: Option<f64>, theirs: Option<f64>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() < 1e-9,
        (ours, theirs) => ours == theirs,
    }
}

fn merged(parts: &[&Partial]) -> Partial {
    let mut all = Partial::empty(parts[0].query());
    for part in parts {
        all.merge((*part).clone()).unwrap();
    }
    all
}

fn tasks() -> impl Strategy<Value = Vec<(u8, u32, u8)>> {
    prop::collection::vec((0u8..3, 0u32..4000, 0u8..9), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn partials_merge_into_whole_answer(tasks in prop::collection::vec(tasks(), 3)) {
        for grouping in ["", " by container=(*).*.*"] {
            let query = query(grouping);
            let parts: Vec<Partial> = (1..)
                .zip(&tasks)
                .map(|(agent, tasks)| worker(agent, tasks).partial(at(NOW), &query))
                .collect();
            let [a, b, c] = [&parts[0], &parts[1], &parts[2]];

            let all = merged(&[a, b, c]);
            let values = |partial: &Partial| Values::of(partial, STATISTICS.len());
            prop_assert_eq!(values(&all), values(&merged(&[c, a, b])), "in any order");
            let right = merged(&[b, c]);
            prop_assert_eq!(values(&all), values(&merged(&[a, &right])), "in any grouping");
            let mut with_nothing = a.clone();
            with_nothing.merge(Partial::empty(&query)).unwrap();
            prop_assert_eq!(&with_nothing, a);

            let mut alone = Registry::new(Config::default());
            for (agent, tasks) in (1..).zip(&tasks) {
                ingest_agent(&mut alone, agent, tasks);
            }
            let whole = alone.partial(at(NOW), &query);
            // `any` is ambiguous if several values have the same time.
            let but_any = |partial: &Partial| Values::of(partial, STATISTICS.len() - 1);
            prop_assert_eq!(but_any(&all), but_any(&whole), "as one registry for all agents");
            let asked = alone.query(at(NOW), &query);
            let summaries = all.summaries(at(NOW));
            for (place, ((summary, holder), expected)) in summaries.iter().zip(&asked).enumerate() {
                prop_assert!(
                    is_close(summary.value, expected.value) || STATISTICS[place] == "any",
                    "{}: {:?} and {:?}",
                    STATISTICS[place],
                    summary,
                    expected
                );
                prop_assert_eq!(
                    (summary.matched, summary.contributing, summary.newest, summary.oldest),
                    (expected.matched, expected.contributing, expected.newest, expected.oldest)
                );
                prop_assert_eq!(holder.is_some(), expected.winner.is_some());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_of_registries_merge_into_those_of_one(tasks in prop::collection::vec(tasks(), 3)) {
        for window in ["30s", "30s:max", "10s tumbling", "10s:max tumbling", "10s:p95 tumbling"] {
            let query = query(&format!(" by container=(*).*.* [{window}]"));
            let watching = || {
                let mut registry = Registry::new(Config::default());
                registry.watch(&query);
                registry
            };
            let (mut alone, mut all) = (watching(), Partial::empty(&query));
            for (agent, tasks) in (1..).zip(&tasks) {
                let mut worker = watching();
                for registry in [&mut alone, &mut worker] {
                    ingest_agent(registry, agent, tasks);
                }
                all.merge(worker.partial(at(NOW), &query)).unwrap();
            }
            // `any` is ambiguous if several values have the same time.
            let values = |partial: &Partial| Values::of(partial, STATISTICS.len() - 1);
            let whole = alone.partial(at(NOW), &query);
            prop_assert_eq!(values(&all), values(&whole), "{}", window);
        }
    }
}

#[test]
fn owner_of_largest_value_is_named() {
    let query: Query = "max:vir_cpu_cores,min:vir_cpu_cores,avg:vir_cpu_cores by container=(*).*.*"
        .parse()
        .unwrap();
    let near = worker(1, &[(0, 500, 0), (1, 100, 0)]).partial(at(NOW), &query);
    let far = worker(2, &[(0, 900, 0)]).partial(at(NOW), &query);
    let all = merged(&[&near, &far]);
    let names: Vec<_> = all
        .owners("service0")
        .into_iter()
        .map(|holder| holder.map(|holder| (holder.name, holder.agent)))
        .collect();
    assert_eq!(names[2], None);
    assert_eq!(
        names[1].as_ref().map(|(name, _)| name.as_str()),
        Some("service0.0.0001")
    );
    assert!(
        names[0]
            .as_ref()
            .is_some_and(|(name, agent)| name == "service0.0.0002" && agent.contains("10.0.0.2"))
    );
    assert!(all.owners("service9").is_empty());
}

#[test]
fn partials_of_other_queries_do_not_merge() {
    let ours: Query = "avg:vir_cpu_cores".parse().unwrap();
    let theirs: Query = "avg:vir_mem_used".parse().unwrap();
    let mut part = Partial::empty(&ours);
    let error = part.merge(Partial::empty(&theirs)).unwrap_err();
    assert_eq!(
        error,
        MergeError::OtherQuery {
            ours: ours.to_string(),
            theirs: theirs.to_string()
        }
    );
    assert!(
        error
            .to_string()
            .starts_with("cannot merge a partial of query `avg:vir_mem_used`")
    );
}

#[cfg(feature = "serde")]
mod written {
    use serde_json::{Value, json};

    use super::{NOW, Partial, at, query, worker};

    fn part() -> Partial {
        let query = query(" by container=(*).*.*");
        worker(1, &[(0, 500, 1), (0, 100, 2), (1, 3000, 3)]).partial(at(NOW), &query)
    }

    #[test]
    fn serialised_partial_round_trips() {
        let part = part();
        let text = serde_json::to_string(&part).unwrap();
        let read: Partial = serde_json::from_str(&text).unwrap();
        assert_eq!(read, part);
        assert_eq!(serde_json::to_value(&part).unwrap()["version"], 2);
    }

    /// Case, change of the serialised form, and expected message.
    type Edit<'e> = (&'e str, &'e dyn Fn(&mut Value), &'e str);

    #[test]
    fn inconsistent_partials_are_rejected() {
        let good = serde_json::to_value(part()).unwrap();
        let group = |value: &mut Value| value["groups"]["service0"].take();
        let edits: [Edit<'_>; 13] = [
            (
                "another version",
                &|value| value["version"] = json!(1),
                "unsupported version 1",
            ),
            (
                "invalid query",
                &|value| value["query"] = json!("avg"),
                "invalid query",
            ),
            (
                "another query",
                &|value| value["query"] = json!("avg:load_one"),
                "one entry per expression",
            ),
            (
                "an expression less",
                &|value| {
                    let mut parts = group(value);
                    parts.as_array_mut().unwrap().pop();
                    value["groups"]["service0"] = parts;
                },
                "one entry per expression",
            ),
            (
                "more contributors than matches",
                &|value| value["groups"]["service0"][0]["count"] = json!(99),
                "inconsistent",
            ),
            (
                "minimum without owner",
                &|value| value["groups"]["service0"][2]["winner"] = json!(null),
                "inconsistent",
            ),
            (
                "the newest is older than the oldest",
                &|value| value["groups"]["service0"][0]["read"] = json!([1, 2]),
                "inconsistent",
            ),
            (
                "a median without its values",
                &|value| value["groups"]["service0"][4]["values"] = json!({ "exact": [] }),
                "inconsistent",
            ),
            (
                "owner without minimum or maximum",
                &|value| {
                    value["groups"]["service0"][0]["winner"] =
                        value["groups"]["service0"][2]["winner"].clone();
                },
                "inconsistent",
            ),
            (
                "a negative spread",
                &|value| value["groups"]["service0"][9]["spread"][1] = json!(-1.0),
                "inconsistent",
            ),
            (
                "more than there can be",
                &|value| value["groups"]["service0"][0]["matched"] = json!(u64::MAX),
                "inconsistent",
            ),
            (
                "a sum above that of all values",
                &|value| value["groups"]["service0"][0]["sum"] = json!(1e300),
                "inconsistent",
            ),
            (
                "something unknown",
                &|value| value["extra"] = json!(1),
                "unknown field",
            ),
        ];
        for (case, edit, words) in edits {
            let mut value = good.clone();
            edit(&mut value);
            let error = serde_json::from_value::<Partial>(value).unwrap_err();
            assert!(error.to_string().contains(words), "{case}: {error}");
        }
    }

    /// A partial of 20,000 containers whose medians are a sketch.
    fn sketched() -> Value {
        let query = "median:vir_cpu_cores".parse().unwrap();
        let tasks: Vec<_> = (1..=5).map(|cores| (0, 1_000 * cores, 1)).collect();
        let mut value = serde_json::to_value(worker(1, &tasks).partial(at(NOW), &query)).unwrap();
        let group = &mut value["groups"][""][0];
        group["count"] = json!(20_000);
        group["matched"] = json!(20_000);
        group["values"] = json!({ "sketch": {
            "min": 1.0,
            "max": 5.0,
            "buckets": { "1037": 9_000, "1072": 9_000, "1117": 2_000 },
        } });
        value
    }

    #[test]
    fn sketches_of_other_registries_merge() {
        let sketch: Partial = serde_json::from_value(sketched()).unwrap();
        let summary = sketch.summaries(at(NOW))[0].0;
        assert_eq!(
            (summary.contributing, summary.relative_error),
            (20_000, 0.01)
        );
        let text = serde_json::to_string(&sketch).unwrap();
        assert_eq!(serde_json::from_str::<Partial>(&text).unwrap(), sketch);

        let query = sketch.query().clone();
        let tasks: Vec<_> = (0..4_000).map(|_| (0, 3_000, 1)).collect();
        let exact = worker(2, &tasks).partial(at(NOW), &query);
        assert_eq!(exact.summaries(at(NOW))[0].0.relative_error, 0.0);
        let median = |ours: &Partial, theirs: &Partial| {
            let mut all = ours.clone();
            all.merge(theirs.clone()).unwrap();
            let summary = all.summaries(at(NOW))[0].0;
            assert_eq!(summary.contributing, 24_000);
            (all, summary.value.unwrap())
        };
        let (all, value) = median(&sketch, &exact);
        assert_eq!(median(&exact, &sketch), (all, value));
        // 9,000 values are near 1.0, 9,000 near 2.0.
        assert!((value - 2.0).abs() < 0.05, "{value}");
    }

    #[test]
    fn inconsistent_sketches_are_rejected() {
        let values = |value: &mut Value, values: Value| value["groups"][""][0]["values"] = values;
        let buckets = |value: &mut Value, buckets: Value| {
            value["groups"][""][0]["values"]["sketch"]["buckets"] = buckets;
        };
        let edits: [Edit<'_>; 11] = [
            (
                "too few values",
                &|value| buckets(value, json!({ "1037": 9_000 })),
                "inconsistent",
            ),
            (
                "no buckets",
                &|value| buckets(value, json!({})),
                "inconsistent",
            ),
            (
                "an empty bucket",
                &|value| buckets(value, json!({ "1037": 20_000, "1072": 0, "1117": 0 })),
                "inconsistent",
            ),
            (
                "counts that overflow",
                &|value| buckets(value, json!({ "1037": u64::MAX, "1117": 20_001 })),
                "inconsistent",
            ),
            (
                "a negative count",
                &|value| buckets(value, json!({ "1037": -1, "1117": 20_001 })),
                "invalid",
            ),
            (
                "buckets of no number",
                &|value| {
                    buckets(
                        value,
                        json!({ "-2147483648": 10_000, "2147483647": 10_000 }),
                    );
                },
                "inconsistent",
            ),
            (
                "a bucket that is not a 32-bit number",
                &|value| buckets(value, json!({ "4294967296": 20_000 })),
                "invalid",
            ),
            (
                "minimum above maximum",
                &|value| value["groups"][""][0]["values"]["sketch"]["min"] = json!(6.0),
                "inconsistent",
            ),
            (
                "a sketch of a few values",
                &|value| {
                    value["groups"][""][0]["count"] = json!(10_000);
                    buckets(value, json!({ "1037": 5_000, "1117": 5_000 }));
                },
                "inconsistent",
            ),
            (
                "a list of many values",
                &|value| values(value, json!({ "exact": vec![1.0; 20_000] })),
                "inconsistent",
            ),
            (
                "an unknown form",
                &|value| values(value, json!({ "digest": [] })),
                "unknown variant",
            ),
        ];
        for (case, edit, words) in edits {
            let mut value = sketched();
            edit(&mut value);
            let error = serde_json::from_str::<Partial>(&value.to_string()).unwrap_err();
            assert!(error.to_string().contains(words), "{case}: {error}");
        }
    }
}
