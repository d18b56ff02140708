//! Everything that an operator copies is valid: configurations and commands of the README, the
//! stack and its configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use elb::cli::Cli;
use elb::config::{Config, EXAMPLE, Labels, Leader};
use elb::policy::{Mode, Rule};
use yaml_rust2::{Yaml, YamlLoader};

const README: &str = include_str!("../README.md");
const COMPOSE: &str = include_str!("../compose.yaml");
const CONTAINERFILE: &str = include_str!("../Containerfile");
const STACK: &str = include_str!("../stack.toml");

#[test]
fn readme_configurations_are_valid() {
    let configurations = blocks("toml");
    assert_eq!(configurations.len(), 4);
    for text in &configurations {
        let config = Config::from_toml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(!config.services.is_empty() || !config.pools.is_empty());
    }
}

#[test]
fn starter_configurations_advise_and_have_sane_targets() {
    for text in [&blocks("toml")[0], EXAMPLE, STACK] {
        let config = Config::from_toml(text).unwrap();
        assert!(config.control.is_mode_set, "{text}");
        assert_eq!(config.control.mode, Mode::Advise, "{text}");
        // Labels without a mode get the default mode.
        let labels = BTreeMap::from([("elb.enabled".to_owned(), "true".to_owned())]);
        let labels = labels
            .into_iter()
            .chain([("elb.cores.target".to_owned(), "1".to_owned())]);
        let labelled = config.discovery.labels.service("a", &labels.collect());
        let labelled = labelled.unwrap().unwrap();
        for service in config.services.iter().chain([&labelled]) {
            let settings = &service.settings;
            assert_eq!(settings.mode, Mode::Advise, "{text}");
            assert!(settings.min >= 1 && settings.max > settings.min, "{text}");
            let Rule::Target { metrics, .. } = &settings.rule else {
                panic!("{text}");
            };
            for metric in metrics {
                assert_eq!(metric.metric, "vir_cpu_cores", "{text}");
                assert!((0.1..=1.0).contains(&metric.target), "{text}");
            }
            assert!(settings.down.stabilise.as_secs() >= 300, "{text}");
        }
    }
}

#[test]
fn readme_explains_exactly_the_existing_keys() {
    for (heading, table) in [
        ("[collector]", "[collector]\nnone = 1"),
        ("[http]", "[http]\nnone = 1"),
        ("[docker]", "[docker]\nnone = 1"),
        ("[leader]", "[leader]\nnone = 1"),
        ("[control]", "[control]\nnone = 1"),
        ("[[service]]", "[[service]]\nnone = 1"),
        ("[service.policy]", "[defaults]\nnone = 1"),
        ("metric", "[[defaults.metric]]\nnone = 1"),
        ("up", "[defaults.up]\nnone = 1"),
        ("up", "[defaults.down]\nnone = 1"),
        ("schedule", "[[defaults.schedule]]\nnone = 1"),
        ("saturation", "[defaults.saturation]\nnone = 1"),
        ("[[pool]]", "[[pool]]\nnone = 1"),
        ("[pool.hook]", "[[pool]]\n[pool.hook]\nnone = 1"),
        ("[pool.poor]", "[[pool]]\n[pool.poor]\nnone = 1"),
    ] {
        assert_eq!(explained(heading), known(table), "{heading}");
    }
}

#[test]
fn readme_states_correct_defaults() {
    let text = "[[service]]\nname = \"a\"\n[service.policy]\n\
                metric = [{ name = \"vir_cpu_cores\", target = 1 }]\n";
    // Without the table [leader], there is no election.
    let ours = Config::from_toml(&format!("[leader]\n{text}")).unwrap();
    let stated = format!(
        "[collector]\n{}[http]\n{}[docker]\n{}[leader]\n{}[control]\n{}{text}{}[service.policy.saturation]\n{}",
        stated("[collector]"),
        stated("[http]"),
        stated("[docker]"),
        stated("[leader]"),
        stated("[control]"),
        stated("[service.policy]"),
        stated("saturation"),
    );
    let mut same = Config::from_toml(&stated).unwrap_or_else(|error| panic!("{error}\n{stated}"));
    same.text.clone_from(&ours.text);
    assert_eq!(same, ours, "{stated}");
}

