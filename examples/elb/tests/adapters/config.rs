//! The configuration file.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use elb::config::{Config, ConfigError};
use elb::policy::{Mode, Pace, Rule, Select, Settings, Target, Thresholds};

const SERVICE: &str = "[[service]]\nname = \"apache\"\n[service.policy]\n";
const METRIC: &str = "metric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n";

pub(crate) fn refused(text: &str) -> String {
    Config::from_toml(text).expect_err(text).to_string()
}

/// The error for a service whose policy has these lines.
fn policy(lines: &str) -> String {
    refused(&format!("{SERVICE}{lines}"))
}

#[test]
fn article_configuration_has_documented_values() {
    let article = Config::article();
    assert_eq!(article.collector.listen, "0.0.0.0:6343".parse().unwrap());
    assert_eq!(article.http.listen, "127.0.0.1:8008".parse().unwrap());
    assert_eq!(article.docker.endpoints, ["unix:///var/run/docker.sock"]);
    assert_eq!(article.docker.timeout, Duration::from_secs(8));
    assert_eq!(article.control.budget, None);
    let [apache] = article.services.as_slice() else {
        panic!("one service")
    };
    assert_eq!((apache.name.as_str(), apache.priority), ("apache", 0));
    let settings = &apache.settings;
    assert_eq!(
        (settings.mode, settings.min, settings.max),
        (Mode::Act, 1, 10)
    );
    let metric = |name: &str, lower: f64, upper: f64| Thresholds {
        metric: name.to_owned(),
        lower,
        upper,
    };
    let metrics = vec![
        metric("vir_bytes_in+vir_bytes_out", 50_000.0, 100_000.0),
        metric("vir_cpu_utilization", 0.5, 1.0),
    ];
    assert_eq!(
        settings.rule,
        Rule::TwoThreshold {
            metrics,
            step_up: 1,
            step_down: 1
        }
    );
    assert_eq!(settings.down.stabilise, Duration::ZERO);
}

#[test]
fn empty_file_has_defaults() {
    let config = Config::from_toml("").unwrap();
    assert_eq!(config.collector.listen, "0.0.0.0:6343".parse().unwrap());
    assert_eq!(config.http.listen, "127.0.0.1:8008".parse().unwrap());
    assert_eq!(config.docker.endpoints, ["unix:///var/run/docker.sock"]);
    assert_eq!(config.docker.timeout, Duration::from_secs(8));
    assert_eq!(config.control.interval, Duration::from_secs(2));
    assert_eq!(config.control.budget, None);
    assert_eq!(config.control.mode, Mode::Advise);
    assert!(config.services.is_empty());
}

#[test]
fn control_mode_is_advise_until_it_is_set() {
    let text = |control: &str| format!("{control}{SERVICE}mode = \"act\"\n{METRIC}");
    for (control, mode, acts) in [
        ("", Mode::Advise, Err("control.mode is not set")),
        (
            "[control]\nmode = \"advise\"\n",
            Mode::Advise,
            Ok("nothing is changed"),
        ),
        (
            "[control]\nmode = \"act\"\n",
            Mode::Act,
            Ok("would act: apache"),
        ),
    ] {
        let config = Config::from_toml(&text(control)).unwrap();
        assert_eq!(config.control.mode, mode);
        let names = elb::config::acting(&config.services, &config.pools);
        let acting = elb::config::mode_summary(&config.control, &names);
        let begin = |words: &Result<String, String>| match (words, acts) {
            (Ok(words), Ok(begin)) | (Err(words), Err(begin)) => words.starts_with(begin),
            _ => false,
        };
        assert!(begin(&acting), "{control}: {acting:?}");
    }
}

