//! Hooks that add and remove machines, including ones that hang, fail or answer falsely.

#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificates::{Authority, acceptor};

use elb::hooks::{Call, HookSettings};
use elb::leader::LeaderPermit;
use sflow_autoscale::node_pools::{Action, Order, Promise};
use support::{HookServer, MAX_WAIT, wait_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn order() -> Order {
    Order {
        order: "pool-7-add".to_owned(),
        action: Action::Add,
        pool: "workers".to_owned(),
        machine: None,
    }
}

fn settings(call: Call) -> HookSettings {
    HookSettings {
        call,
        timeout: MAX_WAIT,
        tries: 3,
        pause: Duration::from_millis(10),
    }
}

/// A shell script as the operator's program.
fn script(folder: &Path, text: &str) -> HookSettings {
    let path = folder.join("hook.sh");
    std::fs::write(&path, text).unwrap();
    settings(Call::Program {
        program: PathBuf::from("/bin/sh"),
        arguments: vec![path.display().to_string(), folder.display().to_string()],
    })
}

#[tokio::test]
async fn program_receives_order_and_may_name_machine() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "cat >\"$1/input\"\n\
         echo \"$ELB_ORDER $ELB_ACTION $ELB_POOL [$ELB_MACHINE]\" >\"$1/environment\"\n\
         echo '{\"machine\": \"node9\"}'\n",
    );
    let promise = hook.give(&order(), &LeaderPermit::default()).await.unwrap();
    assert_eq!(promise.machine.as_deref(), Some("node9"));
    let written = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(written("environment"), "pool-7-add add workers []\n");
    let input: serde_json::Value = serde_json::from_str(&written("input")).unwrap();
    assert_eq!(input["order"], "pool-7-add");
    assert_eq!(input["action"], "add");
}

#[tokio::test]
async fn failing_program_is_retried_with_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "echo \"$ELB_ORDER\" >>\"$1/tries\"\n\
         [ \"$(wc -l <\"$1/tries\")\" -ge 3 ] || { echo 'no quota yet' >&2; exit 75; }\n",
    );
    assert_eq!(
        hook.give(&order(), &LeaderPermit::default()).await,
        Ok(Promise::default())
    );
    let tries = std::fs::read_to_string(folder.path().join("tries")).unwrap();
    assert_eq!(tries, "pool-7-add\n".repeat(3));
}

#[tokio::test]
async fn refusing_program_is_not_retried() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "echo x >>\"$1/tries\"\necho 'no such zone' >&2\nexit 1\n",
    );
    let refusal = hook
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert_eq!(refusal, "/bin/sh refused: exit status 1: no such zone");
    let tries = std::fs::read_to_string(folder.path().join("tries")).unwrap();
    assert_eq!(tries.lines().count(), 1);
    let nothing = settings(Call::Program {
        program: PathBuf::from("/no/such/program"),
        arguments: Vec::new(),
    });
    let refusal = nothing
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(refusal.contains(" refused: "), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn hanging_program_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = script(folder.path(), "echo $$ >>\"$1/pids\"\nexec sleep 600\n");
    (hook.tries, hook.pause) = (2, Duration::ZERO);
    let timeout = hook.timeout;
    let giving = tokio::spawn(async move { hook.give(&order(), &LeaderPermit::default()).await });
    let pids = folder.path().join("pids");
    let started = || std::fs::read_to_string(&pids).map_or(0, |pids| pids.lines().count());
    for tries in 1..=2 {
        wait_until("the program does not start", || started() == tries).await;
        tokio::time::advance(timeout).await;
    }
    let error = giving.await.unwrap().unwrap_err();
    assert_eq!(
        error,
        format!("/bin/sh failed 2 times, the last time: no answer within {timeout:?}")
    );
    let is_alive = |pid: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    };
    let pids = std::fs::read_to_string(&pids).unwrap();
    wait_until("a killed program still runs", || {
        !pids.lines().any(is_alive)
    })
    .await;
}

#[tokio::test]
async fn excessive_output_of_program_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let hook = script(
        folder.path(),
        "i=0; while [ $i -lt 2000 ]; do echo 'line after line after line after line after line'; \
         i=$((i+1)); done; exit 0\n",
    );
    assert_eq!(
        hook.give(&order(), &LeaderPermit::default()).await,
        Ok(Promise::default())
    );
}

fn http(url: String, token: Option<&str>) -> HookSettings {
    let token = token.map(str::to_owned);
    settings(Call::Http {
        url,
        token,
        ca: None,
    })
}

