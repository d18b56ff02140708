//! Exit codes, and log lines for programs.

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use support::{MAX_WAIT, signal, unused_address};

fn elb(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elb"));
    let output = command.args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.code().is_some(), "killed: {output:?}");
    output
}

/// The exit code and standard error of a run.
fn ended(args: &[&str]) -> (i32, String) {
    let output = elb(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code().unwrap(), text)
}

/// Writes a configuration with an unreachable engine into the folder.
fn configured(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("elb.toml");
    let socket = folder.join("no.sock");
    let text = format!(
        "[collector]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n[docker]\n\
         endpoints = [\"unix://{}\"]\n{more}",
        socket.display()
    );
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn success_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    let config = config.to_str().unwrap();
    for args in [
        &["--version"][..],
        &["--help"],
        &["run", "--example"],
        &["run", "--config", config, "--validate"],
    ] {
        assert_eq!(ended(args).0, 0, "{args:?}");
    }
}

#[test]
fn simulate_follows_trace_and_names_invalid_line() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace.txt");
    let chart = folder.path().join("chart.svg");
    let simulate = |lines: &str| {
        fs::write(&trace, lines).unwrap();
        let (trace, chart) = (trace.to_str().unwrap(), chart.to_str().unwrap());
        elb(&[
            "simulate",
            "--trace",
            trace,
            "--trace-factor",
            "100",
            "--out",
            chart,
        ])
    };
    // 50 requests/s for 30 s, then 450 requests/s, which five replicas carry at 90 each.
    let output = simulate(&format!("{}{}", "0.5\n".repeat(30), "4.5\n".repeat(90)));
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{log}");
    assert!(log.contains("apache set replicas=5"), "{log}");
    assert!(
        log.contains("without the balancer: 120 replica seconds"),
        "{log}"
    );
    assert!(chart.exists());

    let output = simulate("1\n2\n3;4\n");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("line 3: \"3;4\" is not a number"), "{error}");
}

#[test]
fn failure_exits_with_1_and_names_cause() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "[control]\nintervall = \"2s\"\n");
    let config = config.to_str().unwrap();
    let nowhere = folder.path().join("nowhere.toml");
    let nowhere = nowhere.to_str().unwrap();
    let free = unused_address().to_string();
    for (args, cause) in [
        (&["run", "--config", nowhere][..], "nowhere.toml"),
        (&["run", "--config", config], "intervall"),
        (&["run", "--config", config, "--validate"], "line 8"),
        (&["check", "--config", config, "--listen-for", "0s"], ""),
        (&["replay", nowhere], "nowhere.toml"),
        (&["health", "--address", &free], &free),
        (&["--log", "a=b=c", "run", "--config", config], ""),
    ] {
        let (code, stderr) = ended(args);
        assert_eq!(code, 1, "{args:?}: {stderr}");
        assert!(stderr.contains(cause), "missing {cause:?} in {stderr}");
    }
}

#[test]
fn check_lists_all_unknown_keys_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(
        folder.path(),
        "[control]\nintervall = \"2s\"\n[defaults]\nmaxx = 3\n",
    );
    let output = elb(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "line 8:",
        "unknown key `intervall`, expected one of `interval`",
        "line 10:",
        "unknown key `maxx`, expected one of `mode`, `min`, `max`",
    ] {
        assert!(text.contains(part), "missing {part:?} in {text}");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &[][..],
        &["run"],
        &["fly"],
        &["run", "--confog", "elb.toml"],
        &["--log-format", "xml", "run", "--example"],
        &["health", "--address", "here"],
    ] {
        let (code, stderr) = ended(args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(
            stderr.contains("Usage") || stderr.contains("--help"),
            "{stderr}"
        );
    }
}

#[test]
fn health_prints_the_answer_and_fails_unless_it_is_200() {
    for (answer, code, text) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n",
            0,
            "ok\n",
        ),
        ("HTTP/1.0 503 No\r\n\r\nno data", 1, "no data\n"),
        ("HTTP/1.1 200 OK\r\n", 1, ""),
        ("SSH-2.0-x\r\n\r\n", 1, ""),
        ("", 1, ""),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let output = elb(&["health", "--address", &address]);
        server.join().unwrap();
        assert_eq!(output.status.code(), Some(code), "{answer:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{answer:?}");
    }
}