#[test]
fn service_requires_only_name_and_metric() {
    let config = Config::from_toml(&format!("{SERVICE}{METRIC}")).unwrap();
    let pace = Pace {
        period: Duration::from_secs(60),
        ..Pace::default()
    };
    let expected = Settings {
        mode: Mode::Advise,
        min: 1,
        max: 10,
        rule: Rule::Target {
            metrics: vec![Target {
                metric: "vir_cpu_cores".to_owned(),
                target: 0.5,
            }],
            tolerance_up: 0.1,
            tolerance_down: 0.1,
        },
        warm_up: Duration::from_secs(15),
        fast: true,
        schedules: Vec::new(),
        saturation: elb::policy::Saturation::default(),
        up: pace.clone(),
        down: Pace {
            stabilise: Duration::from_secs(300),
            ..pace
        },
    };
    assert_eq!(config.services[0].settings, expected);
}

#[test]
fn defaults_apply_to_keys_that_service_does_not_set() {
    let config = Config::from_toml(
        r#"
        [defaults]
        mode = "act"
        min = 2
        max = 30
        metric = [{ name = "vir_cpu_cores", lower = 1, upper = 2 }]
        warm_up = "1m"
        up = { step = 3, tolerance = 0.2, stabilise = "500ms", tasks = 4 }
        down = { cooldown = "1.5h", percent = 50, period = "2m", select = "min" }

        [[service]]
        name = "by-default"

        [[service]]
        name = "of-its-own"
        priority = -5
        [service.policy]
        mode = "off"
        max = 7
        metric = [{ name = "vir_cpu_cores", target = 1 }]
        up = { stabilise = "0s" }
        down = { percent = 10.5, select = "max" }
        "#,
    )
    .unwrap();
    let [default, own] = config.services.as_slice() else {
        panic!("two services")
    };
    let metrics = vec![Thresholds {
        metric: "vir_cpu_cores".to_owned(),
        lower: 1.0,
        upper: 2.0,
    }];
    let expected = Settings {
        mode: Mode::Act,
        min: 2,
        max: 30,
        rule: Rule::TwoThreshold {
            metrics,
            step_up: 3,
            step_down: 1,
        },
        warm_up: Duration::from_secs(60),
        fast: true,
        schedules: Vec::new(),
        saturation: elb::policy::Saturation::default(),
        up: Pace {
            stabilise: Duration::from_millis(500),
            cooldown: Duration::ZERO,
            tasks: Some(4),
            percent: None,
            period: Duration::from_secs(60),
            select: Select::Max,
        },
        down: Pace {
            stabilise: Duration::from_secs(300),
            cooldown: Duration::from_secs(5400),
            tasks: None,
            percent: Some(50.0),
            period: Duration::from_secs(120),
            select: Select::Min,
        },
    };
    assert_eq!(default.settings, expected);
    assert_eq!(
        (own.priority, own.settings.mode, own.settings.max),
        (-5, Mode::Off, 7)
    );
    let metrics = vec![Target {
        metric: "vir_cpu_cores".to_owned(),
        target: 1.0,
    }];
    let rule = Rule::Target {
        metrics,
        tolerance_up: 0.2,
        tolerance_down: 0.1,
    };
    assert_eq!(own.settings.rule, rule);
    assert_eq!(own.settings.up.stabilise, Duration::ZERO);
    assert_eq!(
        own.settings.down,
        Pace {
            percent: Some(10.5),
            select: Select::Max,
            ..expected.down
        }
    );
}

