//! `elb run` as a process with hostile clients and engines: HTTP requests are answered, memory is
//! bounded, and SIGTERM ends it.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any step takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(120);

const TOKEN: &str = "0123456789abcdef0123";

/// A running elb, killed when the test ends.
struct Elb {
    child: Child,
    address: SocketAddr,
    lines: Mutex<Receiver<String>>,
}

impl Elb {
    /// Starts elb with this configuration, whose HTTP port is 0, after the shell commands `shell`.
    fn start(folder: &Path, config: &str, shell: &str, arguments: &[&str]) -> Self {
        let path = folder.join("elb.toml");
        fs::write(&path, config).unwrap();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_elb"))
            .args(arguments)
            .args(["run", "--config"])
            .arg(&path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in errors.lines() {
                let Ok(line) = line else { return };
                sender.send(line).ok();
            }
        });
        let mut elb = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            lines: Mutex::new(lines),
        };
        let line = elb.line_with("HTTP http://");
        let (_, address) = line.split_once("HTTP http://").unwrap();
        elb.address = address.split('/').next().unwrap().parse().unwrap();
        elb
    }

    /// The next line of the log that contains this text.
    fn line_with(&self, text: &str) -> String {
        let end = Instant::now() + LONGEST;
        let mut before = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.lock().unwrap().recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before.push(line),
                Err(_) => panic!("no log line contains {text:?}: {before:#?}"),
            }
        }
    }

    /// Sends a request; returns status and body of the response.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").expect("a response");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "", "")
    }

    /// Repeats a request until the response contains this text.
    fn get_until(&self, path: &str, text: &str) {
        let end = Instant::now() + LONGEST;
        loop {
            let (_, body) = self.get(path);
            if body.contains(text) {
                return;
            }
            assert!(Instant::now() < end, "missing {text:?} in {body}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Peak resident memory so far, in kB.
    fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.unwrap().trim().trim_end_matches("kB").trim();
        kilobytes.parse().unwrap()
    }

    /// Sends SIGTERM and waits until elb has ended.
    fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        let end = Instant::now() + LONGEST;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "SIGTERM does not end elb");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Elb {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An engine whose responses `answer` writes, by path.
fn engine(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut byte) {
                        Ok(1) => head.push(byte[0]),
                        _ => return,
                    }
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                answer(&path, &mut stream);
            });
        }
    });
    endpoint
}

fn reply(stream: &mut TcpStream, status: u16, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).ok();
    stream.write_all(body.as_bytes()).ok();
}

fn config(endpoint: &str, more: &str) -> String {
    format!(
        "[collector]\nlisten = \"127.0.0.1:0\"\n\
         [docker]\nendpoints = [\"{endpoint}\"]\ntimeout = \"60s\"\n\
         [defaults]\nmetric = [{{ name = \"vir_cpu_cores\", target = 0.5 }}]\n\
         [[service]]\nname = \"web\"\n[http]\nlisten = \"127.0.0.1:0\"\n{more}"
    )
}

const SERVICE: &str = r#"[{"ID":"s1","Version":{"Index":1},
    "Spec":{"Name":"web","Mode":{"Replicated":{"Replicas":1}}}}]"#;

