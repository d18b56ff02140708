//! Node pools of the configuration file.

use std::time::Duration;

use crate::certificates::Authority;
use crate::config_errors::summary;
use elb::config::Config;
use elb::hooks::Call;
use elb::orchestrator::{Availability, Node, Resources};
use elb::policy::{Mode, Rule, Target};
use sflow_autoscale::node_pools::PeerSettings;

const POOL: &str = "[[pool]]\nname = \"workers\"\n";
const METRIC: &str = "metric = [{ name = \"cpu_utilization\", target = 60 }]";

fn pool(lines: &str) -> String {
    summary(&format!("{POOL}{lines}"))
}

fn with_policy(lines: &str) -> String {
    format!("policy = {{ {METRIC} }}\n{lines}")
}

#[test]
fn pool_requires_only_name_and_metric() {
    let config = Config::from_toml(&format!("{POOL}{}", with_policy(""))).unwrap();
    let [pool] = &config.pools[..] else {
        panic!("one pool")
    };
    let settings = &pool.settings;
    assert_eq!(
        (settings.mode, settings.min, settings.max),
        (Mode::Advise, 1, 10)
    );
    let metric = "cpu_utilization".to_owned();
    assert_eq!(
        settings.rule,
        Rule::Target {
            metrics: vec![Target {
                metric,
                target: 60.0
            }],
            tolerance_up: 0.1,
            tolerance_down: 0.1
        }
    );
    // Machines start more slowly and cost more than tasks.
    assert_eq!(settings.up.stabilise, Duration::from_secs(60));
    assert_eq!(settings.down.stabilise, Duration::from_secs(900));
    assert!(pool.hook.is_none() && !pool.replace);
    assert_eq!(pool.peers, PeerSettings::default());
    let machines = pool.machines;
    let minutes = |time: Duration| time.as_secs() / 60;
    let times = [
        machines.join,
        machines.drain,
        machines.leave,
        machines.period,
    ]
    .map(minutes);
    assert_eq!(times, [15, 10, 15, 1_440]);
    assert_eq!(machines.replacements, 1);
}

#[test]
fn pool_with_all_settings_is_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "hook-secret\n").unwrap();
    let text = format!(
        "[defaults]\nmode = \"off\"\nmax = 77\n{POOL}\
         labels = {{ pool = \"blue\", zone = \"a\" }}\n\
         join = \"20m\"\ndrain = \"5m\"\nleave = \"2m\"\n\
         [pool.policy]\nmode = \"act\"\nmin = 2\nmax = 8\n\
         metric = [{{ name = \"cpu_utilization\", lower = 20, upper = 70 }},\n\
                   {{ name = \"bytes_in+bytes_out\", lower = 1e6, upper = 1e8 }},\n\
                   {{ name = \"ifoututilization\", lower = 20, upper = 80 }},\n\
                   {{ name = \"mem_utilization\", lower = 30, upper = 85 }}]\n\
         up = {{ step = 2, cooldown = \"3m\" }}\ndown = {{ stabilise = \"30m\" }}\n\
         schedule = [{{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\", min = 4 }}]\n\
         [pool.hook]\nurl = \"http://10.0.0.9:8080/machines\"\ntoken_file = {token:?}\n\
         timeout = \"90s\"\ntries = 5\npause = \"10s\"\n\
         [pool.poor]\nreplace = true\nreplacements = 2\nperiod = \"12h\"\npopulation = 5\n\
         distance = 8.0\nback = 4.0\nsteal = 10\nwork = 0.7\nafter = \"20m\"\nclear = \"5m\"\n\
         most = 0.2\n",
    );
    let path = folder.path().join("elb.toml");
    std::fs::write(&path, &text).unwrap();
    let config = Config::load(&path).unwrap();
    let pool = &config.pools[0];
    // Defaults of containers do not apply to machines.
    assert_eq!((pool.settings.mode, pool.settings.max), (Mode::Act, 8));
    assert_eq!(pool.settings.schedules.len(), 1);
    let hook = pool.hook.as_ref().unwrap();
    assert_eq!((hook.tries, hook.timeout), (5, Duration::from_secs(90)));
    let Call::Http { url, token, .. } = &hook.call else {
        panic!("{hook:?}")
    };
    assert_eq!(url, "http://10.0.0.9:8080/machines");
    assert_eq!(token.as_deref(), Some("hook-secret"));
    // The token is not printed.
    assert!(!format!("{config:?}").contains("hook-secret"));
    assert!(
        !serde_json::to_string(&config)
            .unwrap()
            .contains("hook-secret")
    );
    assert_eq!((pool.peers.population, pool.peers.most), (5, 0.2));
    assert_eq!((pool.replace, pool.machines.replacements), (true, 2));

    let node = |zone: &str, is_manager| Node {
        id: "n1".to_owned(),
        name: "node1".to_owned(),
        version: 1,
        labels: [("pool", "blue"), ("zone", zone), ("disk", "ssd")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        availability: Availability::Active,
        drained_for: None,
        is_ready: true,
        is_manager,
        resources: Resources::default(),
        tasks: Default::default(),
    };
    assert!(pool.nodes.matches(&node("a", false)));
    assert!(!pool.nodes.matches(&node("b", false)));
    assert!(!pool.nodes.matches(&node("a", true)), "never a manager");
}

