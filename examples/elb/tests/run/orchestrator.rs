//! Managers that do not answer, answer too much, or answer with hostile text.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Elb, LONGEST, config, engine, reply, small};

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
