//! Changing modes and the configuration, and which clients may do so.

use std::time::Duration;

use elb::http::Access;

use crate::site::World;

#[tokio::test]
async fn modes_are_changed() {
    let world = World::new().await;
    let set = world
        .put_json("/api/v1/services/apache/mode", r#"{"mode":"advise"}"#)
        .await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!(set.json()["effective"], "advise");
    assert!(set.body.contains("until elb is restarted"), "{set:?}");
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
async fn only_the_token_permits_writes() {
    let access = Access {
        token: Some("correct horse".to_owned()),
        ..Access::default()
    };
    let world = World::with(access).await;
    let json = ("Content-Type", "application/json");
    let path = "/api/v1/mode";
    let body = r#"{"mode":"off"}"#;
    for (given, words) in [
        (None, "token is missing"),
        (Some("Bearer wrong horse"), "wrong"),
        (Some("Bearer correct hors"), "wrong"),
        (Some("Bearer correct horse2"), "wrong"),
        (Some("Bearer "), "token is missing"),
        (Some("Basic correct horse"), "token is missing"),
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

#[tokio::test]
async fn configuration_is_replaced_only_with_its_current_etag() {
    let world = World::new().await;
    let path = "/api/v1/config";
    let before = world.get(path).await;
    assert_eq!(before.header("content-type"), Some("application/toml"));
    // Comments may contain secrets.
    assert!(!before.body.contains('#'), "{}", before.body);
    let version = before.header("etag").unwrap().to_owned();
    let text = before.body.replace("max = 10", "max = 7");
    let toml = [("X-Elb", "1"), ("Content-Type", "application/toml")];
    let put = async |version: Option<&str>, text: &str| {
        let mut headers = toml.to_vec();
        headers.extend(version.map(|version| ("If-Match", version)));
        world.ask("PUT", path, &headers, text).await
    };
    put(None, &text).await.is_problem(428, "If-Match");
    put(Some("\"0123\""), &text)
        .await
        .is_problem(412, "has changed");
    let wrong = text.replace("min = 1", "min = 8");
    let refused = put(Some(&version), &wrong).await;
    refused.is_problem(422, "8 is greater than max (7)");
    assert_eq!(refused.json()["key"], "service[0].policy.min");
    let unknown = text.replace("vir_cpu_utilization", "vir_cpu_utilisation");
    put(Some(&version), &unknown)
        .await
        .is_problem(422, "did you mean `vir_cpu_utilization`?");
    let typo = text.replace("max = 7", "maximum = 7");
    put(Some(&version), &typo)
        .await
        .is_problem(422, "line 36: ");
    assert_eq!(world.get(path).await.body, before.body);

    let done = put(Some(&version), &text).await;
    assert_eq!(
        (done.status, &done.json()["services"][0]),
        (200, &"apache".into())
    );
    let apache = world.json("/api/v1/services/apache").await;
    assert_eq!(apache["max"], 7);
    let after = world.get(path).await;
    assert_eq!(
        (&after.body, after.header("etag")),
        (&text, done.header("etag"))
    );
    put(Some(&version), &before.body)
        .await
        .is_problem(412, "has changed");
    assert_eq!(put(Some("*"), &before.body).await.status, 200);

    let json = world
        .ask("GET", path, &[("Accept", "application/json")], "")
        .await;
    assert_eq!(json.json()["service"][0]["settings"]["max"], 10);
}

#[tokio::test]
async fn concurrent_replacements_do_not_overwrite_each_other() {
    let world = World::new().await;
    let read = world.get("/api/v1/config").await;
    let headers = [
        ("X-Elb", "1"),
        ("Content-Type", "application/toml"),
        ("If-Match", read.header("etag").unwrap()),
    ];
    let texts = [2, 3, 4, 5].map(|max| read.body.replace("max = 10", &format!("max = {max}")));
    let [a, b, c, d] = &texts;
    let put = |text| world.ask("PUT", "/api/v1/config", &headers, text);
    let (a, b, c, d) = tokio::join!(put(a), put(b), put(c), put(d));
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
}

#[tokio::test]
async fn replaced_secret_that_is_unknown_is_refused() {
    let world = World::new().await;
    let toml = [("Content-Type", "application/toml")];
    for secret in [
        "url = \"http://a/\"\ntoken = \"***\"",
        "url = \"http://a/?…\"",
    ] {
        let text = format!("[[pool]]\nname = \"a\"\n[pool.hook]\n{secret}\n");
        world
            .ask("POST", "/api/v1/config/validate", &toml, &text)
            .await
            .is_problem(422, "no such secret");
    }
}

#[tokio::test]
async fn validating_a_configuration_changes_nothing() {
    let world = World::new().await;
    let path = "/api/v1/config/validate";
    let toml = [("Content-Type", "application/toml")];
    let before = world.get("/api/v1/config").await;
    let other = before.body.replace("apache", "nginx");
    let fine = world.ask("POST", path, &toml, &other).await;
    assert_eq!(
        (fine.status, &fine.json()["services"][0]),
        (200, &"nginx".into())
    );
    world
        .ask("POST", path, &toml, "[control]\ninterval = 5")
        .await
        .is_problem(422, "line 2");
    assert_eq!(world.get("/api/v1/config").await.body, before.body);
    assert_eq!(
        world.json("/api/v1/services").await["services"][0]["name"],
        "apache"
    );
}
