//! Blocked programs and captures with absurd times, for tests that programs end on request.

#![allow(dead_code, reason = "each program's tests use some of the functions")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; only reached by a program that hangs.
const TIMEOUT: Duration = Duration::from_secs(240);

/// A temporary folder, removed when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Creates a FIFO without a writer.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let status = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(status.success());
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A running program, killed when dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null());
        Self(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits until the program handles SIGTERM itself.
    pub(crate) fn wait_until_ready(&mut self) {
        const SIGTERM: u32 = 15;
        let path = format!("/proc/{}/status", self.0.id());
        let began = Instant::now();
        loop {
            let status = std::fs::read_to_string(&path).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
            if caught >> (SIGTERM - 1) & 1 == 1 {
                return;
            }
            assert!(
                self.0.try_wait().unwrap().is_none(),
                "the program has ended"
            );
            assert!(
                began.elapsed() < TIMEOUT,
                "the program does not handle SIGTERM"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let mut kill = Command::new("kill");
        let sent = kill.args([&format!("-{name}"), &pid]);
        assert!(sent.status().unwrap().success());
    }

    /// Waits until the program ends.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < TIMEOUT, "the program does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The standard error output, after the program has ended.
    pub(crate) fn complaints(&mut self) -> String {
        let mut text = String::new();
        let mut stderr = self.0.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A command with arguments.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// SIGTERM and SIGINT end a program that reads a FIFO without a writer.
pub(crate) fn ends_at_fifo_without_writer(program: &str, arguments: impl Fn(&str) -> Vec<String>) {
    let folder = Folder::new("fifo-without-writer");
    for signal in ["TERM", "INT"] {
        let path = folder.fifo(signal);
        let arguments = arguments(path.to_str().unwrap());
        let mut running =
            Running::start(Command::new(program).args(&arguments).stdout(Stdio::null()));
        running.wait_until_ready();
        running.signal(signal);
        running.wait();
        let complaints = running.complaints();
        assert!(!complaints.contains("panicked"), "{complaints}");
    }
}

/// SIGTERM ends a program that is blocked writing to a full pipe.
pub(crate) fn ends_at_stalled_output(program: &str, arguments: &[String]) {
    let mut running = Running::start(Command::new(program).args(arguments).stdout(Stdio::piped()));
    running.wait_until_ready();
    wait_until_blocked_in_write(&running);
    running.signal("TERM");
    running.wait();
}

/// Waits up to 3 s until the program is blocked writing to a pipe, where the kernel shows it.
fn wait_until_blocked_in_write(running: &Running) {
    let path = format!("/proc/{}/wchan", running.0.id());
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        let function = std::fs::read_to_string(&path).unwrap_or_default();
        if function.contains("pipe_write") {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    let mut running = Running(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut stdout = running.0.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let status = running.wait();
    Output {
        status,
        stdout: reader.join().unwrap().unwrap(),
        stderr: running.complaints().into_bytes(),
    }
}

/// A pcapng file with one datagram at each time, in seconds since 1970.
pub(crate) fn capture(seconds: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(body.len() + padding + 12).unwrap();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(body);
        bytes.extend(vec![0; padding]);
        bytes.extend(length.to_le_bytes());
    };
    let mut header = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    header.extend([1, 0, 0, 0]);
    header.extend(u64::MAX.to_le_bytes());
    block(0x0a0d_0d0a, &header);
    // Ethernet; times in microseconds.
    block(1, &[1, 0, 0, 0, 0, 0, 4, 0]);
    for (sequence, seconds) in (1..).zip(seconds) {
        let packet = packet(sequence);
        let micros = seconds * 1_000_000;
        let length = u32::try_from(packet.len()).unwrap();
        let mut body = 0_u32.to_le_bytes().to_vec();
        body.extend(u32::try_from(micros >> 32).unwrap().to_le_bytes());
        body.extend((micros as u32).to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(&packet);
        block(6, &body);
    }
    bytes
}

/// An sFlow datagram with a `host_cpu` record, in UDP, IPv4 and Ethernet.
fn packet(sequence: u32) -> Vec<u8> {
    let big_endian = |numbers: &[u32]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    };
    // Version, agent, sub-agent, sequence, uptime, one counters sample of host_cpu.
    let mut cpu = vec![0; 17];
    cpu[0] = 0x3f80_0000;
    cpu[5] = 4;
    let mut sflow = big_endian(&[5, 1, 0x0a00_0001, 0, sequence, 1_000 * sequence, 1]);
    sflow.extend(big_endian(&[
        2,
        12 + 8 + 68,
        sequence,
        2 << 24 | 1,
        1,
        2003,
        68,
    ]));
    sflow.extend(big_endian(&cpu));
    let udp = 8 + sflow.len();
    let mut packet = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    packet.extend([0x45, 0]);
    packet.extend(u16::try_from(20 + udp).unwrap().to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend([0x18, 0xc7, 0x18, 0xc7]);
    packet.extend(u16::try_from(udp).unwrap().to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(sflow);
    packet
}

/// Absurd times: a gap of years, steps to 2106 and back, 2^40 seconds, and 1970.
pub(crate) fn absurd_times() -> Vec<u64> {
    let now = 1_700_000_000;
    let mut times: Vec<u64> = (0..5).map(|number| now + number).collect();
    times.extend([now + 400_000_000, u64::from(u32::MAX), now + 400_000_001]);
    times.extend([1 << 40, now + 400_000_002, 1 << 40, 3, now, now + 1]);
    times
}

/// A capture with absurd times.
pub(crate) fn absurd_capture(folder: &Folder) -> PathBuf {
    folder.file("absurd.pcapng", &capture(&absurd_times()))
}

/// Writes the start of a file to a FIFO, and keeps the FIFO open until the result is dropped.
pub(crate) fn stalled_writer(fifo: &Path, bytes: &[u8]) -> std::thread::JoinHandle<std::fs::File> {
    let (fifo, bytes) = (fifo.to_owned(), bytes.to_vec());
    std::thread::spawn(move || {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().write(true).open(fifo).unwrap();
        file.write_all(&bytes).unwrap();
        file
    })
}