#[test]
fn invalid_pool_is_refused_with_its_key() {
    let hook = |lines: &str| with_policy(&format!("hook = {{ {lines} }}"));
    let poor = |lines: &str| with_policy(&format!("poor = {{ {lines} }}"));
    for (lines, key, problem) in [
        (
            String::new(),
            "pool[0].policy.metric",
            "at least one metric",
        ),
        (
            "policy = { min = 0 }".to_owned(),
            "pool[0].policy.min",
            "without replicas or machines",
        ),
        (
            "policy = { max = 0 }".to_owned(),
            "pool[0].policy.max",
            "without replicas or machines",
        ),
        (
            format!("policy = {{ min = 9, max = 3, {METRIC} }}"),
            "pool[0].policy.min",
            "greater than max (3)",
        ),
        (
            format!("policy = {{ fast = true, {METRIC} }}"),
            "pool[0].policy.fast",
            "not applicable to a pool",
        ),
        (
            format!("policy = {{ saturation = {{ cpu = 90.0 }}, {METRIC} }}"),
            "pool[0].policy.saturation",
            "not applicable to a pool",
        ),
        (
            "policy = { metric = [{ name = \"vir_cpu_cores\", target = 1 }] }".to_owned(),
            "pool[0].policy.metric[0].name",
            "is not a host metric",
        ),
        (
            "policy = { metric = [{ name = \"cpu_utilisation\", target = 1 }] }".to_owned(),
            "pool[0].policy.metric[0].name",
            "cpu_utilization",
        ),
        (
            format!("policy = {{ mode = \"act\", {METRIC} }}"),
            "pool[0].hook",
            "[pool.hook]",
        ),
        (hook(""), "pool[0].hook", "either a program or a url"),
        (
            hook("program = \"/a\", url = \"http://a/\""),
            "pool[0].hook",
            "either a program or a url",
        ),
        (
            hook("program = \"a.sh\""),
            "pool[0].hook.program",
            "not an absolute path",
        ),
        (
            hook("program = \"/a\", token = \"x\""),
            "pool[0].hook.token",
            "not applicable",
        ),
        (
            hook("url = \"ftp://a/\""),
            "pool[0].hook.url",
            "expected https://host:port/path",
        ),
        (
            hook("url = \"http://me:secret@a/\""),
            "pool[0].hook.url",
            "use a token",
        ),
        (
            hook("url = \"http://a/\", arguments = []"),
            "pool[0].hook.arguments",
            "not applicable",
        ),
        (
            hook("url = \"http://a/\", token = \"two words\""),
            "pool[0].hook.token",
            "without spaces",
        ),
        (
            hook("program = \"/a\", tries = 0"),
            "pool[0].hook.tries",
            "between 1 and 100",
        ),
        (
            hook("program = \"/a\", timeout = \"0s\""),
            "pool[0].hook.timeout",
            "too short",
        ),
        (with_policy("drain = \"0s\""), "pool[0].drain", "too short"),
        (
            with_policy("labels = { \"elb.x\" = \"y\" }"),
            "pool[0].labels",
            "is not a node label",
        ),
        (
            poor("replace = true"),
            "pool[0].poor.replace",
            "requires a hook",
        ),
        (
            poor("population = 2"),
            "pool[0].poor.population",
            "too few for a comparison",
        ),
        (
            poor("distance = 2.0, back = 3.0"),
            "pool[0].poor.back",
            "greater than distance",
        ),
        (
            poor("most = 1.0"),
            "pool[0].poor.most",
            "not between 0 and 1",
        ),
        (poor("steal = 0.0"), "pool[0].poor.steal", "not positive"),
        (
            with_policy(&format!(
                "[[pool]]\nname = \"workers\"\n{}",
                with_policy("")
            )),
            "pool[1].name",
            "duplicate pool",
        ),
        (
            with_policy(&format!("[[pool]]\nname = \"others\"\n{}", with_policy(""))),
            "pool[1].labels",
            "can belong to this pool and to \"workers\"",
        ),
    ] {
        let refusal = pool(&lines);
        assert!(refusal.starts_with(key), "{lines}: {refusal}");
        assert!(refusal.contains(problem), "{lines}: {refusal}");
    }
    for unknown in [
        "size = 3",
        "[pool.hook]\nprogramm = \"/a\"",
        "[pool.poor]\nsteel = 3",
    ] {
        let refusal = pool(&format!("{}\n{unknown}", with_policy("")));
        assert!(refusal.contains("unknown key"), "{unknown}: {refusal}");
    }
}