#[tokio::test]
async fn server_is_retried_with_same_key_until_it_answers() {
    let server = HookServer::start(vec![
        "",
        "HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 19\r\n\r\n{\"machine\":\"node4\"}",
    ]);
    let url = format!("http://{}/machines?x=1", server.address);
    // On a busy machine, more tries than the first may time out.
    let hook = HookSettings {
        timeout: Duration::from_secs(1),
        tries: 100,
        ..http(url, Some("secret"))
    };
    let promise = hook.give(&order(), &LeaderPermit::default()).await.unwrap();
    assert_eq!(promise.machine.as_deref(), Some("node4"));
    let requests = server.requests();
    assert!(requests.len() >= 3, "{requests:?}");
    for request in requests {
        let request = request.to_lowercase();
        assert!(
            request.starts_with("post /machines?x=1 http/1.1"),
            "{request}"
        );
        assert!(request.contains("idempotency-key: pool-7-add"), "{request}");
        assert!(
            request.contains("authorization: bearer secret"),
            "{request}"
        );
        assert!(request.contains("\"action\":\"add\""), "{request}");
    }
}

#[tokio::test]
async fn refusal_and_invalid_response_of_server_are_distinguished() {
    let ask = |answer| {
        let server = HookServer::start(vec![answer]);
        http(format!("http://{}/machines?x=1", server.address), None)
    };
    let refusing = ask("HTTP/1.1 403 No\r\ncontent-length: 8\r\n\r\nno quota");
    let refusal = refusing
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(refusal.ends_with("403 Forbidden: no quota"), "{refusal}");

    let error = ask("SSH-2.0\r\n\r\n")
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(error.contains(" failed 3 times, "), "{error}");

    let promise = ask("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(
        promise.give(&order(), &LeaderPermit::default()).await,
        Ok(Promise::default())
    );
}

/// A server with TLS that sends this response to each request, and the requests that it received.
async fn https_server(
    authority: &Authority,
    names: &[&str],
    until: i32,
    response: &'static str,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let acceptor = acceptor(&authority.issue(names, until), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://{}/machines?sig=abcdef",
        listener.local_addr().unwrap()
    );
    let requests = Arc::new(Mutex::new(Vec::new()));
    let received = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            let request = String::from_utf8(request).unwrap();
            received.lock().unwrap().push(request.to_lowercase());
            stream.write_all(response.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    });
    (url, requests)
}

/// A hook that trusts this authority. The folder contains the file of its certificate.
fn https(url: String, authority: &Authority) -> (HookSettings, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let call = Call::Http {
        url,
        token: Some("secret".to_owned()),
        ca: Some(ca),
    };
    let hook = HookSettings {
        tries: 1,
        ..settings(call)
    };
    (hook, folder)
}

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 19\r\n\r\n{\"machine\":\"node4\"}";

#[tokio::test]
async fn https_server_with_trusted_certificate_receives_order() {
    let authority = Authority::new("machines");
    for name in ["127.0.0.1", "localhost"] {
        let (url, requests) = https_server(&authority, &[name], 2100, ACCEPTED).await;
        let (hook, _folder) = https(url.replace("127.0.0.1", name), &authority);
        let promise = hook.give(&order(), &LeaderPermit::default()).await.unwrap();
        assert_eq!(promise.machine.as_deref(), Some("node4"));
        let requests = requests.lock().unwrap();
        let [request] = &requests[..] else {
            panic!("{requests:?}")
        };
        for part in [
            "post /machines?sig=abcdef http/1.1",
            "idempotency-key: pool-7-add",
            "authorization: bearer secret",
            &format!("host: {name}"),
        ] {
            assert!(request.contains(part), "{part}: {request}");
        }
    }
}

#[tokio::test]
async fn https_server_with_invalid_certificate_receives_nothing() {
    let (authority, foreign) = (Authority::new("machines"), Authority::new("foreign"));
    for (issuer, names, until, advice) in [
        (
            &foreign,
            "127.0.0.1",
            2100,
            "ca.pem must contain the authority that signed",
        ),
        (
            &authority,
            "machines.example",
            2100,
            "use the host name of the server's certificate",
        ),
        (
            &authority,
            "127.0.0.1",
            2010,
            "renew the server's certificate",
        ),
    ] {
        let (url, requests) = https_server(issuer, &[names], until, ACCEPTED).await;
        let (hook, _folder) = https(url, &authority);
        let error = hook
            .give(&order(), &LeaderPermit::default())
            .await
            .unwrap_err();
        assert!(error.contains(advice), "{error}");
        assert!(requests.lock().unwrap().is_empty());
    }
    // The authorities of the system do not include this one.
    let (url, requests) = https_server(&authority, &["127.0.0.1"], 2100, ACCEPTED).await;
    let (mut hook, _folder) = https(url, &authority);
    if let Call::Http { ca, .. } = &mut hook.call {
        *ca = None;
    }
    hook.give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn missing_or_invalid_ca_file_is_named() {
    let authority = Authority::new("machines");
    let (url, requests) = https_server(&authority, &["127.0.0.1"], 2100, ACCEPTED).await;
    let (hook, folder) = https(url, &authority);
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "no certificate").unwrap();
    let error = hook
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(error.contains("ca.pem: no certificate found"), "{error}");
    std::fs::remove_file(&ca).unwrap();
    let error = hook
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(error.contains("ca.pem: No such file"), "{error}");
    assert!(requests.lock().unwrap().is_empty());
    // A corrected file is read by the next order.
    std::fs::write(&ca, authority.pem()).unwrap();
    hook.give(&order(), &LeaderPermit::default()).await.unwrap();
}

#[tokio::test]
async fn server_without_tls_receives_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let mut received = Vec::new();
        // Reads until the client closes the connection.
        stream.read_to_end(&mut received).await.ok();
        received
    });
    let (hook, _folder) = https(url, &Authority::new("machines"));
    let error = hook
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(error.contains("does not use TLS on this port"), "{error}");
    let received = received.await.unwrap();
    let is_secret = |bytes: &[u8]| bytes == b"secret";
    assert!(!received.windows(6).any(is_secret), "{received:?}");
}