#[test]
fn readme_states_correct_pool_defaults() {
    let pool = |own: &str, hook: &str, poor: &str| {
        let text = format!(
            "[[pool]]\nname = \"a\"\n{own}[pool.policy]\n\
             metric = [{{ name = \"cpu_utilization\", target = 1 }}]\n\
             [pool.hook]\nprogram = \"/a\"\n{hook}[pool.poor]\n{poor}"
        );
        let config = Config::from_toml(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        config.pools
    };
    let stated = pool(
        &stated("[[pool]]"),
        &stated("[pool.hook]"),
        &stated("[pool.poor]"),
    );
    assert_eq!(stated, pool("", "", ""));
    let pace = |pool: &elb::config::Pool| {
        let settings = &pool.settings;
        (
            settings.up.stabilise.as_secs(),
            settings.down.stabilise.as_secs(),
        )
    };
    assert_eq!(pace(&stated[0]), (60, 900), "as in the table");
}

/// Runs the hook script of the README with a `provider` and a `docker` that log their arguments.
#[cfg(unix)]
#[test]
fn readme_hook_executes_orders() {
    use std::os::unix::fs::PermissionsExt as _;

    let scripts = blocks("sh");
    let script = scripts.iter().find(|text| text.starts_with("#!/bin/sh"));
    let folder = tempfile::tempdir().unwrap();
    // Copied by another process: a file cannot be executed while this process, or a child that
    // another test is starting, has it open for writing.
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        let source = path.with_extension("text");
        fs::write(&source, text).unwrap();
        let copied = Command::new("cp").args([&source, &path]).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let hook = write("hook", script.unwrap());
    let log = folder.path().join("orders");
    for name in ["provider", "docker"] {
        let log = log.display();
        write(name, &format!("#!/bin/sh\necho {name} \"$@\" >>{log}\n"));
    }
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let run = |order: &str, action: &str, machine: &str| {
        let output = Command::new(&hook)
            .env_clear()
            .envs([("PATH", path.as_str()), ("ELB_ORDER", order)])
            .envs([
                ("ELB_ACTION", action),
                ("ELB_POOL", "workers"),
                ("ELB_MACHINE", machine),
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let promise: serde_json::Value = serde_json::from_str(&run("17-a-1-add", "add", "")).unwrap();
    assert_eq!(promise["machine"], "worker-17-a-1");
    run("17-a-2-remove", "remove", "node7");
    assert_eq!(
        fs::read_to_string(&log).unwrap(),
        "provider create --if-absent --name worker-17-a-1 --user-data /etc/elb/join.yaml\n\
         provider delete --if-present --name node7\ndocker node rm --force node7\n"
    );
}

#[test]
fn readme_labels_are_valid() {
    let stack = blocks("yaml")
        .into_iter()
        .find(|text| text.contains("elb.enabled"))
        .unwrap();
    let stack = &YamlLoader::load_from_str(&stack).unwrap()[0];
    let labels = stack["services"]["web"]["deploy"]["labels"]
        .as_hash()
        .unwrap();
    let text = |value: &Yaml| value.as_str().map(ToOwned::to_owned);
    let labels = labels
        .iter()
        .map(|(name, value)| (text(name).unwrap(), text(value).expect("labels are text")))
        .collect();
    let service = Labels::default()
        .service("shop_web", &labels)
        .unwrap()
        .unwrap();
    assert_eq!((service.priority, service.settings.max), (5, 12));
    assert_eq!(service.settings.rule.metrics().len(), 2);
}

#[test]
fn readme_commands_exist() {
    let commands = blocks("sh").join("\n").replace("\\\n", " ");
    let mut found = 0;
    for line in commands.lines().map(str::trim) {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let start = arguments.iter().position(|word| *word == "elb");
        // For `docker run`, the arguments follow the name of the image.
        let Some(arguments) = start.map(|start| &arguments[start..]) else {
            continue;
        };
        let is_ours = line.starts_with("elb ") || line.starts_with("docker run");
        if is_ours && accepts(arguments) {
            found += 1;
        }
    }
    assert!(found >= 4, "{found} commands");
}

#[test]
fn readme_paths_and_metrics_exist() {
    let document: serde_json::Value = serde_json::from_str(elb::http::openapi()).unwrap();
    let paths: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    for path in with_prefix(README, "/api/v1/", |c| {
        c.is_ascii_alphanumeric() || "/_.".contains(c)
    }) {
        let path = path.trim_end_matches('.');
        let general = path.replace("/shop_web", "/{name}");
        let general = general.replace("/pools/workers", "/pools/{name}");
        assert!(paths.contains(&general.as_str()), "{path}");
    }
    let metrics: String = fs::read_dir(source("http/openmetrics"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let mut found = 0;
    for metric in with_prefix(README, "elb_", |c| c.is_ascii_lowercase() || c == '_') {
        let is_other = ["elb_elb", "elb_token"].contains(&metric.as_str());
        let name = metric.trim_end_matches("_total");
        assert!(
            is_other || metrics.contains(&format!("\"{name}\"")),
            "{metric}"
        );
        found += 1;
    }
    assert!(found > 10, "{found} metrics");
}

#[test]
fn stack_configuration_is_valid_and_only_advises() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "0123456789abcdef0123456789abcdef\n").unwrap();
    let secret = "/run/secrets/elb_token";
    assert!(STACK.contains(secret));
    let path = folder.path().join("elb.toml");
    fs::write(&path, STACK.replace(secret, token.to_str().unwrap())).unwrap();
    let config = Config::load(&path).unwrap();
    assert!(
        config
            .services
            .iter()
            .all(|service| service.settings.mode == Mode::Advise)
    );
    assert!(config.http.token.is_some());
    assert!(
        config.http.listen.ip().is_loopback(),
        "the page is on loopback in the host's network"
    );
    assert!(!config.collector.agents.is_empty());
    assert!(!config.collector.accepts([203, 0, 113, 9].into()));
}

#[test]
fn stack_runs_two_instances_that_elect_a_leader() {
    let leader = Config::from_toml(STACK).unwrap().leader;
    assert!(leader.enabled);
    let elb = &YamlLoader::load_from_str(COMPOSE).unwrap()[0]["services"]["elb"];
    let address = elb["environment"]["ELB_LEADER_ADDRESS"].as_str().unwrap();
    let address = address.replace("{{.Node.Hostname}}", "node1");
    Leader::check_address(&address).unwrap();
    // Hooks, the release of the lease and clients of the page.
    let grace = elb["stop_grace_period"].as_str().unwrap();
    let grace: u32 = grace.trim_end_matches('s').parse().unwrap();
    assert!(grace > 8 + 4 + 1, "{grace} s");
}

#[test]
fn stack_has_least_privileges() {
    let stack = &YamlLoader::load_from_str(COMPOSE).unwrap()[0];
    for name in ["elb", "agent"] {
        let service = &stack["services"][name];
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
        assert_eq!(service["cap_drop"][0].as_str(), Some("ALL"), "{name}");
        let limits = &service["deploy"]["resources"]["limits"];
        for limit in ["cpus", "memory", "pids"] {
            assert!(!limits[limit].is_badvalue(), "{name}: {limit}");
        }
        assert!(service["image"].as_str().unwrap().contains("ELB_IMAGE"));
        assert!(service["privileged"].is_badvalue());
    }
    let elb = &stack["services"]["elb"];
    let user = elb["user"].as_str().unwrap();
    assert!(user.starts_with("65532:"), "nobody");
    assert!(CONTAINERFILE.contains("USER 65532:65532"));
    assert!(elb["cap_add"].is_badvalue());
    let replicas = elb["deploy"]["replicas"].as_str();
    assert_eq!(replicas, Some("${ELB_REPLICAS:-2}"));
    let placement = &elb["deploy"]["placement"];
    assert_eq!(placement["max_replicas_per_node"].as_i64(), Some(1));
    let constraints = elb["deploy"]["placement"]["constraints"].as_vec().unwrap();
    assert_eq!(constraints[0].as_str(), Some("node.role == manager"));
    assert_eq!(elb["secrets"][0]["source"].as_str(), Some("elb_token"));
    let update = &elb["deploy"]["update_config"];
    assert_eq!(update["failure_action"].as_str(), Some("rollback"));
    assert_eq!(update["order"].as_str(), Some("stop-first"));
    assert_eq!(update["parallelism"].as_i64(), Some(1));
    let monitor = update["monitor"].as_str().unwrap().trim_end_matches('s');
    assert!(
        monitor.parse::<u32>().unwrap() >= 60,
        "refused agents are detected within a minute"
    );
    let agent = &stack["services"]["agent"];
    assert_eq!(agent["deploy"]["mode"].as_str(), Some("global"));
    assert_eq!(agent["cap_add"][0].as_str(), Some("NET_RAW"));
    assert_eq!(stack["networks"]["host"]["external"].as_bool(), Some(true));
}

/// A published port replaces the senders' addresses: by docker-proxy, or by conntrack entries.
#[test]
fn stack_sends_and_receives_in_the_host_network() {
    let stack = &YamlLoader::load_from_str(COMPOSE).unwrap()[0];
    for name in ["elb", "agent"] {
        let service = &stack["services"][name];
        let networks = service["networks"].as_vec().unwrap();
        assert_eq!(networks.len(), 1, "{name}");
        assert_eq!(networks[0].as_str(), Some("host"), "{name}");
        assert!(service["ports"].is_badvalue(), "{name}");
    }
    assert_eq!(stack["networks"]["host"]["name"].as_str(), Some("host"));
}

#[test]
fn copied_configurations_list_their_agents() {
    for text in [&blocks("toml")[0], EXAMPLE, STACK] {
        assert!(text.contains("\nagents = ["), "{text}");
    }
}

#[test]
fn stack_commands_exist() {
    let stack = &YamlLoader::load_from_str(COMPOSE).unwrap()[0];
    for name in ["elb", "agent"] {
        let command = stack["services"][name]["command"].as_vec().unwrap();
        let arguments = command.iter().map(|word| match word.as_str().unwrap() {
            word if word.starts_with("${ELB_COLLECTOR:?") => "10.0.0.1:6343,10.0.0.2:6343",
            word => word,
        });
        accepts(&[&["elb"][..], &arguments.collect::<Vec<_>>()].concat());
    }
    let health = stack["services"]["elb"]["healthcheck"]["test"]
        .as_vec()
        .unwrap();
    let arguments: Vec<&str> = health[1..].iter().filter_map(Yaml::as_str).collect();
    assert!(accepts(&arguments));
}

#[test]
fn docker_accepts_the_stack() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut docker = Command::new("docker");
    let docker = docker
        .args(["stack", "config", "-c", "compose.yaml"])
        .env("ELB_COLLECTOR", "10.0.0.1:6343,10.0.0.2:6343")
        .current_dir(folder);
    match docker.output() {
        Err(error) => eprintln!("skipped: no docker client ({error})"),
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unknown") => {
            eprintln!("skipped: the docker client is too old for `docker stack config`");
        }
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{stderr}");
            assert!(!stderr.contains("Ignoring"), "{stderr}");
        }
    }
}

/// Whether the command line accepts these arguments; subcommands missing on this platform are
/// skipped.
fn accepts(arguments: &[&str]) -> bool {
    let known = Cli::command();
    if known.find_subcommand(arguments[1]).is_none() && arguments[1] == "agent" {
        eprintln!("skipped: this platform does not have `elb agent`");
        return false;
    }
    if let Err(error) = Cli::try_parse_from(arguments) {
        panic!("{arguments:?}: {error}");
    }
    true
}

/// The code blocks of this language in the README.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = README.split(&fence).skip(1);
    blocks
        .filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned()))
        .collect()
}