fn small(path: &str, stream: &mut TcpStream) {
    match path {
        path if path.starts_with("/services") => reply(stream, 200, SERVICE),
        "/version" => reply(stream, 200, r#"{"Version":"29.0","ApiVersion":"1.52"}"#),
        path if path.starts_with("/events") => thread::sleep(LONGEST),
        _ => reply(stream, 200, "[]"),
    }
}

#[test]
fn validation_reads_no_file_and_requires_token() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "a secret of more than sixteen letters").unwrap();
    let elb = Elb::start(
        folder.path(),
        &config(&engine(small), &format!("token = \"{TOKEN}\"\n")),
        "",
        &[],
    );
    let path = "/api/v1/config/validate";
    let toml = "Content-Type: application/toml\r\n";
    let with_token = format!("{toml}Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(elb.ask("POST", path, toml, "").0, 401);
    assert_eq!(elb.get("/api/v1/query?q=avg:load_one").0, 401);
    let mut answers = Vec::new();
    for file in [
        fifo.to_str().unwrap(),
        secret.to_str().unwrap(),
        folder.path().to_str().unwrap(),
        "/dev/zero",
        "/etc/shadow",
        "/etc/hostname",
        "/no/such/file",
    ] {
        for text in [
            format!("[http]\ntoken_file = \"{file}\""),
            format!(
                "[docker]\nendpoints = [\"https://a\"]\n\
                 tls = {{ ca = \"{file}\", cert = \"{file}\", key = \"{file}\" }}"
            ),
            format!(
                "[[pool]]\nname = \"a\"\nhook = {{ url = \"http://a/\", token_file = \"{file}\" }}\n\
                 policy = {{ metric = [{{ name = \"load_one\", target = 1 }}] }}"
            ),
        ] {
            let (status, body) = elb.ask("POST", path, &with_token, &text);
            assert_eq!(status, 200, "{file}: {body}");
            answers.push(body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(elb.get("/healthz").0, 200);
    elb.terminate();
}

#[test]
fn twelve_thousand_services_are_validated_while_health_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let elb = Elb::start(folder.path(), &config(&engine(small), ""), "", &[]);
    let mut text = "[defaults]\nmetric = [{ name = \"vir_cpu_cores\", target = 0.5 }]\n".to_owned();
    for number in 0..12_000 {
        text += &format!("[[service]]\nname = \"service-{number}\"\n");
    }
    let toml = "Content-Type: application/toml\r\n";
    thread::scope(|scope| {
        let validation = scope.spawn(|| elb.ask("POST", "/api/v1/config/validate", toml, &text));
        while !validation.is_finished() {
            assert_eq!(elb.get("/healthz").0, 200);
            thread::sleep(Duration::from_millis(20));
        }
        let (status, body) = validation.join().unwrap();
        assert_eq!(status, 200, "{}", &body[..body.len().min(500)]);
        assert!(body.contains("\"service-11999\""));
    });
}

#[test]
fn configuration_with_unreadable_file_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let large = folder.path().join("large");
    fs::write(&large, "s3cret".repeat(10_000)).unwrap();
    let binary = folder.path().join("binary");
    fs::write(&binary, b"s3cret\xff").unwrap();
    let path = folder.path().join("elb.toml");
    for (http, cause) in [
        (format!("token_file = {fifo:?}"), "not a regular file"),
        (
            format!("token_file = {:?}", folder.path()),
            "not a regular file",
        ),
        (
            "token_file = \"/dev/zero\"".to_owned(),
            "not a regular file",
        ),
        (format!("token_file = {large:?}"), "larger than 4096 bytes"),
        (format!("token_file = {binary:?}"), "not UTF-8 text"),
        ("names = [\"elb.example\"]".to_owned(), "http.token_file"),
    ] {
        fs::write(&path, config("tcp://127.0.0.1:1", &http)).unwrap();
        for arguments in [
            &["run", "--config"][..],
            &["run", "--validate", "--config"],
            &["check", "--listen-for", "0s", "--config"],
        ] {
            let output = Command::new(env!("CARGO_BIN_EXE_elb"))
                .args(arguments)
                .arg(&path)
                .output()
                .unwrap();
            assert!(!output.status.success(), "{http}: {arguments:?}");
            let output_text = [output.stdout, output.stderr].concat();
            let output_text = String::from_utf8(output_text).unwrap();
            assert!(
                output_text.contains(cause),
                "{http}: {arguments:?}: {output_text}"
            );
            let key = http.split(' ').next().unwrap();
            assert!(
                output_text.contains(&format!("http.{key}")),
                "{output_text}"
            );
            assert!(!output_text.contains("s3cret"), "{output_text}");
        }
    }
}

#[test]
fn http_answers_before_any_manager() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = engine(|_, _| thread::sleep(LONGEST));
    let elb = Elb::start(folder.path(), &config(&endpoint, ""), "", &[]);
    assert_eq!(elb.get("/healthz").0, 200);
    let (status, page) = elb.get("/");
    assert_eq!(status, 200);
    assert_eq!(elb.get("/readyz").0, 503);
    // Values that were not read are unknown, and not zero.
    assert!(page.contains("<dt>running</dt><dd>unknown</dd>"), "{page}");
    assert!(!page.contains("0 of 0"), "{page}");
    let services = elb.get("/api/v1/services").1;
    assert!(services.contains("\"running\":null"), "{services}");
    let metrics = elb.get("/metrics").1;
    assert!(metrics.contains("\nelb_orchestrator_up{} 0"), "{metrics}");
    assert!(!metrics.contains("elb_tasks_running{"), "{metrics}");
    elb.terminate();
}

