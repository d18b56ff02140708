//! `elb run` as a process with hostile clients and engines: HTTP requests are answered, memory is
//! bounded, and SIGTERM ends it.

#![cfg(target_os = "linux")]

mod configuration;
mod history;
mod leader;
mod orchestrator;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
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