#[test]
fn used_port_exits_with_1_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let config = configured(folder.path(), "");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("127.0.0.1:0", &taken, 1)).unwrap();
    let (code, stderr) = ended(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(code, 1);
    assert!(stderr.contains(&taken), "{stderr}");
}

/// A running elb, killed when dropped.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Running {
    fn start(config: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_elb"))
            .args(args)
            .args(["run", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines }
    }

    /// Reads lines until each of these parts has occurred, in any order.
    fn until(&mut self, parts: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let began = Instant::now();
        let has = |lines: &[String], part: &str| lines.iter().any(|line| line.contains(part));
        while !parts.iter().all(|part| has(&lines, part)) {
            assert!(began.elapsed() < MAX_WAIT, "{lines:?}");
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).unwrap();
            assert!(length > 0, "elb ended: {lines:?}");
            lines.push(line);
        }
        lines
    }

    /// Sends a signal; returns the exit code and the remaining output.
    fn end(mut self, name: &str) -> (Option<i32>, String) {
        signal(&self.child, name);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn sigterm_and_sigint_exit_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let config = configured(folder.path(), "");
    for signal in ["-TERM", "-INT"] {
        let mut running = Running::start(&config, &[]);
        running.until(&["Listening, HTTP"]);
        let (code, rest) = running.end(signal);
        assert_eq!(code, Some(0), "{rest}");
        assert!(
            rest.contains("services and machines are not changed"),
            "{rest}"
        );
    }
}

#[test]
fn empty_list_of_agents_is_a_warning_at_start() {
    let folder = tempfile::tempdir().unwrap();
    for (agents, is_open) in [("", true), ("agents = [\"10.0.0.0/8\"]", false)] {
        let config = configured(folder.path(), "");
        let text = fs::read_to_string(&config).unwrap();
        let text = text.replacen("[collector]", &format!("[collector]\n{agents}"), 1);
        fs::write(&config, text).unwrap();
        let mut running = Running::start(&config, &[]);
        let mut lines = running.until(&["Listening, HTTP"]);
        let (_, rest) = running.end("-TERM");
        lines.push(rest);
        let warning = lines.iter().flat_map(|lines| lines.lines());
        let warning = warning.filter(|line| line.contains("WARN"));
        let mut warning = warning.filter(|line| line.contains("collector.agents is empty"));
        assert_eq!(warning.next().is_some(), is_open, "{lines:?}");
    }
}

#[test]
fn json_log_lines_are_objects() {
    let folder = tempfile::tempdir().unwrap();
    let more = "[[service]]\nname = \"web\"\n[service.policy]\n\
                metric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n";
    let config = configured(folder.path(), more);
    let mut running = Running::start(&config, &["--log-format", "json"]);
    let mut lines = running.until(&["cannot be reached", "Listening, HTTP"]);
    let (code, rest) = running.end("-TERM");
    assert_eq!(code, Some(0));
    lines.extend(rest.lines().map(str::to_owned));
    let mut levels = Vec::new();
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        for member in ["timestamp", "level", "message"] {
            assert!(line[member].is_string(), "{member}: {line}");
        }
        levels.push(line["level"].as_str().unwrap().to_owned());
    }
    assert!(levels.iter().any(|level| level == "INFO"));
    assert!(levels.iter().any(|level| level == "WARN"));

    // A fatal error is an object, too.
    let text = fs::read_to_string(&config).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (udp, http) = text.split_once("[http]").unwrap();
    let http = http.replacen("127.0.0.1:0", &taken, 1);
    fs::write(&config, format!("{udp}[http]{http}")).unwrap();
    let args = [
        "--log-format",
        "json",
        "run",
        "--config",
        config.to_str().unwrap(),
    ];
    let (code, stderr) = ended(&args);
    assert_eq!(code, 1);
    let last: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
    assert_eq!(last["level"], "ERROR");
    assert!(last["message"].as_str().unwrap().contains(&taken), "{last}");
}