#[test]
fn d26_service_that_acts_without_control_mode_is_reported_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    // Reported even if no manager ever answers.
    let endpoint = engine(|_, _| thread::sleep(LONGEST));
    let act = "[[service]]\nname = \"shop\"\n[service.policy]\nmode = \"act\"\n";
    let text = config(&endpoint, act);
    let elb = Elb::start(folder.path(), &text, "", &[]);
    let line = elb.line_with("control.mode is not set");
    assert!(line.contains("WARN") && line.contains("shop"), "{line}");
    let (_, snapshot) = elb.get("/api/v1/snapshot");
    assert!(snapshot.contains("\"mode_unset\""), "{snapshot}");
    let (_, page) = elb.get("/");
    assert!(page.contains("Current problems"), "{page}");
    let path = folder.path().join("elb.toml");
    for (control, expected) in [
        ("", "Write mode = \"act\" under [control]"),
        ("[control]\nmode = \"act\"\n", "would act: shop"),
        ("[control]\nmode = \"advise\"\n", "nothing is changed"),
    ] {
        fs::write(&path, format!("{text}{control}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_elb"))
            .args(["run", "--validate", "--config"])
            .arg(&path)
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(expected), "{control}: {output}");
    }
}

#[test]
fn d24_problem_is_logged_once_when_it_begins_and_once_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicUsize::new(0);
    let endpoint = engine(move |path, stream| {
        let is_gone = path.starts_with("/services") && asked.fetch_add(1, Ordering::Relaxed) < 20;
        match is_gone {
            true => reply(stream, 200, "[]"),
            false => small(path, stream),
        }
    });
    let text = config(&endpoint, "[control]\ninterval = \"100ms\"\n");
    let elb = Elb::start(folder.path(), &text, "", &[]);
    let about = "service web does not exist";
    let begin = elb.line_with(about);
    let is_begin = begin.contains("WARN") && begin.contains("reason=\"service_gone\"");
    assert!(is_begin, "{begin}");
    // The next line about this problem.
    let end = elb.line_with(about);
    assert!(end.contains("INFO") && end.contains("ended after"), "{end}");
    elb.get_until("/metrics", "elb_problems{reason=\"service_gone\"} 0.0");
}

#[test]
fn unreachable_orchestrator_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let asked = AtomicUsize::new(0);
    let endpoint = engine(
        move |path, stream| match asked.fetch_add(1, Ordering::Relaxed) < 20 {
            true => reply(stream, 503, "{\"message\":\"not now\"}"),
            false => small(path, stream),
        },
    );
    let text = config(&endpoint, "[control]\ninterval = \"100ms\"\n");
    let elb = Elb::start(folder.path(), &text, "", &[]);
    let begin = elb.line_with("not now");
    let is_begin = begin.contains("WARN") && begin.contains("reason=\"orchestrator\"");
    assert!(is_begin && !begin.contains("about"), "{begin}");
    assert!(begin.contains("No decisions are made"), "{begin}");
    // The next line about this problem.
    let end = elb.line_with("not now");
    assert!(
        end.contains("ended after") && !end.contains("about"),
        "{end}"
    );
}

