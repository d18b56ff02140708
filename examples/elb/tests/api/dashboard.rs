//! The Grafana dashboard: each of its expressions uses metrics and labels that elb exports.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use crate::site::{START, World};

/// Labels that Prometheus adds when it scrapes.
const SCRAPED: [&str; 2] = ["instance", "job"];

fn dashboard() -> Value {
    serde_json::from_str(include_str!("../../grafana.json")).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// All expressions as the dashboard contains them.
fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().flat_map(|panel| {
        let targets = panel["targets"].as_array();
        targets.cloned().unwrap_or_default()
    });
    let annotations = dashboard["annotations"]["list"].as_array().unwrap().clone();
    let all = targets.chain(annotations);
    all.map(|it| it["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The expression with a value in place of each variable.
fn filled(expression: &str) -> String {
    let filled = expression.replace("$__rate_interval", "5m");
    let filled = filled.replace("$instance", ".*").replace("$service", ".*");
    assert!(!filled.contains('$'), "unknown variable: {expression}");
    filled
}

/// The metrics of an expression and the labels that it uses of each.
#[derive(Default)]
pub(crate) struct Selected(pub(crate) BTreeMap<String, BTreeSet<String>>);

impl Selected {
    pub(crate) fn of(expression: &str) -> Self {
        let parsed = parser::parse(&filled(expression));
        let parsed = parsed.unwrap_or_else(|problem| panic!("{expression}: {problem}"));
        let mut asked = Self::default();
        walk_expr(&mut asked, &parsed).unwrap();
        asked
    }

    fn select(&mut self, selector: &VectorSelector) {
        let name = selector
            .name
            .clone()
            .expect("the selector has a metric name");
        let labels = selector.matchers.matchers.iter();
        let known = self.0.entry(name).or_default();
        known.extend(labels.map(|matcher| matcher.name.clone()));
    }

    /// Adds grouping labels to the metrics below this expression.
    fn group(&mut self, below: &Expr, labels: &LabelModifier) {
        let mut grouped = Self::default();
        walk_expr(&mut grouped, below).unwrap();
        for name in grouped.0.into_keys() {
            let known = self.0.entry(name).or_default();
            known.extend(labels.labels().labels.iter().cloned());
        }
    }
}

impl ExprVisitor for Selected {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Self::Error> {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            Expr::Aggregate(aggregate) => {
                if let Some(labels) = &aggregate.modifier {
                    self.group(&aggregate.expr, labels);
                }
            }
            _ => {}
        }
        Ok(true)
    }
}

/// The metrics of a scrape and their labels.
pub(crate) fn series(scrape: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut series: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        let labels = series.entry(line[..end].to_owned()).or_default();
        // Label names end at `="`.
        let mut pieces = line[end..].split("=\"").peekable();
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_some() {
                let name = piece.rsplit(['{', ',']).next().unwrap();
                labels.insert(name.to_owned());
            }
        }
    }
    series
}

/// Metrics of a loop that has received data, decided, changed a size and refused a datagram.
async fn scrape() -> BTreeMap<String, BTreeSet<String>> {
    let world = World::new().await;
    world.pass(Duration::from_secs(60)).await;
    let sender = ([127, 0, 0, 1], 999).into();
    let now = START + Duration::from_secs(60);
    world
        .handle
        .telemetry()
        .lock()
        .receive(now, sender, b"no sFlow");
    world.get("/api/v1/health").await;
    crate::leader::lead(&world);
    series(&world.get("/metrics").await.body)
}

#[tokio::test]
async fn every_expression_uses_existing_metrics_and_labels() {
    let series = scrape().await;
    let dashboard = dashboard();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 40);
    for expression in expressions {
        for (metric, labels) in Selected::of(&expression).0 {
            let has = series.get(&metric);
            let has = has.unwrap_or_else(|| panic!("missing {metric}: {expression}"));
            for label in labels.iter().filter(|it| !SCRAPED.contains(&it.as_str())) {
                assert!(
                    has.contains(label),
                    "label {label} missing on {metric}: {expression}"
                );
            }
        }
    }
}

#[tokio::test]
async fn legend_names_are_labels_of_their_metric() {
    let series = scrape().await;
    for panel in panels(&dashboard()) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let legend = target["legendFormat"].as_str().unwrap();
            let expression = target["expr"].as_str().unwrap();
            let asked = Selected::of(expression);
            for piece in legend.split("{{").skip(1) {
                let (label, _) = piece.split_once("}}").expect("closing braces");
                let mut metrics = asked.0.keys();
                let is_there = metrics.any(|metric| series[metric].contains(label));
                assert!(
                    is_there || SCRAPED.contains(&label),
                    "{legend}: {expression}"
                );
            }
        }
    }
}

#[tokio::test]
async fn variables_use_existing_metrics_and_labels() {
    let series = scrape().await;
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|it| it["name"].as_str()).collect();
    assert_eq!(
        names,
        [Some("datasource"), Some("instance"), Some("service")]
    );
    assert_eq!(variables[0]["type"], "datasource");
    for variable in &variables[1..] {
        let query = variable["query"]["query"].as_str().unwrap();
        let query = query.strip_prefix("label_values(").unwrap();
        let (selector, label) = query.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        for metric in Selected::of(selector).0.keys() {
            let is_there = series[metric].contains(label) || SCRAPED.contains(&label);
            assert!(is_there, "{query}");
        }
    }
}

#[test]
fn dashboard_is_importable_and_consistent() {
    let dashboard = dashboard();
    // The target Grafana has its own data source name and dashboard ids.
    assert!(dashboard.get("id").is_none(), "an id may collide on import");
    for part in ["title", "uid", "schemaVersion", "templating", "time"] {
        assert!(!dashboard[part].is_null(), "{part}");
    }
    let mut sources = Vec::new();
    find("datasource", &dashboard, &mut sources);
    assert!(sources.len() > 40);
    for source in sources {
        assert_eq!(source["uid"], "${datasource}", "{source}");
    }
    let mut places: Vec<(&Value, [u64; 4])> = Vec::new();
    let mut ids = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "twice: {panel}");
        let place = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        let [x, y, w, h] = place;
        assert!(x + w <= 24, "{panel}");
        for (other, [x2, y2, w2, h2]) in &places {
            let apart = x + w <= *x2 || x2 + w2 <= x || y + h <= *y2 || y2 + h2 <= y;
            assert!(apart, "{} overlaps {}", panel["title"], other["title"]);
        }
        places.push((panel, place));
        let title = &panel["title"];
        assert!(
            title.as_str().is_some_and(|title| !title.is_empty()),
            "{panel}"
        );
        if panel["type"] != "row" {
            assert!(panel["description"].is_string(), "no description: {title}");
            let refs = panel["targets"].as_array().unwrap().iter();
            let refs: BTreeSet<_> = refs.map(|target| target["refId"].as_str()).collect();
            assert_eq!(refs.len(), panel["targets"].as_array().unwrap().len());
        }
    }
}

/// Finds all objects that are members of this name, at any depth.
fn find<'v>(name: &str, value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if key == name && member.is_object() {
                    found.push(member);
                } else {
                    find(name, member, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(name, item, found)),
        _ => {}
    }
}