/// The rows of the table below the heading that contains this text.
fn rows(heading: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let quoted = format!("`{heading}`");
    let mut sections = README.split("\n### ").skip(1);
    let section = sections
        .find(|section| {
            section
                .lines()
                .next()
                .unwrap()
                .split(' ')
                .any(|word| word == quoted)
        })
        .unwrap_or_else(|| panic!("missing section {heading}"));
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// The keys in a table of the README.
fn explained(heading: &str) -> BTreeSet<String> {
    rows(heading)
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect()
}

/// The keys that a table of the configuration accepts, from the error for an unknown key.
fn known(table: &str) -> BTreeSet<String> {
    let error = Config::from_toml(table).unwrap_err().to_string();
    let (_, known) = error
        .split_once("expected one of ")
        .or_else(|| error.split_once("expected "))
        .unwrap_or_else(|| panic!("{error}"));
    let known = known.lines().next().unwrap().split(", ");
    known
        .flat_map(|keys| keys.split(" or "))
        .map(|key| key.trim_matches('`').to_owned())
        .collect()
}

/// The defaults in a table of the README that are values, as lines of TOML.
fn stated(heading: &str) -> String {
    let mut lines = String::new();
    for row in rows(heading) {
        let (key, default) = (row[0].trim_matches('`'), row[1]);
        let value = default.trim_matches('`');
        if default.starts_with('`') || value.parse::<f64>().is_ok() {
            lines += &format!("{key} = {value}\n");
        }
    }
    lines
}

/// All substrings of a text that begin with `begin` and continue with these characters.
fn with_prefix(text: &str, begin: &str, is_sign: fn(char) -> bool) -> BTreeSet<String> {
    let places = text.match_indices(begin);
    let word = |(place, _): (usize, &str)| {
        let rest = &text[place..];
        rest.split(|c| !is_sign(c))
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    places
        .map(word)
        .filter(|word| word.len() > begin.len())
        .collect()
}

fn source(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(path)
}