/// Writes a response of 80 MB: `begin`, repetitions of `piece`, and `end`.
fn flood(stream: &mut TcpStream, begin: &str, piece: &str, end: &str) {
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let pieces = (80 << 20) / piece.len();
    let mut write = |text: &str| stream.write_all(text.as_bytes()).is_ok();
    if write(head) && write(begin) {
        (0..pieces).all(|_| write(piece));
        write(end);
    }
}

#[test]
fn d22_lists_of_80_mb_are_read_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let endpoint = engine(move |path, stream| {
        if path != "/nodes" {
            return small(path, stream);
        }
        let padding = "x".repeat(3_000);
        match count.fetch_add(1, Ordering::Relaxed) {
            // One node of 80 MB, then lists of 27,000 nodes of the usual size.
            0 => flood(stream, "[{\"ID\":\"n\",\"x\":\"", &padding, "\"}]"),
            _ => {
                let node = format!(
                    "{{\"ID\":\"n\",\"Description\":{{\"Hostname\":\"node\",\"x\":\"{padding}\"}}}},"
                );
                flood(stream, "[", &node, "{\"ID\":\"last\"}]");
            }
        }
    });
    let elb = Elb::start(folder.path(), &config(&endpoint, ""), "", &[]);
    let line = elb.line_with("entry larger than 4 MiB");
    assert!(line.contains("WARN"), "{line}");
    elb.get_until("/readyz", "orchestrator: ok");
    assert!(asked.load(Ordering::Relaxed) > 1);
    assert_eq!(elb.get("/healthz").0, 200);
    let peak = elb.peak_memory();
    assert!(peak < 300 << 10, "{peak} kB");
}

#[test]
fn few_file_descriptors_suffice_for_the_orchestrator() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let endpoint = engine(move |path, stream| {
        count.fetch_add(usize::from(path == "/nodes"), Ordering::Relaxed);
        small(path, stream);
    });
    let text = config(&endpoint, "[control]\ninterval = \"100ms\"\n");
    let elb = Elb::start(folder.path(), &text, "ulimit -n 64", &[]);
    let mut idle = Vec::new();
    for number in 0..200 {
        let mut stream = TcpStream::connect(elb.address).unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
        }
        idle.push(stream);
    }
    // More than one round, because connections from before may still be open.
    let before = asked.load(Ordering::Relaxed);
    let end = Instant::now() + LONGEST;
    while asked.load(Ordering::Relaxed) < before + 5 {
        assert!(Instant::now() < end, "no request to the orchestrator");
        thread::sleep(Duration::from_millis(20));
    }
    elb.get_until("/readyz", "orchestrator: ok");
    let open = fs::read_dir(format!("/proc/{}/fd", elb.child.id())).unwrap();
    assert!(open.count() < 60);
    drop(idle);
}

#[test]
fn log_lines_contain_no_control_or_direction_characters() {
    const EVIL: &str = "evil \\u202e\\u2066\\u200b\\u001b[2J\\u009b31m\\n\\u2028forged";
    for arguments in [&[][..], &["--log-format", "json"]] {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = engine(|path, stream| match path {
            path if path.starts_with("/services") => {
                reply(stream, 400, &format!("{{\"message\":\"{EVIL}\"}}"));
            }
            path => small(path, stream),
        });
        let elb = Elb::start(folder.path(), &config(&endpoint, ""), "", arguments);
        let line = elb.line_with("evil");
        assert!(line.contains("forged"), "{line:?}");
        assert!(!line.chars().any(untrusted::is_unprintable), "{line:?}");
        let (status, body) = elb.get("/api/v1/snapshot");
        assert_eq!(status, 200);
        for body in [
            body,
            elb.get("/readyz").1,
            elb.get("/").1,
            elb.get("/metrics").1,
        ] {
            let bad = body
                .chars()
                .find(|c| untrusted::is_unprintable(*c) && *c != '\n');
            assert_eq!(bad, None, "{body}");
        }
    }
}

