//! The demonstration as a user starts it, without a terminal: plain lines, a summary, a chart.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder of this test's own, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("elb-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn demo(folder: &Folder) -> Child {
    Command::new(env!("CARGO_BIN_EXE_elb"))
        .args(["demo", "--fast", "--out"])
        .arg(&folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn it_grows_shrinks_and_tells_of_strangers() {
    let folder = Folder::new("whole");
    let output = demo(&folder).wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "apache set replicas=2",
        "apache set replicas=6",
        "apache set replicas=1",
        "page http://127.0.0.1:",
        "NetFlow",
        "empty datagram",
        "no sFlow",
        "The chart is in",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    }
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        told.matches("NetFlow on the port").count(),
        1,
        "told once:\n{told}"
    );
    let chart = fs::read_to_string(folder.0.join("elb-demo.svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.contains("without"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_with_summary_and_chart() {
    let folder = Folder::new("interrupted");
    let mut child = demo(&folder);
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert!(first.contains("demo started"), "{first}");

    let interrupted = Instant::now();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(interrupted.elapsed() < Duration::from_secs(10));
    assert!(rest.contains("The chart is in"), "{rest}");
    assert!(folder.0.join("elb-demo.svg").exists());
}
