//! Errors of the configuration file: their key, their line, and what they quote.

use std::path::Path;

use elb::config::{Config, ConfigError};

use crate::config::{METRIC, SERVICE, refused};

/// The first line of the error for a service whose policy has these lines: key and problem.
fn policy(lines: &str) -> String {
    summary(&format!("{SERVICE}{lines}"))
}

/// The first line of an error: key and problem.
pub(crate) fn summary(text: &str) -> String {
    let error = refused(text);
    error.lines().next().unwrap_or_default().to_owned()
}

/// The errors of a configuration, each in one line.
fn listed(text: &str) -> Vec<String> {
    match Config::from_toml(text) {
        Err(ConfigError::Invalid(errors)) => errors.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn syntax_error_and_unknown_key_have_their_line() {
    assert_eq!(
        refused("[control]\ninterval = \"2s\"\nbugdet = 4\n"),
        "control.bugdet: unknown key `bugdet`, expected one of `interval`, `mode`, `budget`, \
         `changes_per_minute`, `discover`, `owner`\n --> line 3, column 1\n  |\n3 | bugdet = …\n  \
         | ^^^^^^\n"
    );
    assert_eq!(
        refused(&format!("{SERVICE}max = \"ten\"\n")),
        "service[0].policy.max: expected a whole number from 0 to 4294967295, found \"ten\"\n --> \
         line 4, column 7\n  |\n4 | max = \"ten\"\n  |       ^^^^^\n"
    );
    assert_eq!(
        refused(&format!("{SERVICE}min = 3\nmax = 2\n{METRIC}")),
        "service[0].policy.min: 3 is greater than max (2)\n --> line 4, column 7\n  |\n4 | min = \
         3\n  |       ^\n"
    );
    // In lists and inline tables, only the wrong key or value is quoted.
    for (text, excerpt) in [
        (
            "[collector]\nagents = [\"10.0.0.1\", \"x\"]\n".to_owned(),
            "2 | agents = […, \"x\"\n  |              ^^^\n",
        ),
        (
            "[collector]\nagents = [\n  \"10.0.0.1\",\n  \"x\", # y\n]\n".to_owned(),
            "4 |   \"x\"\n  |   ^^^\n",
        ),
        (
            format!("{SERVICE}metric = [{{ name = \"vir_cpu_cores\", goal = 1 }}]\n"),
            "4 | metric = [{ name = …, goal\n  |                       ^^^^\n",
        ),
        (
            format!("{SERVICE}{METRIC}up = {{ percent = 0 }}\n"),
            "5 | up = { percent = 0\n  |                  ^\n",
        ),
        (
            "http = { listen = 1, token = \"a\" }\n".to_owned(),
            "1 | http = { listen = 1\n  |                   ^\n",
        ),
        (
            "http = { listen = \"0.0.0.0:1\", token = 73577357 }\n".to_owned(),
            "1 | http = { listen = …, token = …\n  |                              ^\n",
        ),
    ] {
        let error = refused(&text);
        assert!(error.ends_with(excerpt), "{error}");
    }
    for (text, line, problem) in [
        ("[control\n", 1, "unclosed table"),
        (
            "[docker]\ntimeout = \"soon\"\n",
            2,
            "expected a duration such as \"10s\", \"500ms\" or \"5m\", found \"soon\"",
        ),
        (
            "[docker]\ntimeout = 8\n",
            2,
            "expected a duration such as \"10s\", \"500ms\" or \"5m\", found 8",
        ),
        ("[docker]\ntimeout = \"-1s\"\n", 2, "found \"-1s\""),
        ("[docker]\ntimeout = \"1.2.3s\"\n", 2, "found \"1.2.3s\""),
        ("[docker]\ntimeout = \"8\"\n", 2, "found \"8\""),
        (
            "[http]\nlisten = \"8008\"\n",
            2,
            "expected an address with a port such as \"0.0.0.0:6343\", found \"8008\"",
        ),
        (
            "[control]\nbudget = -1\n",
            2,
            "expected a whole number from 0 to 4294967295, found -1",
        ),
        ("[services]\n", 1, "unknown key `services`"),
        ("[[service]]\npriority = 1\n", 1, "the name is missing"),
        (
            "[[service]]\nname = \"a\"\nmin = 1\n",
            3,
            "unknown key `min`, expected one of `name`, `priority`, `policy`",
        ),
        (
            "[defaults]\nmode = \"on\"\n",
            2,
            "expected one of \"off\", \"advise\", \"act\", found \"on\"",
        ),
        (
            "[defaults.up]\ncool_down = \"1s\"\n",
            2,
            "unknown key `cool_down`",
        ),
        ("[defaults]\nmin = 1\nmin = 2\n", 3, "duplicate key"),
    ] {
        let message = refused(text);
        assert!(message.contains(&format!("line {line},")), "{message}");
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
            "min: must be at least 1: without replicas or machines the load is unknown, and the \
             size would never grow again",
        ),
        (
            format!("max = 0\n{METRIC}"),
            "max: must be at least 1: without replicas or machines the load is unknown, and the \
             size would never grow again",
        ),
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
            "up.step: expected a whole number from 1 to 4294967295, found 0",
        ),
        (
            format!("{METRIC}up = {{ percent = 0 }}\n"),
            "up.percent: 0 is not positive",
        ),
        (
            format!("{METRIC}down = {{ tasks = 0 }}\n"),
            "down.tasks: expected a whole number from 1 to 4294967295, found 0",
        ),
        (
            format!("{METRIC}down = {{ period = \"0s\" }}\n"),
            "down.period: 0 s is too short, the minimum is 0.001 s",
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
        summary("[defaults.up]\npercent = -1\n"),
        "defaults.up.percent: -1 is not positive"
    );
    assert_eq!(
        summary("[defaults]\nmetric = [{ name = \"vir_cpu_cores\" }]\n"),
        "defaults.metric[0]: set either target, or both lower and upper"
    );
    assert_eq!(
        summary("[defaults]\nmin = 5\n[[service]]\nname = \"a\"\n[service.policy]\nmax = 4\n"),
        "service[0].policy.min: 5 is greater than max (4)"
    );
}

#[test]
fn error_outside_policy_is_named_by_its_key() {
    let two = format!("{SERVICE}{METRIC}{SERVICE}{METRIC}");
    assert_eq!(summary(&two), "service[1].name: duplicate service");
    assert_eq!(
        summary(&format!("{SERVICE}{METRIC}").replace("apache", " ")),
        "service[0].name: the name is missing"
    );
    assert_eq!(
        summary(&format!(
            "[control]\nbudget = 3\n{SERVICE}min = 4\n{METRIC}"
        )),
        "control.budget: less than 4, the sum of the services' minimum replicas"
    );
    assert_eq!(
        summary("[control]\ninterval = \"50ms\"\n"),
        "control.interval: 0.05 s is too short, the minimum is 0.1 s"
    );
    assert_eq!(
        summary("[docker]\ntimeout = \"0s\"\n"),
        "docker.timeout: 0 s is too short, the minimum is 0.1 s"
    );
    assert_eq!(
        summary("[docker]\nendpoints = []\n"),
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
        let refusal = summary(&text);
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
fn all_unknown_keys_and_values_of_wrong_type_are_reported_with_their_lines() {
    let errors = listed(
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
            "unknown key `bugdet`, expected one of `interval`, `mode`",
        ),
        (3, "expected a duration such as"),
        (
            8,
            "unknown key `min`, expected one of `name`, `priority`, `policy`",
        ),
        (10, "found \"ten\""),
        (
            11,
            "unknown key `goal`, expected one of `name`, `target`, `lower`, `upper`",
        ),
    ] {
        let begin = format!("line {line}: ");
        let found = errors
            .iter()
            .any(|it| it.starts_with(&begin) && it.contains(problem));
        assert!(found, "line {line}: {errors:#?}");
    }
    assert_eq!(errors.len(), 8, "{errors:#?}");
    // Two errors in elements of a list.
    let error = refused("[collector]\nagents = [1, \"10.0.0.1\", 2]\n");
    assert!(
        error.contains("found 1\n") && error.contains("found 2\n"),
        "{error}"
    );
    // The number of errors is bounded, and lower for a large file.
    for (keys, expected) in [(100, 20), (90_000, 1)] {
        let many: String = (0..keys)
            .map(|number| format!("key{number} = 1\n"))
            .collect();
        assert_eq!(refused(&many).matches("unknown key").count(), expected);
    }
}

#[test]
fn error_quotes_no_secret() {
    let pool = |hook: &str| format!("[[pool]]\nname = \"a\"\n{hook}\n");
    for text in [
        "[http]\ntoken = \"secret\n".to_owned(),
        "[http]\n\"token\"=\"secret\" x\n".to_owned(),
        "http = { listen = 1, token = \"secret\" }\n".to_owned(),
        "http = \"secret\"\n".to_owned(),
        "http.token = \"secret\"\n".to_owned(),
        "[http]\ntoken = \"secret\"\ntoken_file = \"a\"\n".to_owned(),
        pool("hook = \"secret\""),
        pool("hook = { program = \"/a\", arguments = \"secret\" }"),
        pool("[pool.hook]\nurl = \"secret\""),
        pool("[pool.hook]\nurl = \"http://a\"\ntoken = \"a secret\""),
        "[http]\ntokn = \"secret\"\n".to_owned(),
        "[http]\ntoken = \"secret\"\ntoken = 's'\n".to_owned(),
        "[http]\ntoken = \"\"\"\nsecret\\q=\"\"\"\n".to_owned(),
        "[http]\ntoken = '''\nsecret=\u{7}'''\n".to_owned(),
        "[http]\ntoken = [\n\"secret\" \"x\"]\n".to_owned(),
        pool("hook = { url = \"http://a/\", token = 'secret', retries = 3 }"),
        pool("hook = { url = \"http://a/?key=secret\", retries = 3 }"),
        pool("[pool.hook]\nurl = \"http://a/?key=secret"),
        pool("[pool.hook]\nuri = \"http://a/?key=secret\""),
        pool("[pool.hook]\nprogram = \"curl -u u:secret\""),
        // Text before `=` and lines of lists are not always keys and tables.
        "[http]\ntoken \"secret==\"\n".to_owned(),
        "[http]\ntoken: \"secret==\"\n".to_owned(),
        pool("hook.url \"https://u:secret@h/?a=\""),
        pool("hook.arguments = [\n\"secret=\" \"x\"]"),
        pool("hook.arguments = [\n\"secret=\", 3]"),
        pool("hook.arguments = [\n[73577357], x]").replace("73577357", "secret"),
        "# \"\"\"\nhttp.token = \"\"\"\nsecret = \\q\"\"\"\n".to_owned(),
        "[http]\ntoken = \"\"\"\nsecret=\n[secret]\n".to_owned(),
        "[docker]\nendpoints = [\"tcp://user:secret@host:1\"]\n".to_owned(),
        "[docker]\nendpoints = [\"tcp://host:1/?key=secret\"]\n".to_owned(),
        "[docker]\nendpoints = [\"user:secret@host\"]\n".to_owned(),
    ] {
        let error = refused(&text);
        assert!(error.contains(" --> line "), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    for value in ["73577357", "7357.7357", "[73577357]", "{ a = 73577357 }"] {
        for text in [
            format!("http.token = {value}"),
            pool(&format!("hook.token = {value}")),
        ] {
            let error = refused(&text);
            assert!(error.contains("token: expected a string"), "{error}");
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

#[test]
fn all_errors_of_a_file_are_reported_with_key_and_line() {
    let text = "[collector]\nagents = [\"x\", \"10.0.0.1\"]\n\
                [control]\nbudget = 1\nchanges_per_minute = 0\n\
                [defaults.down]\npercent = 0\n\
                [[service]]\nname = \"a\"\n[service.policy]\nmin = 3\nmax = 2\n\
                metric = [{ name = \"vir_cpu_cores\", lower = 2, upper = 1 }]\nup = { tolerance = 0.2 }\n\
                [[service]]\nname = \"a\"\n[service.policy]\nwarm_up = 5\n\
                [[pool]]\nname = \"p\"\n[pool.hook]\ntries = 0\n";
    let errors = listed(text);
    let begins = [
        "line 2: `agents = [\"x\"`: collector.agents[0]: expected an address or a network",
        "line 5: `changes_per_minute = 0`: control.changes_per_minute: must be at least 1",
        "line 7: `percent = 0`: defaults.down.percent: 0 is not positive",
        "line 18: `warm_up = 5`: service[1].policy.warm_up: expected a duration",
    ];
    for begin in begins {
        assert!(
            errors.iter().any(|it| it.starts_with(begin)),
            "{begin}: {errors:#?}"
        );
    }
    // Without errors of types, also those of services and pools.
    let text = text
        .replace("percent = 0", "percent = 5")
        .replace("warm_up = 5", "min = 1");
    let errors = listed(&text.replace("\"x\", ", ""));
    let begins = [
        "line 4: `budget = 1`: control.budget: less than 4",
        "line 5: `changes_per_minute = 0`: control.changes_per_minute: must be at least 1",
        "line 11: `min = 3`: service[0].policy.min: 3 is greater than max (2)",
        "line 13: `metric = [{ name = …, lower = 2`: service[0].policy.metric[0].lower: 2 is not \
         between 0 and upper (1)",
        "line 14: `up = { tolerance = 0.2`: service[0].policy.up.tolerance: not applicable",
        "line 16: `name = \"a\"`: service[1].name: duplicate service",
        "line 17: `[service.policy]`: service[1].policy.metric: at least one metric is required",
        "line 19: `[[pool]]`: pool[0].policy.metric: at least one metric is required",
        "line 21: `[pool.hook]`: pool[0].hook: set either a program or a url",
        "line 22: `tries = 0`: pool[0].hook.tries: 0 is not between 1 and 100",
    ];
    assert_eq!(errors.len(), begins.len(), "{errors:#?}");
    for (error, begin) in errors.iter().zip(begins) {
        assert!(error.starts_with(begin), "{begin}: {errors:#?}");
    }
}

#[test]
fn error_that_may_follow_from_another_is_not_reported() {
    let service = |lines: &str| format!("[[service]]\nname = \"a\"\n[service.policy]\n{lines}");
    for lines in [
        "max = \"ten\"\nmin = 20\n",
        "maxx = 30\nmin = 20\n",
        "metric = 5\n",
    ] {
        assert_eq!(listed(&service(lines)).len(), 1, "{lines}");
    }
    let defaults = format!("[defaults]\nmetric = 5\n{}", service("min = 1\n"));
    assert_eq!(listed(&defaults).len(), 1);
    let schedule = "[defaults]\nschedule = [{ days = \"x\", from = \"25:00\", to = \"1:00\" }]\n";
    assert_eq!(listed(schedule).len(), 3);
}

#[test]
fn errors_of_many_services_are_bounded_and_found_in_time() {
    let many: String = (0..10_000)
        .map(|number| format!("[[service]]\nname = \"a{number}\"\n"))
        .collect();
    let errors = listed(&many);
    assert_eq!(errors.len(), 20);
    assert!(errors[0].starts_with("line 1: `[[service]]`: service[0].policy.metric: "));
    assert!(errors[19].starts_with("line 39: "), "{}", errors[19]);
}
