//! D18: which clients may write, and forged authorisation.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use elb::http::{self, Access, Site};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper::{Request, StatusCode};
use hyper_util::service::TowerToHyperService;

use crate::site::World;

const MODE: &str = "/api/v1/mode";
const OFF: &str = r#"{"mode":"off"}"#;
const JSON: (&str, &str) = ("Content-Type", "application/json");
const X_ELB: (&str, &str) = ("X-Elb", "1");

fn with_token() -> Access {
    Access {
        token: Some("correct horse".to_owned()),
        ..Access::default()
    }
}

/// Requests mode `off` from this client address.
async fn put_from(site: &Site, peer: &str, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::put(MODE);
    for (name, value) in [&[("Host", "localhost"), JSON], headers].concat() {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(OFF)).unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let router = TowerToHyperService::new(http::router(site.clone()));
    let answer = router.call(request).await.unwrap();
    let status = answer.status();
    answer.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn remote_write_requires_token() {
    let world = World::new().await;
    for (peer, headers, expected) in [
        ("192.0.2.1:1", vec![X_ELB], 403),
        ("[2001:db8::1]:1", vec![X_ELB], 403),
        ("[::ffff:192.0.2.1]:1", vec![X_ELB], 403),
        ("0.0.0.0:1", vec![X_ELB], 403),
        (
            "192.0.2.1:1",
            vec![X_ELB, ("Authorization", "Bearer x")],
            403,
        ),
        (
            "127.0.0.1:1",
            vec![X_ELB, ("X-Forwarded-For", "192.0.2.1")],
            403,
        ),
        (
            "127.0.0.1:1",
            vec![X_ELB, ("Forwarded", "for=192.0.2.1")],
            403,
        ),
        ("127.0.0.1:1", vec![X_ELB], 200),
        ("127.255.0.1:1", vec![X_ELB], 200),
        ("[::1]:1", vec![X_ELB], 200),
        ("[::ffff:127.0.0.1]:1", vec![X_ELB], 200),
    ] {
        let status = put_from(&world.site, peer, &headers).await;
        assert_eq!(status, expected, "{peer} {headers:?}");
    }
    let world = World::with(with_token()).await;
    let token = ("Authorization", "Bearer correct horse");
    assert_eq!(put_from(&world.site, "192.0.2.1:1", &[token]).await, 200);
    assert_eq!(put_from(&world.site, "192.0.2.1:1", &[X_ELB]).await, 401);
    assert_eq!(put_from(&world.site, "127.0.0.1:1", &[X_ELB]).await, 401);
    let both = [token, ("Authorization", "Bearer correct horse")];
    assert_eq!(put_from(&world.site, "192.0.2.1:1", &both).await, 401);
}

#[tokio::test]
async fn client_of_unknown_address_cannot_write() {
    let world = World::new().await;
    let request = Request::put(MODE)
        .header("Host", "localhost")
        .header(JSON.0, JSON.1)
        .header(X_ELB.0, X_ELB.1);
    let router = TowerToHyperService::new(http::router(world.site.clone()));
    let answer = router.call(request.body(Body::from(OFF)).unwrap()).await;
    assert_eq!(answer.unwrap().status(), 403);
}

#[tokio::test]
async fn foreign_host_names_are_refused() {
    let world = World::new().await;
    let port = world.address.port();
    for (host, is_served) in [
        (format!("localhost:{port}"), true),
        (format!("127.0.0.1:{port}"), true),
        (format!("[::1]:{port}"), true),
        ("LOCALHOST".to_owned(), true),
        ("elb.localhost".to_owned(), true),
        ("evil.example".to_owned(), false),
        (format!("evil.example:{port}"), false),
        ("localhost.evil.example".to_owned(), false),
        ("127.0.0.1.evil.example".to_owned(), false),
        ("localhost@evil.example".to_owned(), false),
        ("evil.example@localhost".to_owned(), false),
        (String::new(), false),
    ] {
        for path in ["/", "/metrics", "/healthz", "/api/v1/services"] {
            let answer = world.ask("GET", path, &[("Host", &host)], "").await;
            assert_eq!(answer.status != 421, is_served, "{host:?}: {answer:?}");
        }
        let put = world
            .ask("PUT", MODE, &[("Host", &host), JSON, X_ELB], OFF)
            .await;
        assert_eq!(put.status == 200, is_served, "{host:?}: {put:?}");
    }
    let twice = [("Host", "localhost"), ("Host", "evil.example")];
    assert!(world.ask("GET", "/metrics", &twice, "").await.status >= 400);
    // A literal address cannot be a foreign name, but writing needs a loopback name.
    let put = world
        .ask("PUT", MODE, &[("Host", "192.0.2.1"), JSON, X_ELB], OFF)
        .await;
    put.is_problem(403, "require localhost");

    let names = vec!["elb.example.org".to_owned()];
    let access = Access {
        names,
        ..Access::default()
    };
    let world = World::with(access).await;
    let ours = [("Host", "ELB.example.org:8008")];
    assert_eq!(
        world.ask("GET", "/api/v1/services", &ours, "").await.status,
        200
    );
}

#[tokio::test]
async fn host_names_without_token_permit_no_write() {
    let world = World::with(Access {
        names: vec!["elb.example.org".to_owned()],
        token: None,
    })
    .await;
    for host in ["elb.example.org", "localhost", "127.0.0.1"] {
        let headers = [("Host", host), JSON, X_ELB];
        let put = world.ask("PUT", MODE, &headers, OFF).await;
        put.is_problem(403, "http.names");
        assert_eq!(world.ask("GET", MODE, &headers[..1], "").await.status, 200);
    }
    let world = World::with(Access {
        names: vec!["elb.example.org".to_owned()],
        ..with_token()
    })
    .await;
    let token = ("Authorization", "Bearer correct horse");
    let headers = [("Host", "elb.example.org"), JSON, token];
    assert_eq!(world.ask("PUT", MODE, &headers, OFF).await.status, 200);
}

#[tokio::test]
async fn costly_reads_require_configured_token() {
    let costly = [
        ("POST", "/api/v1/config/validate"),
        ("GET", "/api/v1/query?q=avg:load_one"),
    ];
    let toml = ("Content-Type", "application/toml");
    let open = World::new().await;
    let closed = World::with(with_token()).await;
    for (method, path) in costly {
        assert_eq!(open.ask(method, path, &[toml], "").await.status, 200);
        let none = closed.ask(method, path, &[toml], "").await;
        none.is_problem(401, "The token is missing");
        let wrong = [toml, ("Authorization", "Bearer wrong horse")];
        closed
            .ask(method, path, &wrong, "")
            .await
            .is_problem(401, "is wrong");
        let right = [toml, ("Authorization", "Bearer correct horse")];
        assert_eq!(closed.ask(method, path, &right, "").await.status, 200);
    }
    assert_eq!(closed.get("/api/v1/services").await.status, 200);
}

#[tokio::test]
async fn foreign_page_cannot_write() {
    let world = World::new().await;
    let port = world.address.port();
    let host = format!("localhost:{port}");
    let own = format!("http://{host}");
    let other = format!("http://localhost:{}", port ^ 1);
    for (headers, expected) in [
        (vec![JSON], 403),
        (vec![JSON, X_ELB, ("Origin", "https://evil.example")], 403),
        (vec![JSON, X_ELB, ("Origin", "null")], 403),
        (vec![JSON, X_ELB, ("Origin", &other)], 403),
        (
            vec![
                JSON,
                X_ELB,
                ("Origin", &own),
                ("Sec-Fetch-Site", "cross-site"),
            ],
            403,
        ),
        (vec![JSON, X_ELB, ("Sec-Fetch-Site", "same-site")], 403),
        (vec![X_ELB, ("Content-Type", "text/plain")], 415),
        (
            vec![X_ELB, ("Content-Type", "application/x-www-form-urlencoded")],
            415,
        ),
        (vec![X_ELB], 415),
        (
            vec![
                JSON,
                X_ELB,
                ("Origin", &own),
                ("Sec-Fetch-Site", "same-origin"),
            ],
            200,
        ),
        (vec![JSON, X_ELB, ("Sec-Fetch-Site", "none")], 200),
        (vec![JSON, X_ELB], 200),
    ] {
        let headers = [vec![("Host", host.as_str())], headers].concat();
        let answer = world.ask("PUT", MODE, &headers, OFF).await;
        assert_eq!(answer.status, expected, "{headers:?}: {answer:?}");
    }
    // A foreign page cannot write even with the token: the browser sends its origin.
    let world = World::with(with_token()).await;
    let token = ("Authorization", "Bearer correct horse");
    let evil = [JSON, token, ("Origin", "https://evil.example")];
    world
        .ask("PUT", MODE, &evil, OFF)
        .await
        .is_problem(403, "another site");
    let asked = [
        ("Origin", "https://evil.example"),
        ("Access-Control-Request-Method", "PUT"),
    ];
    for (method, path) in [
        ("OPTIONS", MODE),
        ("GET", MODE),
        ("GET", "/"),
        ("GET", "/metrics"),
    ] {
        let answer = world.ask(method, path, &asked, "").await;
        assert!(!answer.head.contains("access-control"), "{answer:?}");
        assert!(
            answer.header("x-content-type-options") == Some("nosniff"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn token_guessing_is_limited() {
    let world = World::with(with_token()).await;
    let mut tried = 0;
    loop {
        let guess = format!("Bearer {tried}");
        let headers = [JSON, ("Authorization", guess.as_str())];
        match world.ask("PUT", MODE, &headers, OFF).await.status {
            401 => tried += 1,
            429 => break,
            other => panic!("{other}"),
        }
        assert!(tried < 100, "guessing is not limited");
    }
}
