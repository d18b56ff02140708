use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use sflow_metrics::Timestamp;

use super::*;
use crate::config::Config;
use crate::handle::Requests;
use crate::shared::Shared;
use crate::status::LoopStatus;
use crate::view::{DecisionView, Point, ServiceView, SignalView};

struct Page {
    address: SocketAddr,
    shown: Shared<Snapshot>,
    requests: Requests,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Page {
    async fn open(snapshot: Snapshot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let status = Shared::new(LoopStatus::new(Timestamp::ZERO));
        let (handle, requests) = Handle::new(Shared::default(), status, Config::article());
        let shown = Shared::new(snapshot);
        let show = shown.clone();
        let site = Site {
            show: Arc::new(move |_| show.lock().clone()),
            ..Site::new(handle)
        };
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(serve(listener, site, shutdown));
        Self {
            address,
            shown,
            requests,
            stop,
            server,
        }
    }

    /// Status line with headers, and body.
    async fn ask(&self, method: &str, path: &str) -> (String, String) {
        self.ask_with(method, path, "").await
    }

    async fn ask_with(&self, method: &str, path: &str, header: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.expect("listening");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("UTF-8");
        let (header, body) = answer.split_once("\r\n\r\n").expect("a header ends");
        (header.to_owned(), body.to_owned())
    }

    async fn get(&self, path: &str) -> (String, String) {
        self.ask("GET", path).await
    }
}

fn snapshot(name: &str) -> Snapshot {
    Snapshot {
        title: "demo".to_owned(),
        elapsed: 130.0,
        speed: 10.0,
        load: Some("simulated load: 750 kB/s".to_owned()),
        services: vec![ServiceView {
            name: name.to_owned(),
            mode: "act".to_owned(),
            wanted: Some(3),
            running: Some(2),
            seen: Some(2),
            recommended: Some(2),
            bounds: (1, 10),
            signals: vec![SignalView {
                metric: "vir_bytes_in".to_owned(),
                unit: "B/s".to_owned(),
                value: Some(250_000.0),
                upper: 100_000.0,
                lower: 50_000.0,
                contributing: 1,
                matched: 2,
                ..SignalView::default()
            }],
            past: vec![Point {
                at: 128.0,
                load: Some(250_000.0),
                wanted: 3,
                running: 2,
                ..Point::default()
            }],
        }],
        decisions: vec![DecisionView {
            kind: SubjectKind::Service,
            at: 128.0,
            service: name.to_owned(),
            from: 2,
            to: 3,
            reasons: vec![format!("{name} is above 100 kB/s")],
            ..DecisionView::default()
        }],
        ..Snapshot::default()
    }
}

#[tokio::test]
async fn metrics_escape_names() {
    let mut hostile = snapshot("web\"} 1\n\\\u{1b}[2J");
    hostile.intake.datagrams = 7;
    hostile.intake.refused.insert("not sFlow".to_owned(), 3);
    let page = Page::open(hostile).await;
    let (header, body) = page.get("/metrics").await;
    assert!(
        header.contains("application/openmetrics-text; version=1.0.0"),
        "{header}"
    );
    let name = r#"service="web\"} 1\u{fffd}\\\u{fffd}[2J""#.replace("\\u{fffd}", "\u{fffd}");
    for expected in [
        "elb_datagrams_total{} 7\n".to_owned(),
        "elb_refused_total{cause=\"not sFlow\"} 3\n".to_owned(),
        format!("elb_replicas_wanted{{{name}}} 3.0\n"),
        format!("elb_mode{{{name},mode=\"act\"}} 1.0\n"),
        format!("elb_signal{{{name},metric=\"vir_bytes_in\",unit=\"B/s\"}} 250000.0\n"),
    ] {
        assert!(body.contains(&expected), "{expected}: {body}");
    }
    assert!(body.ends_with("# EOF\n"), "{body}");
}

#[tokio::test]
async fn metrics_have_the_format_that_the_client_accepts() {
    let mut counted = snapshot("web");
    counted.intake.datagrams = 7;
    let page = Page::open(counted).await;
    let (header, body) = page
        .ask_with("GET", "/metrics", "Accept: text/plain;version=0.0.4\r\n")
        .await;
    assert!(
        header.contains("content-type: text/plain; version=0.0.4"),
        "{header}"
    );
    assert!(header.contains("vary: accept"), "{header}");
    assert!(
        body.contains(" counter\nelb_datagrams_total{} 7\n"),
        "{body}"
    );
    assert!(body.contains("# TYPE elb_datagrams_total counter\n"));
    assert!(body.contains("# HELP elb_datagrams_total "));
    assert!(body.contains("# TYPE elb_replicas_wanted gauge\n"));
    assert!(!body.contains("# EOF"));
}

#[tokio::test]
async fn the_page_shows_the_newest_snapshot() {
    let page = Page::open(Snapshot::default()).await;
    let (header, body) = page.get("/").await;
    assert!(header.starts_with("HTTP/1.1 200"), "{header}");
    assert!(body.contains("Waiting for the first round"), "{body}");

    let mut newer = snapshot("apache");
    newer
        .intake
        .refused
        .insert("not sFlow version 5".to_owned(), 1234);
    newer.troubles = vec!["service <nginx> does not exist".to_owned()];
    *page.shown.lock() = newer;
    let (header, body) = page.get("/").await;
    for expected in [
        "content-security-policy: default-src 'none'",
        "cache-control: no-store",
    ] {
        assert!(header.contains(expected), "{header}");
    }
    for expected in [
        "running for 2:10",
        "10 × real time",
        "simulated load: 750 kB/s",
        "<dt>running</dt><dd>2</dd>",
        "250 kB/s",
        "50–100 kB/s",
        "1 of 2 reporting",
        "<time>2:08</time> <b>2 → 3</b>",
        "apache is above 100 kB/s",
        "not sFlow version 5</bdi></td><td class=\"number\">1,234",
        "<svg role=\"img\"",
        "<h2>Current problems</h2>",
        "service &#60;nginx&#62; does not exist",
        "No data from any agent.",
    ] {
        assert!(body.contains(expected), "no {expected:?} in {body}");
    }
}

#[tokio::test]
async fn untrusted_names_are_escaped() {
    let name = "</style></svg><script>alert('1')</script><img src=x>\"&\u{1b}]0;\u{202e}";
    let mut hostile = snapshot(name);
    hostile.title = name.to_owned();
    hostile.load = Some(name.to_owned());
    hostile.services[0].mode = name.to_owned();
    hostile.services[0].signals[0].metric = name.to_owned();
    hostile.services[0].signals[0].unit = name.to_owned();
    hostile.intake.refused.insert(name.to_owned(), 1);
    let page = Page::open(hostile).await;
    let (_, body) = page.get("/").await;
    assert!(body.contains("&#60;script&#62;"), "{body}");
    let own = "<script src=\"/script.js\"></script>";
    assert_eq!(body.matches(own).count(), 1);
    let body = body.replace(own, "");
    for harm in ["<script", "<img", "</style></svg>", "\u{1b}", "\u{202e}"] {
        assert!(!body.contains(harm), "{harm:?} in {body}");
    }
    assert_eq!(body.matches("</style>").count(), 1);
}

#[tokio::test]
async fn unprintable_characters_are_escaped_in_every_response() {
    let name = "a\u{202e}b\u{2069}\u{200f}\u{61c}\u{200b}\u{9b}\u{7f}\u{1b}\u{2028}\u{e0041}";
    let page = Page::open(snapshot(name)).await;
    for path in [
        "/",
        "/metrics",
        "/api/v1/snapshot",
        "/api/v1/nothing/\u{202e}",
    ] {
        let (_, body) = page.get(&path.replace('\u{202e}', "%E2%80%AE")).await;
        let bad = body
            .chars()
            .find(|c| untrusted::is_unprintable(*c) && *c != '\n');
        assert_eq!(bad, None, "{path}: {body}");
    }
    let (_, body) = page.get("/api/v1/snapshot").await;
    let value: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value["services"][0]["name"], name);
    assert!(body.contains("\\u202e"), "{body}");
}

