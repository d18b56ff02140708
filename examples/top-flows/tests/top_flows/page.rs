//! The page as served, and as rendered by a browser. Skipped without Chromium.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::recording::{Recording, swarm};
use crate::{NAMED, PROGRAM, TIMEOUT, text};

const CHROMIUM: &str = "/usr/bin/chromium";
const HOSTILE: &str = "</style></script><script>document.title='owned'</script><img src=x onerror=\
                       \"document.title='owned'\">\u{202e}\u{1b}]0;owned\u{7}";

/// The program, serving a page.
struct Site {
    child: Child,
    address: String,
}

impl Site {
    /// Plays a capture immediately and waits for its end.
    fn of(capture: &str, more: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args([capture, "--speed", "1000000", "--smooth", "off"])
            .args(["--web", "127.0.0.1:0", "--no-terminal"])
            .args(more)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stderr = child.stderr.take().unwrap();
        BufReader::new(stderr).read_line(&mut line).unwrap();
        let (_, rest) = line
            .split_once("http://")
            .unwrap_or_else(|| panic!("{line}"));
        let (address, _) = rest.split_once('/').unwrap();
        let site = Self {
            address: address.to_owned(),
            child,
        };
        let begin = Instant::now();
        while site.json("/api/flows")["stream"]["has_ended"] != true {
            assert!(begin.elapsed() < TIMEOUT);
            thread::sleep(Duration::from_millis(50));
        }
        site
    }

