//! What is told.

use std::time::Duration;

use crate::site::World;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn services_stand_as_they_do() {
    let world = World::new().await;
    world.pass(2 * MINUTE).await;
    let all = world.json("/api/v1/services").await;
    assert_eq!(all["mode"], "act");
    let apache = &all["services"][0];
    assert_eq!(apache["name"], "apache");
    assert_eq!(apache["last"]["service"], "apache");
    let one = world.json("/api/v1/services/apache").await;
    assert_eq!(one["running"], apache["running"]);
    assert_eq!(one.get("past"), None);
    let past = world.json("/api/v1/services/apache?past=1m").await;
    assert_eq!(past["past"].as_array().unwrap().len(), 31);
    world
        .get("/api/v1/services/nginx")
        .await
        .is_problem(404, "nginx");
}

#[tokio::test]
async fn decisions_are_followed_without_a_gap() {
    let world = World::new().await;
    world.pass(3 * MINUTE).await;
    let newest = world.json("/api/v1/decisions").await;
    let last = newest["last"].as_u64().unwrap();
    assert!(last > 3, "{newest}");
    let mut seen = Vec::new();
    let mut after = 0;
    loop {
        let some = world
            .json(&format!("/api/v1/decisions?after={after}&limit=2"))
            .await;
        assert_eq!(some["gap"], false);
        let ids = some["decisions"].as_array().unwrap().iter();
        seen.extend(ids.map(|decision| decision["id"].as_u64().unwrap()));
        after = some["next"].as_u64().unwrap();
        if after == last {
            break;
        }
    }
    assert_eq!(seen, (1..=last).collect::<Vec<_>>());
    let lost = world
        .json(&format!("/api/v1/decisions?after={}", last + 1))
        .await;
    assert_eq!(
        (&lost["gap"], &lost["decisions"][0]["id"]),
        (&true.into(), &1.into())
    );
}

#[tokio::test]
async fn who_waits_hears_of_the_next_decision_at_once() {
    let world = World::new().await;
    world.pass(MINUTE).await;
    let last = world.json("/api/v1/decisions").await["last"].clone();
    let path = format!("/api/v1/decisions?after={last}&wait=20s");
    let begun = std::time::Instant::now();
    let (next, ()) = tokio::join!(world.json(&path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.pass(5 * MINUTE).await;
    });
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(
        next["decisions"][0]["id"].as_u64(),
        last.as_u64().map(|last| last + 1)
    );
}
