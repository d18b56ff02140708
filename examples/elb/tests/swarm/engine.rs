use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Timeout of a request, longer than managers need to elect a leader.
const TIMEOUT: Duration = Duration::from_secs(25);

/// A client of an engine that does not use the code under test.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    socket: PathBuf,
}

impl Engine {
    pub(crate) const fn at(socket: PathBuf) -> Self {
        Self { socket }
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<(u16, Value)> {
        let stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let (status, answer) = exchange(stream, method, path, "docker", &body)?;
        Ok((status, serde_json::from_str(&answer).unwrap_or_default()))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.request("GET", path, None).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Lists objects with filters.
    pub(crate) fn list(&self, path: &str, filters: &Value) -> Vec<Value> {
        let filters = encoded(&filters.to_string());
        match self.get(&format!("{path}?filters={filters}")) {
            Value::Array(list) => list,
            other => panic!("{path}: {other}"),
        }
    }
}

/// Sends a request to the HTTP server of `elb run`.
pub(crate) fn ask(server: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    exchange(stream, "GET", path, &server.to_string(), "")
}

/// Sends one HTTP/1.0 request, after which the server closes the connection.
fn exchange(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    host: &str,
    body: &str,
) -> io::Result<(u16, String)> {
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}

/// Percent-encodes a text for a query.
pub(crate) fn encoded(text: &str) -> String {
    let letters = text.bytes().map(|byte| match byte {
        letter if letter.is_ascii_alphanumeric() => char::from(letter).to_string(),
        other => format!("%{other:02X}"),
    });
    letters.collect()
}
