//! Values of the configuration file.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use elb::config::{Config, ConfigError};
use elb::policy::{Mode, Pace, Rule, Select, Settings, Target, Thresholds};

use crate::config_errors::summary;

pub(crate) const SERVICE: &str = "[[service]]\nname = \"apache\"\n[service.policy]\n";
pub(crate) const METRIC: &str = "metric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n";

pub(crate) fn refused(text: &str) -> String {
    Config::from_toml(text).expect_err(text).to_string()
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
        summary("[collector.nodes]\nnode1 = [\"node1.example.org\"]\n"),
        "collector.nodes.node1[0]: expected an address or a network such as \"10.0.0.0/8\", found \
         \"node1.example.org\""
    );
    assert_eq!(
        summary("[collector.nodes]\nnode1 = []\n"),
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
        assert_eq!(config.collector.accepts(sender), is_heard, "{sender}");
    }
    let any = Config::from_toml("").unwrap().collector;
    assert!(any.accepts([203, 0, 113, 9].into()));
    assert!(!Config::article().collector.accepts([203, 0, 113, 9].into()));
    assert_eq!(
        summary("[collector]\nagents = [\"10.0.0.0/33\"]\n"),
        "collector.agents[0]: expected an address or a network such as \"10.0.0.0/8\", found \
         \"10.0.0.0/33\""
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
            assert!(
                config.collector.accepts(sender.parse().unwrap()),
                "{sender}"
            );
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
    // All unreadable files are reported.
    let pool = "[[pool]]\nname = \"a\"\n[pool.policy]\n\
                metric = [{ name = \"cpu_utilization\", target = 1 }]\n\
                [pool.hook]\nurl = \"https://a/\"\ntoken_file = \"/no/token\"\nca = \"/no/ca\"\n";
    std::fs::write(&path, format!("{text}{pool}")).unwrap();
    let error = Config::load(&path).unwrap_err().to_string();
    for key in [
        "http.token_file: ",
        "pool[0].hook.token_file: ",
        "pool[0].hook.ca: ",
    ] {
        assert!(error.contains(key), "{key}: {error}");
    }
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
        summary(&text(17)),
        "defaults.metric: 17 metrics, the maximum is 16"
    );
    let pools: String = (0..257)
        .map(|number| format!("[[pool]]\nname = \"{number}\"\n"))
        .collect();
    assert_eq!(summary(&pools), "pool: 257 pools, the maximum is 256");
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
