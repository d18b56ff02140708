//! Waiting, addresses and servers for tests that must not depend on the load of the machine.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{self, Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any wait takes on a busy machine; every wait ends as soon as its condition holds.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(90);

const POLL: Duration = Duration::from_millis(20);

/// Waits in real time until a condition holds.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + MAX_WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(POLL);
    }
}

/// Waits in real time until a condition holds, and lets other tasks run. A paused clock of the
/// runtime does not advance meanwhile.
pub(crate) async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + MAX_WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        // The runtime does not advance a paused clock while a blocking task runs.
        let pause = tokio::task::spawn_blocking(|| thread::sleep(POLL));
        pause.await.unwrap();
    }
}

/// Waits in real time until a process has ended; kills it and fails if it does not end.
pub(crate) fn wait_for_end(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + MAX_WAIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().ok();
            panic!("the process does not end");
        }
        thread::sleep(POLL);
    }
}

/// Sends a signal to a process, as in `-INT`.
pub(crate) fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let status = Command::new("kill").args([signal, &id]).status();
    assert!(status.unwrap().success());
}

/// A UDP and TCP address that stays unused until a test binds it. A port that was bound and closed
/// again does not: the kernel may assign it to another process. On Linux each process uses its own
/// loopback addresses, and ports outside the kernel's ephemeral range.
pub(crate) fn unused_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    if !cfg!(target_os = "linux") {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        return socket.local_addr().unwrap();
    }
    let [_, high, middle, low] = process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, high | 0x80, middle, low);
    loop {
        let address = SocketAddr::from((own, NEXT.fetch_add(1, Ordering::Relaxed)));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// An HTTP server for hooks. Each response ends its connection.
pub(crate) struct HookServer {
    /// Host and port.
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HookServer {
    /// Starts a server that sends these responses in turn, and repeats the last one. For an empty
    /// response, the server sends nothing and waits until the client closes the connection.
    pub(crate) fn start(answers: Vec<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        thread::spawn(move || {
            for (place, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let request = read_order(&mut stream);
                received.lock().unwrap().push(request);
                let answer = answers[place.min(answers.len() - 1)];
                if answer.is_empty() {
                    while let Ok(1..) = stream.read(&mut [0; 1024]) {}
                }
                stream.write_all(answer.as_bytes()).ok();
            }
        });
        Self { address, requests }
    }

    /// The requests received so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request whose body is a JSON object, up to the end of the object.
fn read_order(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.ends_with(b"}") {
        match stream.read(&mut piece) {
            Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
            _ => break,
        }
    }
    String::from_utf8(request).unwrap()
}
