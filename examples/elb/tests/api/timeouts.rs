//! D18: slow clients, and clients that use up the time or connections of others.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::site::{Answer, World};

const MODE: &str = "/api/v1/mode";
const OFF: &str = r#"{"mode":"off"}"#;

/// Far more connections than elb holds, none with a complete request. The clock is virtual: other
/// clients are answered before the first idle connection times out.
#[tokio::test(start_paused = true)]
async fn idle_connections_do_not_block_other_clients() {
    const SILENT: usize = 450;
    let world = World::new().await;
    let begun = Instant::now();
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let beginning: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET /api/v1/services HTTP/1.1\r\nHost:",
            // A request that is being answered when its connection is replaced.
            _ => {
                b"POST /api/v1/config/validate HTTP/1.1\r\nHost: localhost\r\n\
                  Content-Type: application/toml\r\nContent-Length: 9\r\n\r\n#"
            }
        };
        stream.write_all(beginning).await.ok();
        silent.push(stream);
    }
    for path in ["/healthz", "/metrics", "/api/v1/services", "/"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    let mut left = 0;
    for stream in &mut silent {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte));
        left += usize::from(read.await.is_err());
    }
    assert!(left <= 128, "{left} connections are still open");
}

/// One client uses all connections that it may have; the connection of another is unaffected.
#[tokio::test]
async fn connections_of_one_client_leave_room_for_others() {
    let world = World::new().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(world.address).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    other.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(Answer::read(&mut other).await.status, 200);
}

/// Virtual time: the clock advances whenever all tasks wait.
#[tokio::test(start_paused = true)]
async fn unfinished_header_closes_connection() {
    let world = World::new().await;
    for beginning in [
        "",
        "GET /heal",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    ] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
        let waited = begun.elapsed();
        assert!(
            waited >= Duration::from_secs(9) && waited < Duration::from_secs(12),
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn missing_body_ends_request() {
    let world = World::new().await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = "PUT /api/v1/mode HTTP/1.1\r\nHost: localhost\r\nX-Elb: 1\r\nConnection: close\r\n\
                Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    Answer::read(&mut stream)
        .await
        .is_problem(408, "ten seconds");
    assert!(begun.elapsed() < Duration::from_secs(12));
}

/// Responses that the client does not read are discarded after a timeout.
#[tokio::test]
async fn client_that_reads_nothing_is_disconnected() {
    let world = World::new().await;
    let text = world.get("/api/v1/config").await.body;
    let text = format!("{text}\n# {}\n", "x".repeat(1_000_000));
    let headers = [
        ("X-Elb", "1"),
        ("Content-Type", "application/toml"),
        ("If-Match", "*"),
    ];
    let put = world.ask("PUT", "/api/v1/config", &headers, &text).await;
    assert_eq!(put.status, 200, "{put:?}");
    // Paused only now: the clock would advance while a large body is transferred.
    tokio::time::pause();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let one = "GET /api/v1/config HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(one.repeat(50).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    let mut taken = Vec::new();
    stream.read_to_end(&mut taken).await.ok();
    assert!(taken.len() < 40_000_000, "{} bytes", taken.len());
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_decision_times_out_with_empty_list() {
    let world = World::new().await;
    let begun = Instant::now();
    let last = world.json("/api/v1/decisions").await["last"].clone();
    let none = world
        .json(&format!("/api/v1/decisions?after={last}&wait=20s"))
        .await;
    assert_eq!(
        (&none["decisions"], &none["next"]),
        (&serde_json::json!([]), &last)
    );
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_secs(20) && waited < Duration::from_secs(25),
        "{waited:?}"
    );
}

/// The clock is virtual: the allowance does not grow while responses take real time.
#[tokio::test(start_paused = true)]
async fn excessive_requests_are_limited() {
    let world = World::new().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let one = "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let all = one.repeat(900) + last;
    let (mut reading, mut writing) = stream.split();
    let mut answers = String::new();
    let (written, read) = tokio::join!(
        writing.write_all(all.as_bytes()),
        reading.read_to_string(&mut answers)
    );
    written.unwrap();
    read.unwrap();
    let served = answers.matches("HTTP/1.1 200").count();
    let refused = answers.matches("HTTP/1.1 429").count();
    assert_eq!(served + refused, 901);
    assert!(served > 0 && refused > 0, "{served} and {refused}");
    assert!(answers.contains("retry-after: 1"), "{answers}");
    // The liveness probe is not limited.
    assert!(answers.ends_with("\r\n\r\nok\n"), "{answers}");
    let again = async {
        while world.get("/api/v1/health").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let again = tokio::time::timeout(Duration::from_secs(600), again).await;
    again.expect("a client that waits is served again");
}

#[tokio::test(start_paused = true)]
async fn blocked_or_ended_loop_is_reported() {
    let world = World::new().await;
    let held = world.hold().await;
    let begun = Instant::now();
    let answer = world.put_json(MODE, OFF).await;
    answer.is_problem(503, "waiting for the orchestrator");
    assert!(answer.header("retry-after").is_some());
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(world.json("/api/v1/health").await["alive"], true);
    // A request whose client has timed out is not executed later.
    drop(held);
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.json(MODE).await["mode"], "act");

    world.end_loop().await;
    world.put_json(MODE, OFF).await.is_problem(503, "has ended");
    for path in ["/healthz", "/readyz", "/api/v1/health", "/api/v1/ready"] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.body.contains("The loop has ended."), "{answer:?}");
    }
    assert_eq!(
        world
            .get("/api/v1/decisions?wait=20s&after=99")
            .await
            .status,
        200
    );
}
