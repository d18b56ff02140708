//! The alert rules in `alerts.yaml`: each expression uses existing metrics and labels. The problem
//! that they report is on page, API and metrics.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use yaml_rust2::{Yaml, YamlLoader};

use crate::dashboard::{Selected, series as series_of};
use crate::site::World;

const RULES: &str = include_str!("../../alerts.yaml");

fn rules() -> Vec<Yaml> {
    let file = YamlLoader::load_from_str(RULES).unwrap();
    let groups = file[0]["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec());
    rules.flatten().cloned().collect()
}

/// The label values that the matchers of an expression allow: metric, label, value.
#[derive(Default)]
struct Allowed(BTreeSet<(String, String, String)>);

impl ExprVisitor for Allowed {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        if let Expr::VectorSelector(VectorSelector { name, matchers, .. }) = expression {
            for matcher in &matchers.matchers {
                for value in matcher.value.split('|') {
                    let name = name.clone().unwrap();
                    let value = value.to_owned();
                    self.0.insert((name, matcher.name.clone(), value));
                }
            }
        }
        Ok(true)
    }
}

/// A service that has been overloaded at its maximum for long enough to be a problem.
async fn overloaded() -> World {
    let world = World::overloaded().await;
    world.pass(Duration::from_secs(150)).await;
    world
}

#[tokio::test]
async fn every_alert_uses_metrics_and_labels_that_exist() {
    let world = overloaded().await;
    crate::leader::lead(&world);
    let scrape = world.get("/metrics").await.body;
    let series = series_of(&scrape);
    let rules = rules();
    assert!(rules.len() > 10);
    for rule in &rules {
        let expression = rule["expr"].as_str().unwrap();
        for (metric, labels) in Selected::of(expression).0 {
            let has = series.get(&metric);
            let has = has.unwrap_or_else(|| panic!("missing {metric}: {expression}"));
            for label in labels.iter().filter(|label| *label != "instance") {
                assert!(
                    has.contains(label),
                    "label {label} missing on {metric}: {expression}"
                );
            }
            let annotations = format!("{:?}", rule["annotations"]);
            for piece in annotations.split("$labels.").skip(1) {
                let label = piece.split_whitespace().next().unwrap();
                let label = label.trim_matches(|c: char| !c.is_alphanumeric());
                let is_there = label == "instance" || has.contains(label);
                assert!(is_there, "label {label} missing on {metric}: {annotations}");
            }
        }
        let mut allowed = Allowed::default();
        walk_expr(&mut allowed, &parser::parse(expression).unwrap()).unwrap();
        for (metric, label, value) in allowed.0 {
            // The problem metric has a series for each value.
            let metric = metric.replace("elb_service_problem", "elb_problems");
            let series = format!("\n{metric}{{{label}=\"{value}\"}} ");
            assert!(scrape.contains(&series), "missing {series}: {expression}");
        }
    }
}

#[test]
fn every_alert_has_a_name_a_severity_and_advice() {
    let mut names = BTreeSet::new();
    for rule in rules() {
        assert!(names.insert(rule["alert"].as_str().unwrap().to_owned()));
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["page", "ticket", "info"].contains(&severity), "{severity}");
        for text in ["summary", "description"] {
            let text = rule["annotations"][text].as_str().unwrap();
            assert!(text.ends_with('.'), "{text}");
        }
    }
}

#[test]
fn every_reason_of_a_problem_has_an_alert() {
    for reason in sflow_autoscale::problem::ProblemReason::ALL {
        // The alert for this reason uses `elb_orchestrator_up`.
        let is_another = reason == sflow_autoscale::problem::ProblemReason::Orchestrator;
        assert!(is_another || RULES.contains(reason.name()), "{reason:?}");
    }
}

#[test]
fn promtool_accepts_the_alerts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts.yaml");
    let mut check = Command::new("promtool");
    match check.args(["check", "rules"]).arg(path).output() {
        Err(error) => {
            eprintln!(
                "skipped: promtool cannot be run ({error}); on Debian, install the package prometheus"
            );
        }
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{error}");
            let found = String::from_utf8_lossy(&output.stdout);
            assert!(
                found.contains(&format!("{} rules", rules().len())),
                "{found}"
            );
        }
    }
}

#[tokio::test]
async fn overloaded_service_at_its_maximum_is_on_page_api_and_metrics() {
    let world = overloaded().await;
    let snapshot = world.json("/api/v1/snapshot").await;
    let problems = snapshot["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["reason"], "at_max");
    assert_eq!(problems[0]["about"], "apache");
    let message = problems[0]["words"].as_str().unwrap();
    assert!(
        message.contains("stays at 10 replicas: 10 is its max"),
        "{message}"
    );
    let scrape = world.get("/metrics").await.body;
    for series in [
        "elb_problems{reason=\"at_max\"} 1.0",
        "elb_problems{reason=\"budget\"} 0.0",
        "elb_service_problem{service=\"apache\",reason=\"at_max\"} 1.0",
        "elb_troubles 1.0",
    ] {
        let is_there = scrape.replace("{}", "").contains(&format!("\n{series}\n"));
        assert!(is_there, "{series}");
    }
    for page in ["/", "/service/apache"] {
        let body = world.get(page).await.body;
        assert!(body.contains("Current problems"), "{page}");
        assert!(body.contains("10 is its max"), "{page}");
    }
}