/// The config object of the lease: version and specification.
type LeaseConfig = Mutex<Option<(u64, serde_json::Value)>>;

/// Answers requests for the lease.
fn lease(stored: &LeaseConfig, path: &str, stream: &mut TcpStream) {
    let mut stored = stored.lock().unwrap();
    let spec = |stream: &mut TcpStream| {
        let mut values = serde_json::Deserializer::from_reader(stream).into_iter();
        values.next().unwrap().unwrap()
    };
    let version = stored.as_ref().map_or(0, |(version, _)| *version);
    let written = match path.split_once("/update?version=") {
        Some((_, expected)) => expected.parse() == Ok(version),
        None if path == "/configs/create" => stored.is_none(),
        None => {
            let answer = stored.as_ref().map(|(version, spec)| {
                serde_json::json!({ "Version": { "Index": version }, "Spec": spec }).to_string()
            });
            return match answer {
                Some(answer) => reply(stream, 200, &answer),
                None => reply(stream, 404, r#"{"message":"not found"}"#),
            };
        }
    };
    if written {
        *stored = Some((version + 1, spec(stream)));
        reply(stream, 200, "{}");
    } else {
        reply(stream, 500, r#"{"message":"update out of sequence"}"#);
    }
}

#[test]
fn s6_leader_keeps_its_time_limit_after_a_reload_and_releases_the_lease_at_the_end() {
    let stored = Arc::new(LeaseConfig::default());
    let changes = Arc::new(AtomicUsize::new(0));
    let (config_object, count) = (Arc::clone(&stored), Arc::clone(&changes));
    let endpoint = engine(move |path, stream| match path {
        path if path.starts_with("/configs/") => lease(&config_object, path, stream),
        // The first request of a change is never answered.
        "/services/s1" => {
            count.fetch_add(1, Ordering::Relaxed);
            thread::sleep(LONGEST);
        }
        path => small(path, stream),
    });
    let text = config(&endpoint, "[leader]\nenabled = true\n").replace(
        "name = \"web\"\n",
        "name = \"web\"\npolicy = { mode = \"act\", min = 3 }\n",
    );
    let text = format!("{text}[control]\nmode = \"act\"\n");
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let address = "export ELB_LEADER_ADDRESS=http://elb1:8008";
    let first = Elb::start(folders[0].path(), &text, address, &[]);
    let leads = first.line_with("this instance leads");
    assert!(
        leads.contains("term=1") && leads.contains("http://elb1:8008"),
        "{leads}"
    );
    let second = Elb::start(folders[1].path(), &text, "", &[]);
    let standby = second.line_with("another instance leads");
    assert!(standby.contains("http://elb1:8008"), "{standby}");

    let path = folders[0].path().join("elb.toml");
    fs::write(path, format!("{text}interval = \"1s\"\n")).unwrap();
    let signal = |name: &str| {
        let pid = first.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-HUP");
    first.line_with("configuration reloaded");
    // A request without the limit of the lease takes 60 s.
    let (before, end) = (
        changes.load(Ordering::Relaxed),
        Instant::now() + LONGEST / 3,
    );
    while changes.load(Ordering::Relaxed) < before + 3 {
        assert!(Instant::now() < end, "a change takes longer than the limit");
        thread::sleep(Duration::from_millis(20));
    }
    signal("-TERM");
    first.line_with("the lease is released");
    let leads = second.line_with("this instance leads");
    assert!(leads.contains("term=2"), "{leads}");
    let (_, spec) = stored.lock().unwrap().clone().unwrap();
    assert_eq!(spec["Labels"]["term"], "2");
}