    /// The head and body of a response.
    fn ask(&self, path: &str, host: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head ends");
        (head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask(path, &self.address)
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).1).expect("JSON")
    }

    /// The document that a browser renders and its log; `None` without a browser.
    fn browse(&self, path: &str, size: &str) -> Option<(String, String)> {
        if !Path::new(CHROMIUM).exists() {
            eprintln!("skipped: {CHROMIUM} is not installed (Debian package chromium)");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new(CHROMIUM)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args([
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--enable-logging=stderr",
            ])
            .args([
                "--virtual-time-budget=5000",
                "--timeout=120000",
                "--dump-dom",
            ])
            .arg(format!("--window-size={size}"))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("http://{}{path}", self.address))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Some((text(&output.stdout), text(&output.stderr)))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn page_is_complete_without_scripts() {
    let site = Site::of(NAMED, &[]);
    let (head, page) = site.get("/");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    for part in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    for part in [
        "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>",
        "as of <time>2026-11-30T04:00:34.549Z</time>",
        "<bdi>apache.3.tl5ovgpxv3qz4g2nyz66ukep7</bdi>",
        "<td class=\"number\" title=\"± 197M\">532M</td><td class=\"number\">23.7 %</td>",
        "(other)",
        "2.24G",
        "<polygon class=\"s0\"",
        "filter=end.src%3Dapache.3.tl5ovgpxv3qz4g2nyz66ukep7",
        "<summary>Drops</summary>",
        "<option value=\"end.src,end.dst,ip.protocol,ip.src\" label=\"now ",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, held) = site.get("/?still=1");
    assert!(!held.contains("http-equiv"), "{held}");
    // A selected value is a condition that can be removed.
    let (_, inside) = site.get("/?keys=ip.src&value=frames&filter=ip.dst%3D10.99.0.254&top=1");
    assert!(
        inside.contains("<bdi>ip.dst=10.99.0.254</bdi> ✕"),
        "{inside}"
    );
    assert!(inside.contains("packets"), "{inside}");
    // The script requests a part of the page.
    let (_, live) = site.get("/?&part=live");
    assert!(
        live.starts_with("<main id=\"live\">") && live.ends_with("</main>\n"),
        "{live}"
    );
    assert!(page.contains(&live) && !live.contains("datalist"), "{live}");
    let (head, other) = site.get("/nothing");
    assert!(
        head.starts_with("HTTP/1.1 404") && other.contains("/api/flows"),
        "{head}"
    );
}

#[test]
fn error_is_shown_at_its_field() {
    let site = Site::of(NAMED, &[]);
    let (head, page) = site.get("/?keys=ip.src,ip.dts&value=bits&filter=");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let expected =
        "<code>ip.src,<mark>ip.dts</mark></code> unknown key `ip.dts`; did you mean `ip.dst`?";
    assert!(page.contains(expected), "{page}");
    assert!(
        page.contains("value=\"ip.src,ip.dts\""),
        "what was typed stays: {page}"
    );
    let answer = site.json("/api/flows?keys=&filter=vlan%3Dx");
    assert_eq!(
        (&answer["field"], &answer["position"]),
        (&"filter".into(), &5.into())
    );
    for path in [
        "/?top=1&top=2",
        "/api/complete?field=nothing",
        "/api/complete",
    ] {
        let (head, _) = site.get(path);
        assert!(head.starts_with("HTTP/1.1 400"), "{path}: {head}");
    }
}

#[test]
fn page_and_document_agree() {
    let site = Site::of(NAMED, &[]);
    let page = site.json("/api/flows?keys=ip.src,ip.dst&value=bytes&top=3");
    let arguments = [
        "--once",
        "--json",
        NAMED,
        "--keys",
        "ip.src,ip.dst",
        "--top",
        "3",
    ];
    let once: Value = serde_json::from_slice(&crate::run(&arguments).stdout).unwrap();
    for part in ["rows", "other", "total", "as_of", "unit"] {
        assert_eq!(page[part], once[part], "{part}");
    }
    let history = page["history"].as_array().unwrap();
    assert_eq!(history.len(), 94);
    let last = history.last().unwrap();
    assert_eq!(last["total"], page["total"], "the sum grows until the end");
    let offered = site.json("/api/complete?field=filter&text=ip.protocol%3D");
    assert_eq!(offered[0]["text"], "ip.protocol=tcp");
}

#[test]
fn matrix_links_to_flows() {
    let folder = tempfile::tempdir().unwrap();
    let path = swarm().save(&folder);
    let site = Site::of(path.to_str().unwrap(), &[]);
    let (_, page) = site.get("/?view=matrix");
    for part in [
        "<th scope=\"col\"><bdi>front</bdi></th>",
        "<th scope=\"row\"><bdi>(outside)</bdi></th>",
        "<td class=\"heat h8\">",
        "filter=service.src%21%3D%2A%26service.dst%3Dfront",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let inside =
        "/api/flows?keys=end.src&value=bytes&filter=service.src%21%3D%2A%26service.dst%3Dfront";
    let inside = site.json(inside);
    assert_eq!(inside["rows"][0]["keys"]["end.src"], "10.0.0.9");
    assert_eq!(inside["total"], 4e6);
    let matrix = site.json("/api/matrix?value=frames&keys=");
    assert_eq!(matrix["cells"][0][1], 3000.0);
}

#[test]
fn foreign_host_names_are_rejected() {
    let site = Site::of(NAMED, &[]);
    let (head, _) = site.ask("/", "evil.example:8008");
    assert!(head.starts_with("HTTP/1.1 421"), "{head}");
    for host in ["localhost", "localhost:8008", "127.0.0.1:1", "[::1]:8008"] {
        let (head, _) = site.ask("/script.js", host);
        assert!(head.starts_with("HTTP/1.1 200"), "{host}: {head}");
    }
}

#[test]
fn questions_of_remote_clients_are_limited() {
    let site = Site::of(NAMED, &[]);
    let answers = (0..40).map(|port| {
        let (head, _) = site.get(&format!("/api/flows?keys=ip.src&filter=port.dst%3D{port}"));
        head.split(' ').nth(1).unwrap().to_owned()
    });
    let answers: Vec<_> = answers.collect();
    assert!(answers.iter().any(|code| code == "503"), "{answers:?}");
    let (head, _) = site.get("/api/presets");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[test]
fn page_refreshes_in_browser() {
    let site = Site::of(NAMED, &[]);
    let Some((dom, log)) = site.browse("/", "1280,900") else {
        return;
    };
    for part in [
        "<body class=\"live\">",
        "apache.3.tl5ovgpxv3qz4g2nyz66ukep7",
        "<svg",
        "2.24G",
    ] {
        assert!(dom.contains(part), "{part}: {dom}\n{log}");
    }
    for refusal in ["Content Security Policy", "Uncaught"] {
        assert!(!log.contains(refusal), "{log}");
    }
}

#[test]
fn markup_in_names_is_not_executed() {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = Recording::new();
    recording.container(1, &format!("{HOSTILE}.1.rsm0h0ay4dbn6zbusp3ta9pf7"));
    recording.traffic(1, 9, 3);
    recording.request(HOSTILE);
    let path = recording.save(&folder);
    let site = Site::of(path.to_str().unwrap(), &["--keys", "service.src,url"]);
    for page in [
        "/",
        "/?view=matrix",
        "/?keys=%3Cscript%3E&value=%22%27&filter=%3Cimg%20src=x%3E",
    ] {
        let (_, source) = site.get(page);
        assert_eq!(
            source.matches("<script").count(),
            1,
            "only our own: {source}"
        );
        assert!(!source.contains("<img"), "{source}");
        let Some((dom, log)) = site.browse(page, "390,800") else {
            return;
        };
        assert!(dom.contains("<body class=\"live\">"), "{dom}\n{log}");
        assert!(dom.contains("<title>Top flows"), "{dom}");
        assert!(!dom.contains("<img"), "{dom}");
        assert_eq!(dom.matches("<script").count(), 1, "{dom}");
    }
}
