//! The serialised form of partials.

use serde_json::{Value, json};

use super::{
    Answer, Cluster, Config, DEFINITIONS, Packet, Partial, assert_same, at, is_close, merged,
};
use proptest::prelude::*;

const NOW: f64 = 1012.0;

/// Two partials of each definition.
fn partials() -> Vec<[Partial; 2]> {
    let config = Config::default().with(|config| config.max_flow_keys = 40);
    let mut cluster = Cluster::new(2, &DEFINITIONS, &config);
    for number in 0..120_u8 {
        cluster.ingest(Packet {
            agent: 1 + number % 4,
            ends: (1 + number % 60, 1 + number % 3),
            length: 100,
            is_drop: number % 5 == 0,
            after_seconds: 0.1,
        });
    }
    assert!(is_close(cluster.now, NOW));
    let partials = |id: &_| cluster.partials(*id, 0.0).try_into().unwrap();
    cluster.ids.iter().map(partials).collect()
}

#[test]
fn serialised_partial_round_trips() {
    for [ours, theirs] in partials() {
        let text = serde_json::to_string(&ours).unwrap();
        let read: Partial = serde_json::from_str(&text).unwrap();
        let case = ours.definition().to_string();
        assert_same(&read.answer(at(NOW)), &ours.answer(at(NOW)), &case);
        let all = merged(&[read, theirs.clone()]).answer(at(NOW));
        assert_same(&all, &merged(&[ours, theirs]).answer(at(NOW)), &case);
        assert!(!all.rows.is_empty(), "{case}");
    }
    let empty = Partial::empty(partials()[0][0].definition());
    let text = serde_json::to_string(&empty).unwrap();
    assert_eq!(serde_json::from_str::<Partial>(&text).unwrap(), empty);
}

#[test]
fn hash_key_is_not_serialised() {
    let key = "00112233445566778899aabbccddeeff";
    let config: Config = serde_json::from_value(json!({ "hash_key": key })).unwrap();
    assert_eq!(config.hash_key, Some(key.parse().unwrap()));
    assert!(!serde_json::to_string(&config).unwrap().contains("hash_key"));
    let wrong = serde_json::from_value::<Config>(json!({ "hash_key": "11" })).unwrap_err();
    assert!(
        wrong.to_string().contains("32 hexadecimal digits"),
        "{wrong}"
    );
}

/// Sets the value at a path, in which `*` is the first flow.
fn set(value: &mut Value, path: &str, new: Value) {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut value = value;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        value = match parent {
            "*" => value.as_object_mut().unwrap().values_mut().next().unwrap(),
            _ => &mut value[parent],
        };
    }
    value[name] = new;
}

/// Asserts that the partial of a definition is rejected with these words after a change.
fn assert_rejected(definition: usize, path: &str, new: &Value, words: &str) {
    let mut value = serde_json::to_value(&partials()[definition][0]).unwrap();
    set(&mut value, path, new.clone());
    let error = serde_json::from_value::<Partial>(value).expect_err(path);
    assert!(error.to_string().contains(words), "{path} = {new}: {error}");
}

#[test]
fn inconsistent_numbers_are_rejected() {
    for (definition, path, new) in [
        (0, "sums", json!(null)),
        (0, "at", json!(null)),
        (0, "window", json!([1, 2])),
        (2, "window", json!(null)),
        (2, "window", json!([2, 1])),
        (3, "counts.hash_key", json!(null)),
        (0, "sums.*.weight", json!(-1.0)),
        (0, "sums.*.weight", json!(1e300)),
        (0, "sums.*.error", json!(1e12)),
        (0, "sums.*.stated", json!(-1.0)),
        (0, "sums.*.variance", json!(-1.0)),
        (0, "overall.weight", json!(1e101)),
        (0, "overall.unseen", json!(-1.0)),
    ] {
        assert_rejected(definition, path, &new, "inconsistent numbers");
    }
    let counts = json!("keys=ip.src;value=distinct(vlan)");
    assert_rejected(0, "definition", &counts, "inconsistent numbers");
}

#[test]
fn invalid_values_are_rejected() {
    let other_keys = json!("keys=ip.src,ip.dst;value=bytes;smooth=off");
    assert_rejected(0, "definition", &other_keys, "does not have the keys");
    // A set of 128 values in 12 bytes.
    let set = json!("0301070a0708000900000000");
    assert_rejected(3, "counts.all.current", &set, "invalid sketch");
    let sketch = json!("0a01070a0000000a");
    assert_rejected(
        3,
        "counts.flows.*.values.current",
        &sketch,
        "invalid sketch",
    );
    for (path, new, words) in [
        ("version", json!(2), "unsupported version 2"),
        ("definition", json!("keys"), "invalid definition"),
        ("sums.*.weight", json!(null), "invalid type"),
        ("extra", json!(1), "unknown field"),
    ] {
        assert_rejected(0, path, &new, words);
    }
}

#[test]
fn invalid_keys_are_rejected() {
    let partial = serde_json::to_value(&partials()[0][0]).unwrap();
    let weights = partial["sums"].as_object().unwrap().values().next();
    let weights = weights.unwrap();
    for (key, words) in [
        ("09", "flow `09` of a partial does not have the keys"),
        ("020a0000", "does not have the keys"),
        ("020", "hexadecimal digits"),
    ] {
        assert_rejected(0, &format!("sums.{key}"), weights, words);
    }
}

fn is_finite(answer: &Answer) -> bool {
    let rows = answer.rows.iter();
    let amounts = rows.flat_map(|row| [row.value, row.error, row.sampling_error]);
    let totals = [
        answer.total,
        answer.total_sampling_error,
        answer.other,
        answer.unseen,
    ];
    amounts
        .chain(totals)
        .all(|amount| amount.is_finite() && amount >= 0.0)
}

proptest! {
    /// Whatever is accepted can be merged and answered.
    #[test]
    fn changed_partials_have_finite_answers(
        place in 0..DEFINITIONS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), r#"[0-9a-f."{}\[\],:e-]"#), 1..4),
        now in prop_oneof![Just(0.0), Just(NOW), Just(1e9)],
    ) {
        thread_local!(static PARTIALS: Vec<[Partial; 2]> = partials());
        PARTIALS.with(|partials| {
            let [ours, theirs] = &partials[place];
            let mut text = serde_json::to_string(ours).unwrap();
            for (at, change) in &changes {
                let at = at.index(text.len());
                text.replace_range(at..=at, change);
            }
            let Ok(read) = serde_json::from_str::<Partial>(&text) else { return };
            assert!(is_finite(&read.answer(at(now))), "{text}");
            let mut all = theirs.clone();
            if all.merge(read).is_ok() {
                assert!(is_finite(&all.answer(at(now))), "{text}");
            }
        });
    }
}