#[tokio::test]
async fn redirect_is_refused_and_not_followed() {
    let other = HookServer::start(vec![ACCEPTED]);
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n",
            other.address
        );
        let server = HookServer::start(vec![answer.leak()]);
        let hook = http(format!("http://{}/", server.address), Some("secret"));
        let refusal = hook
            .give(&order(), &LeaderPermit::default())
            .await
            .unwrap_err();
        assert!(refusal.contains(" refused: "), "{refusal}");
        assert!(refusal.contains("redirects are not followed"), "{refusal}");
        assert_eq!(server.requests().len(), 1);
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn oversized_response_of_server_is_not_read_to_its_end() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let answer = format!("{head}{}", "x".repeat(100_000));
    let server = HookServer::start(vec![answer.leak()]);
    let mut hook = http(format!("http://{}/", server.address), None);
    hook.tries = 1;
    let error = hook
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert!(error.contains("length limit exceeded"), "{error}");
}

#[tokio::test]
async fn secrets_in_answer_of_server_are_not_shown() {
    const KEY: &str = "k3y-0123456789";
    const TOKEN: &str = "t0ken-0123456789";
    let long = format!("{}{TOKEN}", "x".repeat(195));
    for text in [
        format!("Cannot POST /machines?zone=a&key={KEY}"),
        format!("Cannot POST /machines?zone=a&amp;key={KEY}"),
        format!("unknown key {KEY}"),
        format!("{{\"authorization\":\"Bearer {TOKEN}\"}}"),
        // The text is cut within the token.
        long,
    ] {
        let head = format!("HTTP/1.1 404 No\r\ncontent-length: {}\r\n\r\n", text.len());
        let server = HookServer::start(vec![format!("{head}{text}").leak()]);
        let url = format!("http://{}/machines?zone=a&key={KEY}", server.address);
        let refusal = http(url, Some(TOKEN))
            .give(&order(), &LeaderPermit::default())
            .await
            .unwrap_err();
        let shown = refusal;
        assert!(shown.contains("status 404"), "{shown}");
        assert!(!shown.contains("k3y") && !shown.contains("t0k"), "{shown}");
    }
}

#[tokio::test]
async fn secrets_of_hook_are_not_shown() {
    let authority = Authority::new("machines");
    // The server repeats the token in its answer.
    let refused = "HTTP/1.1 403 No\r\ncontent-length: 18\r\n\r\nno: Bearer secret!";
    let (url, _) = https_server(&authority, &["127.0.0.1"], 2100, refused).await;
    let address = url.split_once('?').unwrap().0.to_owned();
    let (hook, _folder) = https(url, &authority);
    let refusal = hook
        .give(&order(), &LeaderPermit::default())
        .await
        .unwrap_err();
    assert_eq!(
        refusal,
        format!("{address}?… refused: status 403 Forbidden: no: Bearer …!")
    );
    for shown in [
        format!("{hook:?} {refusal:?}"),
        serde_json::to_string(&hook).unwrap(),
    ] {
        assert!(shown.contains(&address), "{shown}");
        assert!(
            !shown.contains("secret") && !shown.contains("abcdef"),
            "{shown}"
        );
    }
}
