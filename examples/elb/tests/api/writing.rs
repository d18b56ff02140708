//! What may be changed, and by whom.

use std::time::Duration;

use elb::web::Access;

use crate::site::World;

#[tokio::test]
async fn modes_are_switched() {
    let world = World::new().await;
    let set = world
        .put_json("/api/v1/services/apache/mode", r#"{"mode":"advise"}"#)
        .await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!(set.json()["effective"], "advise");
    assert!(set.body.contains("until elb is started again"), "{set:?}");
    let set = world.put_json("/api/v1/mode", r#"{"mode":"off"}"#).await;
    assert_eq!((set.status, &set.json()["mode"]), (200, &"off".into()));
    let apache = world.json("/api/v1/services/apache/mode").await;
    assert_eq!(
        (&apache["mode"], &apache["effective"]),
        (&"advise".into(), &"off".into())
    );
    let unknown = world
        .put_json("/api/v1/services/nginx/mode", r#"{"mode":"act"}"#)
        .await;
    unknown.is_problem(404, "nginx");
    let before = world.json("/api/v1/decisions").await["last"].clone();
    world.pass(Duration::from_secs(120)).await;
    assert_eq!(world.json("/api/v1/decisions").await["last"], before);
}

#[tokio::test]
async fn a_token_opens_and_nothing_else_does() {
    let access = Access {
        token: Some("correct horse".to_owned()),
        ..Access::default()
    };
    let world = World::with(access).await;
    let json = ("Content-Type", "application/json");
    let path = "/api/v1/mode";
    let body = r#"{"mode":"off"}"#;
    for (given, words) in [
        (None, "needs the token"),
        (Some("Bearer wrong horse"), "wrong"),
        (Some("Bearer correct hors"), "wrong"),
        (Some("Bearer correct horse2"), "wrong"),
        (Some("Bearer "), "needs the token"),
        (Some("Basic correct horse"), "needs the token"),
    ] {
        let mut headers = vec![json, ("X-Elb", "1")];
        headers.extend(given.map(|given| ("Authorization", given)));
        let answer = world.ask("PUT", path, &headers, body).await;
        answer.is_problem(401, words);
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!(world.json(path).await["mode"], "act");
    let right = ("Authorization", "bearer correct horse");
    let answer = world.ask("PUT", path, &[json, right], body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.json(path).await["mode"], "off");
}