#[tokio::test]
async fn a_chart_is_found_by_any_name() {
    let page = Page::open(snapshot("a/b c?")).await;
    let (_, body) = page.get("/").await;
    assert!(body.contains("href=\"/chart/a%2Fb%20c%3F.svg\""), "{body}");
    let (header, body) = page.get("/chart/a%2Fb%20c%3F.svg").await;
    assert!(header.contains("content-type: image/svg+xml"), "{header}");
    assert!(
        body.starts_with("<svg ") && body.ends_with("</svg>\n"),
        "{body}"
    );
    let (header, body) = page.get("/chart/nginx.svg").await;
    assert!(header.starts_with("HTTP/1.1 404"), "{header}");
    assert!(body.contains("Unknown chart nginx.svg"), "{body}");
}

#[tokio::test]
async fn the_same_is_there_as_data() {
    let page = Page::open(snapshot("apache")).await;
    let (header, body) = page.get("/api/v1/snapshot").await;
    assert!(
        header.contains("content-type: application/json"),
        "{header}"
    );
    let value: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value["services"][0]["signals"][0]["value"], 250_000.0);
    assert_eq!(value["decisions"][0]["to"], 3);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() {
    let page = Page::open(snapshot("apache")).await;
    let (header, body) = page.get("/elsewhere").await;
    assert!(header.starts_with("HTTP/1.1 404") && body.contains("Unknown path /elsewhere"));
    for path in ["/", "/api/v1/snapshot", "/healthz"] {
        for method in ["POST", "PUT", "DELETE"] {
            let (header, _) = page.ask(method, path).await;
            assert!(
                header.starts_with("HTTP/1.1 405"),
                "{method} {path}: {header}"
            );
        }
    }
}

#[tokio::test]
async fn health_ends_with_the_loop() {
    let mut page = Page::open(snapshot("apache")).await;
    assert!(page.get("/healthz").await.0.starts_with("HTTP/1.1 200"));
    let status = Shared::new(LoopStatus::new(Timestamp::ZERO));
    let (_, requests) = Handle::new(Shared::default(), status, Config::article());
    drop(std::mem::replace(&mut page.requests, requests));
    assert!(page.get("/healthz").await.0.starts_with("HTTP/1.1 503"));
}

/// Uses the virtual clock.
#[tokio::test(start_paused = true)]
async fn a_silent_client_does_not_hold_up_the_end() {
    let page = Page::open(snapshot("apache")).await;
    let mut silent = TcpStream::connect(page.address).await.expect("listening");
    silent.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
    assert!(page.get("/healthz").await.0.starts_with("HTTP/1.1 200"));
    page.stop.send(()).expect("the server listens for its end");
    let ended = tokio::time::timeout(Duration::from_secs(5), page.server).await;
    ended
        .expect("in time")
        .expect("no panic")
        .expect("no error");
}
