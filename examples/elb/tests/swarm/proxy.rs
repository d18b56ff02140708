use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

/// A request that changes something.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) begun: Instant,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// 0 until the engine answers.
    pub(crate) status: u16,
}

impl Write {
    pub(crate) const fn is_accepted(&self) -> bool {
        matches!(self.status, 200 | 201)
    }
}

/// A TCP proxy before the engine of a node, which records each `POST`.
pub(crate) struct Proxy {
    address: SocketAddr,
    writes: Arc<Mutex<Vec<Write>>>,
}

impl Proxy {
    /// Its thread ends with the test program.
    pub(crate) fn start(engine: PathBuf) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let writes = Arc::default();
        let shared = Arc::clone(&writes);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (engine, writes) = (engine.clone(), Arc::clone(&shared));
                // A client that ends early is not a failure of the proxy.
                thread::spawn(move || forward(client, &engine, &writes).ok());
            }
        });
        Self { address, writes }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("\"tcp://{}\"", self.address)
    }

    pub(crate) fn writes(&self) -> Vec<Write> {
        self.writes.lock().unwrap().clone()
    }
}

/// Forwards one request, as elb sends one for each connection, and its answer.
fn forward(client: TcpStream, engine: &Path, writes: &Mutex<Vec<Write>>) -> io::Result<()> {
    let begun = Instant::now();
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let start = head.len();
        reader.read_line(&mut head)?;
        let line = head[start..].trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mut words = head.split(' ');
    let is_write = words.next() == Some("POST");
    let path = words.next().unwrap_or_default().to_owned();
    let place = is_write.then(|| {
        let mut writes = writes.lock().unwrap();
        writes.push(Write {
            begun,
            path,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            status: 0,
        });
        writes.len() - 1
    });

    let mut engine = UnixStream::connect(engine)?;
    engine.write_all(head.as_bytes())?;
    engine.write_all(&body)?;
    // The engine notices when the client closes the connection.
    let closed = engine.try_clone()?;
    thread::spawn(move || {
        io::copy(&mut reader, &mut io::sink()).ok();
        closed.shutdown(Shutdown::Both).ok();
    });
    let mut answer = BufReader::new(engine);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    if let Some(place) = place {
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        writes.lock().unwrap()[place].status = status.unwrap_or(0);
    }
    let mut client = client;
    client.write_all(line.as_bytes())?;
    io::copy(&mut answer, &mut client)?;
    client.shutdown(Shutdown::Both)
}
