use super::say;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// Health check for containers: a minimal image contains no `curl`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address of the page.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8008")]
    address: SocketAddr,

    /// Check readiness (/readyz) instead of liveness (/healthz).
    #[arg(long)]
    ready: bool,
}

/// Timeout of each step.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Maximum size of the response, in bytes.
const ANSWER: u64 = 16 * 1024;

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (address, path) = (
            self.address,
            if self.ready { "/readyz" } else { "/healthz" },
        );
        let answer = ask(address, path).with_context(|| format!("http://{address}{path}"))?;
        let (status, text) = read(&answer).context("invalid HTTP response")?;
        for line in text.lines() {
            say!("{}", untrusted::printable(line))?;
        }
        if status != 200 {
            bail!("status {status}");
        }
        Ok(())
    }
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // With HTTP/1.0 the response ends when the connection is closed.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Status and body of a response.
fn read(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some((status.parse().ok()?, body))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn answers() {
        for (answer, expected) in [
            ("HTTP/1.0 200 OK\r\nA: b\r\n\r\nok\n", Some((200, "ok\n"))),
            ("HTTP/1.1 503 No\r\n\r\n", Some((503, ""))),
            ("HTTP/1.1 200 OK\r\n", None),
            ("SSH-2.0-x\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(read(answer), expected, "{answer:?}");
        }
    }
}
