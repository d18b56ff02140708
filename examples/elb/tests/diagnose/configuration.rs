use super::{CONFIG, Case, config};
use elb::config::Config;
use elb::diagnose::Level::{Note, Wrong};

pub(crate) const CASES: &[Case] = &[
    (
        |facts| {
            let text = CONFIG.replace("agents = [\"10.0.0.0/24\"]", "");
            facts.configuration = Ok(config(&text));
        },
        Note,
        "agents-unrestricted",
        &[
            "every sender",
            "agents = [\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\"] under [collector]",
        ],
    ),
    (
        |facts| {
            let text = CONFIG.replace("vir_cpu_cores", "vir_cpu_corse");
            facts.configuration = Config::from_toml(&text);
        },
        Wrong,
        "configuration-refused",
        &["vir_cpu_corse", "vir_cpu_cores"],
    ),
    (
        |facts| facts.configuration = Config::load(std::path::Path::new("/no/such.toml")),
        Wrong,
        "configuration-unreadable",
        &["elb.toml", "--example"],
    ),
    (
        |facts| facts.configuration = Config::from_toml("[control]\nintervall = \"2s\""),
        Wrong,
        "configuration-refused",
        &["intervall"],
    ),
    (
        |facts| {
            facts.configuration = Config::from_toml(&CONFIG.replace("max = 6", "min = 7\nmax = 6"));
        },
        Wrong,
        "configuration-refused",
        &["service[0].policy.min", "greater than max"],
    ),
    (
        |facts| {
            let listen = "[collector]\nlisten = \"127.0.0.1:6343\"";
            let text = CONFIG.replace("[collector]", listen);
            facts.configuration = Ok(config(&text));
        },
        Note,
        "collector-loopback",
        &["0.0.0.0:6343"],
    ),
    (
        |facts| {
            let text = format!("[http]\nlisten = \"0.0.0.0:8008\"\n{CONFIG}");
            facts.configuration = Ok(config(&text));
        },
        Note,
        "page-open",
        &["0.0.0.0:8008", "http.token_file"],
    ),
    (
        |facts| {
            let text = format!("[docker]\nendpoints = [\"tcp://10.0.0.1:2375\"]\n{CONFIG}");
            facts.configuration = Ok(config(&text));
        },
        Note,
        "docker-unencrypted",
        &["10.0.0.1:2375", "[docker.tls]"],
    ),
];