#[test]
fn syntax_error_and_unknown_key_have_their_line() {
    assert_eq!(
        refused("[control]\ninterval = \"2s\"\nbugdet = 4\n"),
        "TOML parse error at line 3, column 1\n  |\n3 | bugdet = …\nunknown field \
         `bugdet`, expected one of `interval`, `mode`, `budget`, `changes_per_minute`, `discover`, \
         `owner`\n"
    );
    assert_eq!(
        policy("max = \"ten\"\n"),
        "TOML parse error at line 4, column 7\n  |\n4 | max = \"ten\"\n\
         invalid type: string \"ten\", expected u32\n"
    );
    for (text, line, problem) in [
        ("[control\n", 1, "unclosed table"),
        (
            "[docker]\ntimeout = \"soon\"\n",
            2,
            "invalid value: string \"soon\", expected a duration such as \"10s\", \"500ms\" or \
             \"5m\"",
        ),
        (
            "[docker]\ntimeout = 8\n",
            2,
            "invalid type: integer `8`, expected a duration such as \"10s\", \"500ms\" or \"5m\"",
        ),
        (
            "[docker]\ntimeout = \"-1s\"\n",
            2,
            "invalid value: string \"-1s\"",
        ),
        (
            "[docker]\ntimeout = \"1.2.3s\"\n",
            2,
            "invalid value: string \"1.2.3s\"",
        ),
        (
            "[docker]\ntimeout = \"8\"\n",
            2,
            "invalid value: string \"8\"",
        ),
        (
            "[http]\nlisten = \"8008\"\n",
            2,
            "invalid socket address syntax",
        ),
        (
            "[control]\nbudget = -1\n",
            2,
            "invalid value: integer `-1`, expected u32",
        ),
        ("[services]\n", 1, "unknown field `services`"),
        ("[[service]]\npriority = 1\n", 1, "missing field `name`"),
        (
            "[[service]]\nname = \"a\"\nmin = 1\n",
            3,
            "unknown field `min`, expected one of `name`, `priority`, `policy`",
        ),
        (
            "[defaults]\nmode = \"on\"\n",
            2,
            "unknown variant `on`, expected one of `off`, `advise`, `act`",
        ),
        (
            "[defaults.up]\ncool_down = \"1s\"\n",
            2,
            "unknown field `cool_down`",
        ),
        ("[defaults]\nmin = 1\nmin = 2\n", 3, "duplicate key"),
    ] {
        let message = refused(text);
        assert!(message.contains(&format!("at line {line},")), "{message}");
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn invalid_value_is_named_by_its_key() {
    for (lines, message) in [
        (
            format!("min = 3\nmax = 2\n{METRIC}"),
            "min: 3 is greater than max (2)",
        ),
        (
            format!("min = 11\n{METRIC}"),
            "min: 11 is greater than max (10)",
        ),
        (
            format!("min = 0\n{METRIC}"),
            "min: must be at least 1: without replicas the load is unknown and the service would \
             never scale up again",
        ),
        (format!("max = 0\n{METRIC}"), "max: must be at least 1"),
        (
            String::new(),
            "metric: at least one metric is required, such as { name = \"vir_cpu_cores\", target = \
             0.5 }",
        ),
        (
            "metric = []\n".to_owned(),
            "metric: at least one metric is required",
        ),
        (
            metric("name = \"vir_cpu_cores\""),
            "metric[0]: set either target, or both lower and upper",
        ),
        (
            metric("name = \"vir_cpu_cores\", lower = 1"),
            "metric[0]: set either target, or both lower and upper",
        ),
        (
            metric("name = \"vir_cpu_cores\", target = 1, lower = 1, upper = 2"),
            "metric[0]: set either target, or both lower and upper",
        ),
        (
            metric("name = \"vir_cpu_cores\", lower = 2, upper = 2"),
            "metric[0].lower: 2 is not between 0 and upper (2)",
        ),
        (
            metric("name = \"vir_cpu_cores\", lower = -1, upper = 2"),
            "metric[0].lower: -1 is not between 0 and upper (2)",
        ),
        (
            metric("name = \"vir_cpu_cores\", lower = nan, upper = 2"),
            "metric[0].lower: NaN is not between 0 and upper (2)",
        ),
        (
            metric("name = \"vir_cpu_cores\", lower = 0, upper = 0"),
            "metric[0].upper: 0 is not positive",
        ),
        (
            metric("name = \"vir_cpu_cores\", target = 0"),
            "metric[0].target: 0 is not positive",
        ),
        (
            metric("name = \"vir_cpu_cores\", target = inf"),
            "metric[0].target: inf is not positive",
        ),
        (
            metric("name = \"cpu load\", target = 1"),
            "metric[0].name: \"cpu load\" is not a metric or a sum such as \
             vir_bytes_in+vir_bytes_out",
        ),
        (
            metric("name = \"in++out\", target = 1"),
            "metric[0].name: \"in++out\" is not a metric or a sum such as \
             vir_bytes_in+vir_bytes_out",
        ),
        (
            metric("name = \"\", target = 1"),
            "metric[0].name: \"\" is not a metric or a sum such as vir_bytes_in+vir_bytes_out",
        ),
        (
            metric("name = \"vir_bytes_in\", target = 1 }, { name = \"vir_bytes_in\", target = 2"),
            "metric[1].name: duplicate metric",
        ),
        (
            metric(
                "name = \"vir_bytes_in\", target = 1 }, { name = \"vir_bytes_out\", lower = 1, \
                 upper = 2",
            ),
            "metric: targets and thresholds cannot be combined",
        ),
        (
            format!("{METRIC}up = {{ tolerance = 1 }}\n"),
            "up.tolerance: 1 is not between 0 and 1; 0.1 means 10 %",
        ),
        (
            format!("{METRIC}down = {{ tolerance = -0.1 }}\n"),
            "down.tolerance: -0.1 is not between 0 and 1; 0.1 means 10 %",
        ),
        (
            format!("{METRIC}up = {{ step = 2 }}\n"),
            "up.step: not applicable: the number of replicas is computed from the target",
        ),
        (
            metric("name = \"vir_bytes_in\", lower = 1, upper = 2")
                + "down = { tolerance = 0.1 }\n",
            "down.tolerance: not applicable: the distance between the thresholds is the tolerance",
        ),
        (
            metric("name = \"vir_bytes_in\", lower = 1, upper = 2") + "up = { step = 0 }\n",
            "up.step: must be at least 1",
        ),
        (
            format!("{METRIC}up = {{ percent = 0 }}\n"),
            "up.percent: 0 is not positive",
        ),
        (
            format!("{METRIC}down = {{ tasks = 0 }}\n"),
            "down.tasks: must be at least 1",
        ),
        (
            format!("{METRIC}down = {{ period = \"0s\" }}\n"),
            "down.period: must be longer than 0 s",
        ),
    ] {
        assert_eq!(
            policy(&lines),
            format!("service[0].policy.{message}"),
            "{lines}"
        );
    }
}

fn metric(content: &str) -> String {
    format!("metric = [{{ {content} }}]\n")
}

#[test]
fn error_in_defaults_is_named_without_any_service() {
    assert_eq!(
        refused("[defaults.up]\npercent = -1\n"),
        "defaults.up.percent: -1 is not positive"
    );
    assert_eq!(
        refused("[defaults]\nmetric = [{ name = \"vir_cpu_cores\" }]\n"),
        "defaults.metric[0]: set either target, or both lower and upper"
    );
    assert_eq!(
        refused("[defaults]\nmin = 5\n[[service]]\nname = \"a\"\n[service.policy]\nmax = 4\n"),
        "service[0].policy.min: 5 is greater than max (4)"
    );
}

#[test]
fn error_outside_policy_is_named_by_its_key() {
    let two = format!("{SERVICE}{METRIC}{SERVICE}{METRIC}");
    assert_eq!(refused(&two), "service[1].name: duplicate service");
    assert_eq!(
        refused("[[service]]\nname = \" \"\n"),
        "service[0].name: the name is missing"
    );
    assert_eq!(
        refused(&format!(
            "[control]\nbudget = 3\n{SERVICE}min = 4\n{METRIC}"
        )),
        "control.budget: less than 4, the sum of the services' minimum replicas"
    );
    assert_eq!(
        refused("[control]\ninterval = \"50ms\"\n"),
        "control.interval: 0.05 s is too short, the minimum is 0.1 s"
    );
    assert_eq!(
        refused("[docker]\ntimeout = \"0s\"\n"),
        "docker.timeout: 0 s is too short, the minimum is 0.1 s"
    );
    assert_eq!(
        refused("[docker]\nendpoints = []\n"),
        "docker.endpoints: at least one manager is required"
    );
    for endpoint in [
        "",
        "10.0.0.1:2375",
        "unix://",
        "unix:///",
        "tcp://",
        "tcp://host:port",
        "ssh://host:22",
    ] {
        let text = format!("[docker]\nendpoints = [\"tcp://a:1\", {endpoint:?}]\n");
        let refusal = refused(&text);
        let beginning = format!("docker.endpoints[1]: endpoint {endpoint:?}: ");
        assert!(refusal.starts_with(&beginning), "{refusal}");
        assert!(
            refusal.ends_with("write unix:///path or tcp://host:port"),
            "{refusal}"
        );
    }
    for endpoint in [
        "unix:///run/docker.sock",
        "tcp://host:2375",
        "tcp://[::1]:2375",
        "http://h:1/",
    ] {
        let config = Config::from_toml(&format!("[docker]\nendpoints = [{endpoint:?}]\n"));
        assert_eq!(config.unwrap().docker.endpoints, [endpoint]);
    }
}

#[test]
fn unreadable_file_is_named() {
    let path = Path::new("does/not/exist.toml");
    let error = Config::load(path).unwrap_err();
    assert!(matches!(&error, ConfigError::Unreadable { .. }));
    assert!(
        error
            .to_string()
            .starts_with("cannot read does/not/exist.toml: "),
        "{error}"
    );
}

#[test]
fn t14_node_senders_are_read() {
    let config = Config::from_toml(
        "[collector.nodes]\nnode1 = [\"192.0.2.7\", \"10.1.0.0/16\"]\n\"*\" = [\"fd00::1\"]\n",
    )
    .unwrap();
    let senders = &config.collector.nodes;
    assert_eq!(senders["node1"].len(), 2);
    assert!(senders["node1"][1].contains(&IpAddr::from([10, 1, 2, 3])));
    assert_eq!(senders["*"].len(), 1);
    assert_eq!(
        refused("[collector.nodes]\nnode1 = [\"node1.example.org\"]\n"),
        "collector.nodes.node1[0]: \"node1.example.org\" is not an address or a network such as \
         10.0.0.0/8"
    );
    assert_eq!(
        refused("[collector.nodes]\nnode1 = []\n"),
        "collector.nodes.node1: at least one address or network of the node's agent is required"
    );
}

#[test]
fn t14_only_listed_senders_are_accepted() {
    let config = Config::from_toml(
        "[collector]\nagents = [\"10.0.0.0/8\", \"192.0.2.7\", \"2001:db8::/32\"]\n",
    )
    .unwrap();
    for (sender, is_heard) in [
        ("10.255.0.1", true),
        ("::ffff:10.0.0.1", true),
        ("192.0.2.7", true),
        ("192.0.2.8", false),
        ("2001:db8:1::1", true),
        ("::1", false),
    ] {
        let sender = sender.parse().unwrap();
        assert_eq!(config.collector.takes(sender), is_heard, "{sender}");
    }
    let any = Config::from_toml("").unwrap().collector;
    assert!(any.takes([203, 0, 113, 9].into()));
    assert!(!Config::article().collector.takes([203, 0, 113, 9].into()));
    assert_eq!(
        refused("[collector]\nagents = [\"10.0.0.0/33\"]\n"),
        "collector.agents[0]: \"10.0.0.0/33\" is not an address or a network such as 10.0.0.0/8"
    );
}

#[test]
fn suggested_line_keeps_senders_and_combines_networks() {
    let line = |agents: &str, senders: &[&str]| {
        let config = Config::from_toml(&format!("[collector]\nagents = [{agents}]\n")).unwrap();
        let senders = senders.iter().map(|sender| sender.parse().unwrap());
        config.collector.agents_with(senders)
    };
    let many = ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.4"];
    for (agents, senders, expected) in [
        ("", &["172.18.0.1"][..], r#"agents = ["172.18.0.1"]"#),
        (
            r#""10.0.0.0/24", "192.0.2.7""#,
            &["172.18.0.1", "10.0.0.9"],
            r#"agents = ["10.0.0.0/24", "192.0.2.7", "172.18.0.1"]"#,
        ),
        ("", &many, r#"agents = ["10.1.0.0/24"]"#),
        (
            "",
            &many[..3],
            r#"agents = ["10.1.0.1", "10.1.0.2", "10.1.0.3"]"#,
        ),
        ("", &["2001:db8::1"], r#"agents = ["2001:db8::1"]"#),
    ] {
        let line = line(agents, senders);
        assert_eq!(line, expected);
        let config = Config::from_toml(&format!("[collector]\n{line}\n")).unwrap();
        for sender in senders {
            assert!(config.collector.takes(sender.parse().unwrap()), "{sender}");
        }
    }
}

#[test]
fn d18_parsing_touches_no_file() {
    let text = "[http]\ntoken_file = \"/no/such/file\"\n";
    let config = Config::from_toml(text).unwrap();
    assert_eq!(config.http.token, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elb.toml");
    std::fs::write(&path, text).unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(
        error.starts_with("http.token_file: cannot read /no/such/file: "),
        "{error}"
    );
    let token = folder.path().join("token");
    std::fs::write(&token, "short\n").unwrap();
    let text = format!("[http]\ntoken_file = {token:?}\n");
    std::fs::write(&path, &text).unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    assert!(error.contains("at least 16 characters"), "{error}");
    assert!(!error.contains("short"), "{error}");
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let mut config = Config::load(&path).unwrap();
    assert_eq!(config.http.token.as_deref(), Some("0123456789abcdef"));

    // The same text from another source: the token is kept, and no file is read.
    std::fs::remove_file(&token).unwrap();
    let mut same = Config::from_toml(&text).unwrap();
    same.keep_tokens(&mut config);
    assert_eq!(config.fixed_change(&same), None);
    let other = text.replace("token\"", "other\"");
    let mut other = Config::from_toml(&other).unwrap();
    other.keep_tokens(&mut config);
    assert_eq!(config.fixed_change(&other), Some("http.token"));
    let tls = format!("{text}[docker]\ntls = {{ folder = \"/etc\" }}\n");
    let mut tls = Config::from_toml(&tls).unwrap();
    tls.keep_tokens(&mut config);
    assert_eq!(config.fixed_change(&tls), Some("docker.tls"));
}

#[test]
fn host_names_require_token() {
    let names = "[http]\nnames = [\"elb.example\"]\n";
    let error = Config::from_toml(names).unwrap_err().to_string();
    assert!(error.starts_with("http.names: "), "{error}");
    assert!(
        error.contains("also set http.token or http.token_file"),
        "{error}"
    );
    for token in [
        "token = \"0123456789abcdef\"",
        "token_file = \"/run/token\"",
    ] {
        Config::from_toml(&format!("{names}{token}\n")).unwrap();
    }
}

#[test]
fn number_of_metrics_and_pools_is_bounded() {
    let metric = |number: usize| format!("{{ name = \"custom.a{number}\", target = 1 }}");
    let metrics = |count| (0..count).map(metric).collect::<Vec<_>>().join(",");
    let text = |count| format!("[defaults]\nmetric = [{}]\n", metrics(count));
    Config::from_toml(&text(16)).unwrap();
    assert_eq!(
        refused(&text(17)),
        "defaults.metric: 17 metrics, the maximum is 16"
    );
    let pools: String = (0..257)
        .map(|number| format!("[[pool]]\nname = \"{number}\"\n"))
        .collect();
    assert_eq!(refused(&pools), "pool: 257 pools, the maximum is 256");
}

#[cfg(target_os = "linux")]
#[test]
fn only_regular_files_of_bounded_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("elb.toml");
    let problem = |path: &Path| {
        let error = Config::load(path).unwrap_err();
        let ConfigError::Unreadable { error, .. } = error else {
            panic!("{error}")
        };
        error
    };
    let comment = |length: usize| format!("#{}", "x".repeat(length - 1));
    std::fs::write(&path, comment(4 << 20)).unwrap();
    Config::load(&path).unwrap();
    std::fs::write(&path, comment((4 << 20) + 1)).unwrap();
    assert_eq!(problem(&path), "larger than 4194304 bytes");
    std::fs::write(&path, b"# secret\xff").unwrap();
    assert_eq!(problem(&path), "not UTF-8 text");
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for special in [fifo.as_path(), folder.path(), Path::new("/dev/zero")] {
        let problem = problem(special);
        assert_eq!(problem, "not a regular file", "{}", special.display());
    }
}

#[test]
fn all_unknown_keys_and_values_of_wrong_type_are_reported_with_their_lines() {
    let error = refused(
        "[control]\n\
         bugdet = 4\n\
         interval = 2\n\
         [docker]\n\
         tls = { ca = \"a\" }\n\
         [[service]]\n\
         name = \"a\"\n\
         min = 1\n\
         [service.policy]\n\
         max = \"ten\"\n\
         metric = [{ name = \"vir_cpu_cores\", goal = 1 }]\n\
         [[service]]\n\
         name = 7\n\
         [pool]\n",
    );
    for (line, problem) in [
        (
            2,
            "unknown field `bugdet`, expected one of `interval`, `mode`",
        ),
        (3, "invalid type: integer `2`, expected a duration such as"),
        (
            8,
            "unknown field `min`, expected one of `name`, `priority`, `policy`",
        ),
        (10, "invalid type: string \"ten\", expected u32"),
        (
            11,
            "unknown field `goal`, expected one of `name`, `target`, `lower`, `upper`",
        ),
    ] {
        let place = error.find(&format!("at line {line},"));
        let rest = place.map(|place| &error[place..]);
        let end = rest.map(|rest| rest.find("\nTOML").unwrap_or(rest.len()));
        let found = rest.zip(end).map(|(rest, end)| &rest[..end]);
        assert!(
            found.is_some_and(|found| found.contains(problem)),
            "line {line}: {error}"
        );
    }
    assert!(!error.contains("missing field `name`"), "{error}");
    // Two errors in elements of a list.
    let error = refused("[collector]\nagents = [1, \"10.0.0.1\", 2]\n");
    assert!(
        error.contains("integer `1`") && error.contains("integer `2`"),
        "{error}"
    );
    // The number of errors is bounded, and lower for a large file.
    for (keys, expected) in [(100, 20), (90_000, 1)] {
        let many: String = (0..keys)
            .map(|number| format!("key{number} = 1\n"))
            .collect();
        assert_eq!(refused(&many).matches("unknown field").count(), expected);
    }
}

#[test]
fn error_quotes_no_secret() {
    let pool = |hook: &str| format!("[[pool]]\nname = \"a\"\n{hook}\n");
    for text in [
        "[http]\ntoken = \"secret\n".to_owned(),
        "[http]\n\"token\"=\"secret\" x\n".to_owned(),
        "http = { listen = 1, token = \"secret\" }\n".to_owned(),
        "[http]\ntokn = \"secret\"\n".to_owned(),
        "[http]\ntoken = \"secret\"\ntoken = 's'\n".to_owned(),
        "[http]\ntoken = \"\"\"\nsecret\\q=\"\"\"\n".to_owned(),
        "[http]\ntoken = '''\nsecret=\u{7}'''\n".to_owned(),
        "[http]\ntoken = [\n\"secret\" \"x\"]\n".to_owned(),
        pool("hook = { url = \"http://a/\", token = 'secret', retries = 3 }"),
        pool("hook = { url = \"http://a/?key=secret\", retries = 3 }"),
        pool("[pool.hook]\nurl = \"http://a/?key=secret"),
        pool("[pool.hook]\nuri = \"http://a/?key=secret\""),
    ] {
        let error = refused(&text);
        assert!(error.contains("TOML parse error at line"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    for value in ["73577357", "7357.7357", "[73577357]", "{ a = 73577357 }"] {
        for text in [
            format!("http.token = {value}"),
            pool(&format!("hook.token = {value}")),
        ] {
            let error = refused(&text);
            assert!(error.contains("a token is a string"), "{error}");
            assert!(
                error.contains("token = …") && !error.contains("7357"),
                "{error}"
            );
        }
    }
}

#[test]
fn error_about_long_text_is_short() {
    let long = "x".repeat(100_000);
    for text in [
        format!("control = \"{long}\""),
        format!("control.{long} = 1"),
        format!("[control]\n{long}"),
        format!("[control]\ninterval = \"{long}"),
    ] {
        let error = refused(&text);
        assert!(error.len() < 4_000, "{} bytes", error.len());
    }
}
