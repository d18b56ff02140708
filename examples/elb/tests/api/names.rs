//! Names come from the network and from labels: no response contains them unescaped.

use crate::metrics::Exposition;
use crate::site::World;

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

#[tokio::test]
async fn metrics_escape_names() {
    let world = World::named("web\"} 1\n\\\u{1b}[2J").await;
    world.pass(MINUTE).await;
    let answer = world.get("/metrics").await;
    let media_type = answer.header("content-type").unwrap();
    assert!(
        media_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{media_type}"
    );
    let metrics = Exposition::read(&answer.body);
    let name = "service=\"web\\\"} 1\u{fffd}\\\\\u{fffd}[2J\"";
    assert!(metrics.value(&format!("elb_replicas_wanted{{{name}}}")) >= 1.0);
    assert_eq!(
        metrics.value(&format!("elb_mode{{{name},mode=\"act\"}}")),
        1.0
    );
    assert!(metrics.count(&format!("elb_signal{{{name},metric=")) > 0);
    assert!(answer.body.ends_with("# EOF\n"), "{answer:?}");
}

#[tokio::test]
async fn untrusted_names_are_escaped() {
    let name = "</style></svg><script>alert('1')</script><img src=x>\"&\u{1b}]0;\u{202e}";
    let world = World::named(name).await;
    world.describe(name);
    for minutes in [0, 2] {
        world.pass(minutes * MINUTE).await;
        let body = world.get("/").await.body;
        assert!(body.contains("&#60;script&#62;") || body.contains("&#60;script&#62;"));
        let own = "<script src=\"/script.js\"></script>";
        assert_eq!(body.matches(own).count(), 1);
        let body = body.replace(own, "");
        for harm in ["<script", "<img", "</style></svg>", "\u{1b}", "\u{202e}"] {
            assert!(!body.contains(harm), "{harm:?} in {body}");
        }
        assert_eq!(body.matches("</style>").count(), 1);
    }
}

#[tokio::test]
async fn unprintable_characters_are_escaped_in_every_response() {
    let name = "a\u{202e}b\u{2069}\u{200f}\u{61c}\u{200b}\u{9b}\u{7f}\u{1b}\u{2028}\u{e0041}";
    let world = World::named(name).await;
    world.describe(name);
    world.pass(MINUTE).await;
    for path in [
        "/",
        "/metrics",
        "/api/v1/snapshot",
        "/api/v1/services",
        "/api/v1/decisions",
        "/api/v1/nothing/%E2%80%AE",
    ] {
        let body = world.get(path).await.body;
        let bad = body
            .chars()
            .find(|c| untrusted::is_unprintable(*c) && *c != '\n');
        assert_eq!(bad, None, "{path}: {body}");
    }
    let answer = world.get("/api/v1/snapshot").await;
    assert_eq!(answer.json()["services"][0]["name"], name);
    assert!(answer.body.contains("\\u202e"), "{answer:?}");
}

#[tokio::test]
async fn chart_is_found_by_any_name() {
    let world = World::named("a/b c?").await;
    world.pass(MINUTE).await;
    let page = world.get("/").await.body;
    assert!(page.contains("href=\"/chart/a%2Fb%20c%3F.svg\""), "{page}");
    let chart = world.get("/chart/a%2Fb%20c%3F.svg").await;
    assert_eq!(chart.header("content-type"), Some("image/svg+xml"));
    let body = &chart.body;
    assert!(
        body.starts_with("<svg ") && body.ends_with("</svg>\n"),
        "{body}"
    );
    let unknown = world.get("/chart/nginx.svg").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("Unknown chart nginx.svg"));
}
