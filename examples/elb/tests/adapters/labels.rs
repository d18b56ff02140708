//! Policies in the labels of services.

use std::collections::BTreeMap;
use std::time::Duration;

use elb::config::{Config, ConfigError, ServiceSettings};
use elb::policy::{Mode, Rule, Target};

fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    labels.iter().map(own).collect()
}

fn read(given: &[(&str, &str)]) -> Result<Option<ServiceSettings>, ConfigError> {
    let config = Config::from_toml(
        "[defaults]\nmax = 7\nmode = \"act\"\n\
         metric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n",
    )
    .unwrap();
    config.discovery.labels.service("web", &labels(given))
}

#[test]
fn labels_equal_the_settings_of_the_file() {
    let service = read(&[
        ("elb.enabled", "true"),
        ("elb.min", "2"),
        ("elb.priority", "-3"),
        ("elb.cpu.target", "70"),
        ("elb.metric.custom.orders.target", "12.5"),
        ("elb.warm-up", "30s"),
        ("elb.down.stabilise", "2m"),
        ("elb.down.cooldown", "10s"),
        ("elb.owner", "east"),
        ("com.example.other", "x"),
    ])
    .unwrap()
    .unwrap();
    assert_eq!((service.name.as_str(), service.priority), ("web", -3));
    let settings = &service.settings;
    assert_eq!((settings.min, settings.max), (2, 7));
    assert_eq!(settings.mode, Mode::Act);
    assert_eq!(settings.warm_up, Duration::from_secs(30));
    assert_eq!(settings.down.stabilise, Duration::from_secs(120));
    assert_eq!(settings.down.cooldown, Duration::from_secs(10));
    let Rule::Target { metrics, .. } = &settings.rule else {
        panic!("{settings:?}");
    };
    let target = |metric: &str, target| Target {
        metric: metric.to_owned(),
        target,
    };
    assert_eq!(
        metrics[..],
        [
            target("custom.orders", 12.5),
            target("vir_cpu_utilization", 70.0)
        ]
    );
}

#[test]
fn missing_labels_use_defaults() {
    let service = read(&[("elb.enabled", "yes")]).unwrap().unwrap();
    let expected = Config::from_toml(
        "[[service]]\nname = \"web\"\n[service.policy]\nmax = 7\nmode = \"act\"\n\
         metric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n",
    )
    .unwrap();
    assert_eq!(service, expected.services[0]);
}

#[test]
fn service_without_label_is_not_managed() {
    assert_eq!(read(&[("elb.max", "3")]), Ok(None));
    assert_eq!(
        read(&[("elb.enabled", "false"), ("elb.max", "x")]),
        Ok(None)
    );
}

#[test]
fn error_names_the_invalid_label() {
    for (label, value, phrase) in [
        (
            "elb.enabled",
            "maybe",
            "elb.enabled: \"maybe\" is not true or false",
        ),
        (
            "elb.max",
            "many",
            "elb.max: expected a whole number from 0 to 4294967295, found \"many\"",
        ),
        ("elb.maxx", "3", "elb.maxx: unknown key `maxx`"),
        ("elb.up.rate", "3", "elb.up.rate: unknown key `rate`"),
        (
            "elb.cpu.target",
            "high",
            "elb.cpu.target: expected a number, found \"high\"",
        ),
        ("elb.cpu.target", "-1", "elb.cpu.target: -1 is not positive"),
        (
            "elb.priority",
            "first",
            "elb.priority: expected a whole number from -2147483648 to 2147483647, found \"first\"",
        ),
        ("elb.min", "0", "elb.min: must be at least 1"),
        ("elb.a\"\n'.b", "\"\n'", "elb.a\"\u{fffd}'.b: "),
        ("elb.", "3", "elb.: unknown key"),
        (
            "elb.mode",
            "on",
            "elb.mode: expected one of \"off\", \"advise\", \"act\", found \"on\"",
        ),
        (
            "elb.memory.lower",
            "3",
            "elb.memory: set either target, or both lower and upper",
        ),
        (
            "elb.metric.vir_cpu.target",
            "1",
            "elb.metric.vir_cpu.name: ",
        ),
        (
            "elb.warm-up",
            "soon",
            "elb.warm-up: expected a duration such as",
        ),
    ] {
        let mut given = vec![("elb.enabled", "true")];
        given.retain(|(known, _)| *known != label);
        given.push((label, value));
        let refusal = read(&given).unwrap_err().to_string();
        assert!(refusal.starts_with(phrase), "{label}={value}: {refusal}");
    }
    let refusal = read(&[("elb.enabled", "true"), ("elb.maxx", "3")]).unwrap_err();
    assert!(refusal.to_string().contains("`max`"), "{refusal}");
}

#[test]
fn setting_with_two_spellings_names_both_labels() {
    for (one, other) in [
        ("elb.warm-up", "elb.warm_up"),
        ("elb.down.max-step", "elb.down.max_step"),
        ("elb.cpu.target", "elb.metric.vir_cpu_utilization.target"),
    ] {
        let given = [("elb.enabled", "true"), (one, "1"), (other, "2")];
        let refusal = read(&given).unwrap_err().to_string();
        let phrase = format!("{other}: {one} is the same setting: remove one of them");
        assert!(refusal.contains(&phrase), "{refusal}");
    }
}

#[test]
fn all_invalid_labels_of_a_service_are_reported() {
    let error = read(&[
        ("elb.enabled", "true"),
        ("elb.maxx", "3"),
        ("elb.min", "2"),
        ("elb.mode", "on"),
        ("elb.priority", "first"),
        ("elb.cpu.target", "high"),
    ]);
    let error = error.unwrap_err().to_string();
    let errors: Vec<&str> = error.split("; elb.").collect();
    let starts: Vec<&str> = errors
        .iter()
        .map(|error| error.split(':').next().unwrap())
        .collect();
    assert_eq!(
        starts,
        ["elb.cpu.target", "maxx", "mode", "priority"],
        "{error}"
    );
}

#[test]
fn errors_of_labels_are_printable_and_bounded() {
    let names: Vec<String> = (0..1_000)
        .map(|number| format!("elb.\u{1b}[2J\u{202e}{number}\n{}", "x".repeat(5_000)))
        .collect();
    let mut given = vec![("elb.enabled", "true")];
    given.extend(names.iter().map(|name| (name.as_str(), "1")));
    let refusal = read(&given).unwrap_err().to_string();
    assert!(!refusal.contains(['\u{1b}', '\u{202e}', '\n']));
    assert!(refusal.len() < 50_000, "{} bytes", refusal.len());
}
