//! The page in a browser, as Debian ships it: with scripts and without, with hostile names, on a
//! telephone. Skipped where there is no Chromium.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use elb::balancer::Balancer;
use elb::config::Config;
use elb::handle::{Handle, Requests};
use elb::policy::Mode;
use elb::simulator::{Scenario, Simulation};
use elb::web::{self, Site};
use sflow_metrics::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CHROMIUM: &str = "/usr/bin/chromium";
const START: Timestamp = Timestamp::from_secs(1_767_225_600);
const HOSTILE: &str = "</style></script><script>document.title='owned'</script><img src=x onerror=\
                       \"document.title='owned'\">\u{202e}\u{1b}]0;owned\u{7}";

/// A loop that has run for a while, with its page on loopback.
async fn page(name: &str) -> (SocketAddr, Requests) {
    let mut scenario = Scenario::named("article").unwrap();
    name.clone_into(&mut scenario.services[0].name);
    let mut config = Config::article();
    let mut service = config.services[0].clone();
    name.clone_into(&mut service.name);
    service.settings.mode = Mode::Act;
    config.services = vec![service];
    let simulation = Simulation::new(&scenario, 1, START).unwrap();
    let mut balancer = Balancer::new(START, simulation, config.control, &config.services).unwrap();
    let mut now = START;
    for _ in 0..40 {
        now = now + Duration::from_secs(2);
        let mut arrived = Vec::new();
        balancer.orchestrator_mut().advance(now, |sent| {
            arrived.push((sent.at, sent.source, sent.bytes.to_vec()));
        });
        for (at, source, bytes) in arrived {
            balancer.receive(at, (source, 6343).into(), &bytes);
        }
        balancer.round(now).await;
    }
    let (telemetry, board) = (balancer.telemetry().clone(), balancer.board().clone());
    let (handle, requests) = Handle::new(telemetry, board, config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(web::serve(
        listener,
        Site::new(handle),
        std::future::pending(),
    ));
    (address, requests)
}

/// What a browser makes of the page, and what it said about it; `None` where there is none.
async fn browse(address: SocketAddr, more: &[&str]) -> Option<(String, String)> {
    if !Path::new(CHROMIUM).exists() {
        eprintln!("skipped: there is no {CHROMIUM}; on Debian, install the package chromium");
        return None;
    }
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(CHROMIUM);
    command
        .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
        .args([
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--enable-logging=stderr",
        ])
        .args([
            "--virtual-time-budget=5000",
            "--timeout=20000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(more)
        .arg(format!("http://{address}/"))
        .stdin(Stdio::null());
    // The page is served by this test while the browser reads it.
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let output = output.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((text(&output.stdout), text(&output.stderr)))
}

#[tokio::test]
async fn the_page_lives_in_a_browser() {
    let (address, _requests) = page("apache").await;
    let Some((dom, log)) = browse(address, &["--window-size=1280,900"]).await else {
        return;
    };
    assert!(
        dom.contains("<body class=\"live\">"),
        "the script ran: {dom}\n{log}"
    );
    for part in [
        "apache",
        "data-mode=\"advise\"",
        "aria-pressed=\"true\"",
        "<svg",
    ] {
        assert!(dom.contains(part), "{part}: {dom}");
    }
    for refusal in ["Content Security Policy", "Uncaught"] {
        assert!(!log.contains(refusal), "{log}");
    }
}

#[tokio::test]
async fn the_page_is_read_without_scripts() {
    let (address, _requests) = page("apache").await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    // All that it says is in it; the browser loads it anew by itself.
    for part in [
        "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>",
        "apache",
        "<h3>Decisions</h3><ol>",
        "<svg role=\"img\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn hostile_names_run_nothing_in_a_browser() {
    let (address, _requests) = page(HOSTILE).await;
    let Some((dom, log)) = browse(address, &["--window-size=390,800"]).await else {
        return;
    };
    assert!(dom.contains("<body class=\"live\">"), "{dom}\n{log}");
    assert!(!dom.contains("<title>owned"), "{dom}");
    assert!(!dom.contains("<img"), "{dom}");
    assert_eq!(dom.matches("<script").count(), 1, "only our own: {dom}");
}