#[test]
fn pools_with_disjoint_labels_are_accepted() {
    let one = |name: &str, label: &str| {
        format!(
            "[[pool]]\nname = \"{name}\"\nlabels = {{ {label} }}\n{}",
            with_policy("")
        )
    };
    let disjoint = one("a", "zone = \"a\"") + &one("b", "zone = \"b\", disk = \"ssd\"");
    assert_eq!(Config::from_toml(&disjoint).unwrap().pools.len(), 2);
    let meeting = one("a", "zone = \"a\"") + &one("b", "disk = \"ssd\"");
    assert!(Config::from_toml(&meeting).is_err());
}

#[test]
fn hook_of_new_configuration_is_refused() {
    let with = |hook: &str| {
        let text = format!("{POOL}{}", with_policy(hook));
        Config::from_toml(&text).unwrap()
    };
    let (none, one) = (with(""), with("hook = { program = \"/etc/elb/machines\" }"));
    let mut other = with("hook = { program = \"/etc/elb/machines\", arguments = [\"-x\"] }");
    assert_eq!(none.fixed_change(&one), Some("pool.hook"));
    assert_eq!(one.fixed_change(&other), Some("pool.hook"));
    // A client must not add a hook, or use the hook of a pool under another name.
    assert_eq!(one.fixed_change(&none), None);
    other.pools[0].hook.clone_from(&one.pools[0].hook);
    other.pools[0].name = "others".to_owned();
    assert_eq!(one.fixed_change(&other), None);
    other.http.names.push("elb.example.org".to_owned());
    assert_eq!(one.fixed_change(&other), Some("http.names"));
}

#[test]
fn ca_file_of_hook_is_checked_when_the_file_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ca) = (folder.path().join("elb.toml"), folder.path().join("ca.pem"));
    let hook = |url: &str| with_policy(&format!("hook = {{ url = {url:?}, ca = {ca:?} }}"));
    let text = format!("{POOL}{}", hook("https://10.0.0.9/machines"));
    std::fs::write(&path, &text).unwrap();
    // Parsing reads no file.
    Config::from_toml(&text).unwrap();
    let problem = || Config::load(&path).unwrap_err().to_string();
    assert!(problem().starts_with("pool[0].hook.ca: "), "{}", problem());
    assert!(problem().contains("ca.pem: No such file"), "{}", problem());
    std::fs::write(&ca, "no certificate").unwrap();
    assert!(
        problem().contains("no certificate found\n --> line 4"),
        "{}",
        problem()
    );
    std::fs::write(&ca, Authority::new("machines").pem()).unwrap();
    let config = Config::load(&path).unwrap();
    // A client cannot change the file.
    let other = Config::from_toml(&text.replace("ca.pem", "other.pem")).unwrap();
    assert_eq!(config.fixed_change(&other), Some("pool.hook"));

    let refusal = pool(&hook("http://10.0.0.9/machines"));
    assert_eq!(
        refusal,
        "pool[0].hook.ca: only applicable to a url with https"
    );
    let refusal = pool(&with_policy("hook = { program = \"/a\", ca = \"/b\" }"));
    assert_eq!(refusal, "pool[0].hook.ca: not applicable to a program");
}
