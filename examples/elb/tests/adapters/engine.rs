//! A mock engine that returns scripted answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use elb::docker::{Docker, Settings};
use elb::orchestrator::{Orchestrator as _, Rollout, Scaling, Service, ServiceId};

/// Time of scripted answers by the engine's clock.
pub(crate) const DATE: &str = "Mon, 23 Nov 2026 04:05:00 GMT";

/// Reaction of a scripted engine to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Returns a status and a body.
    Answer(u16, String),
    /// Reads the request and never answers.
    Silence,
    /// Reads the request and closes the connection.
    HangUp,
    /// Sends these bytes and closes the connection.
    Raw(String),
    /// Reads the request and replies after this time.
    Late(Duration, Box<Reply>),
    /// Returns a body in parts of this size.
    Parts(String, usize),
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::Answer(200, body.to_string())
    }

    /// A refusal in the engine's format.
    pub(crate) fn refusal(status: u16, message: &str) -> Self {
        Self::Answer(status, json!({ "message": message }).to_string())
    }
}

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// `GET /path?query`.
    pub(crate) line: String,
    /// Headers in lower case.
    pub(crate) headers: String,
    /// Body.
    pub(crate) body: String,
}

/// An engine that returns the replies in order, one per connection, and then closes its socket.
#[derive(Debug)]
pub(crate) struct Script {
    /// Its endpoint.
    pub(crate) endpoint: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Script {
    /// Listens on a TCP port of this machine.
    pub(crate) async fn tcp(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let received = Arc::default();
        let log = Arc::clone(&received);
        tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, reply, &log).await;
            }
        });
        Self { endpoint, received }
    }

    /// Listens on a Unix socket.
    #[cfg(unix)]
    pub(crate) async fn unix(path: &std::path::Path, replies: Vec<Reply>) -> Self {
        let listener = tokio::net::UnixListener::bind(path).unwrap();
        let received = Arc::default();
        let log = Arc::clone(&received);
        tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, reply, &log).await;
            }
        });
        Self {
            endpoint: format!("unix://{}", path.display()),
            received,
        }
    }

    /// Received requests in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Request lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.received()
            .into_iter()
            .map(|received| received.line)
            .collect()
    }
}

/// A client of these engines with a short time limit.
pub(crate) fn docker(engines: &[&Script]) -> Docker {
    docker_within(engines, Duration::from_millis(300))
}

pub(crate) fn docker_within(engines: &[&Script], timeout: Duration) -> Docker {
    let endpoints = engines
        .iter()
        .map(|engine| engine.endpoint.clone())
        .collect();
    Docker::connect(&Settings {
        endpoints,
        timeout,
        ..Settings::default()
    })
    .unwrap()
}

/// The services, with tasks, that a client reads from an engine with these lists.
pub(crate) async fn read(services: &Value, tasks: &Value) -> Vec<Service> {
    let nodes = json!([{ "ID": "n1", "Description": { "Hostname": "node1" } }]);
    let engine = Script::tcp([services, &nodes, tasks].map(Reply::json).into()).await;
    let names = services.as_array().unwrap().iter();
    let names = names.map(|service| service["Spec"]["Name"].as_str().unwrap().to_owned());
    let names: Vec<String> = names.collect();
    docker_within(&[&engine], Duration::from_secs(60))
        .services(&names)
        .await
        .unwrap()
}

/// A task of the lists of an engine.
pub(crate) fn task(id: &str, service: &str, slot: u32, state: &str) -> Value {
    json!({
        "ID": id, "ServiceID": service, "Slot": slot, "NodeID": "n2",
        "Status": { "Timestamp": "2026-11-23T04:04:00.5Z", "State": state },
    })
}

/// Answer for a service with all fields set.
pub(crate) fn every_field(name: &str, replicas: u32) -> Value {
    let mut spec: Value = serde_json::from_str(include_str!("every-field.json")).unwrap();
    spec["Name"] = name.into();
    spec["Mode"]["Replicated"]["Replicas"] = replicas.into();
    json!({ "ID": format!("id-{name}"), "Version": { "Index": 17 }, "Spec": spec })
}

/// The same service as previously read.
pub(crate) fn service(name: &str, scaling: Scaling) -> Service {
    Service {
        id: ServiceId(format!("id-{name}")),
        name: name.to_owned(),
        scaling,
        version: 17,
        rollout: Rollout::Settled,
        labels: BTreeMap::new(),
        cpu_limit: None,
        tasks: Vec::new(),
    }
}

/// A service of one replica.
pub(crate) fn apache() -> Service {
    service("apache", Scaling::Replicated { replicas: 1 })
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn serve<S>(mut stream: S, reply: Reply, log: &Mutex<Vec<Received>>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let received = receive(&mut stream).await;
    log.lock().unwrap().push(received);
    let reply = match reply {
        Reply::Late(delay, reply) => {
            tokio::time::sleep(delay).await;
            *reply
        }
        reply => reply,
    };
    let bytes = match reply {
        Reply::Answer(status, body) => format!(
            "HTTP/1.1 {status} Scripted\r\nDate: {DATE}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        Reply::Raw(bytes) => bytes,
        Reply::Parts(body, size) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            for part in body.as_bytes().chunks(size) {
                // The client may close the connection early.
                if stream.write_all(part).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            String::new()
        }
        Reply::HangUp | Reply::Late(..) => return,
        Reply::Silence => {
            // Kept open until the client closes the connection, while others are served.
            tokio::spawn(async move { stream.read_u8().await.ok() });
            return;
        }
    };
    stream.write_all(bytes.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> Received {
    let mut bytes = Vec::new();
    let end = loop {
        bytes.push(stream.read_u8().await.unwrap());
        if bytes.ends_with(b"\r\n\r\n") {
            break bytes.len();
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let headers = headers.to_lowercase();
    let length = headers
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    Received {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    }
}
