//! The dashboard in the example's folder: each of its expressions asks for what is really told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use crate::site::{START, World};

/// What who scrapes adds by itself.
const SCRAPED: [&str; 2] = ["instance", "job"];

fn dashboard() -> Value {
    serde_json::from_str(include_str!("../../grafana.json")).unwrap()
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().unwrap()
}

/// Everything that is asked of the data source, as it is written.
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

/// As the data source is asked it, with something in place of each variable.
fn filled(expression: &str) -> String {
    let filled = expression.replace("$__rate_interval", "5m");
    let filled = filled.replace("$instance", ".*").replace("$service", ".*");
    assert!(
        !filled.contains('$'),
        "a variable is not known: {expression}"
    );
    filled
}

/// The metrics that an expression asks for, and the labels by which it does.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) BTreeMap<String, BTreeSet<String>>);

impl Asked {
    pub(crate) fn of(expression: &str) -> Self {
        let parsed = parser::parse(&filled(expression));
        let parsed = parsed.unwrap_or_else(|problem| panic!("{expression}: {problem}"));
        let mut asked = Self::default();
        walk_expr(&mut asked, &parsed).unwrap();
        asked
    }

    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone().expect("a metric is named");
        let labels = selector.matchers.matchers.iter();
        let known = self.0.entry(name).or_default();
        known.extend(labels.map(|matcher| matcher.name.clone()));
    }

    /// Labels by which the metrics below are put together.
    fn group(&mut self, below: &Expr, labels: &LabelModifier) {
        let mut grouped = Self::default();
        walk_expr(&mut grouped, below).unwrap();
        for name in grouped.0.into_keys() {
            let known = self.0.entry(name).or_default();
            known.extend(labels.labels().labels.iter().cloned());
        }
    }
}

impl ExprVisitor for Asked {
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

/// Each metric of a scrape, with the labels that it has.
pub(crate) fn told(scrape: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let end = line.find(['{', ' ']).unwrap();
        let labels = told.entry(line[..end].to_owned()).or_default();
        // Only names are wanted: what stands before `="`.
        let mut pieces = line[end..].split("=\"").peekable();
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_some() {
                let name = piece.rsplit(['{', ',']).next().unwrap();
                labels.insert(name.to_owned());
            }
        }
    }
    told
}

/// What a loop tells that has seen, decided, done and refused something.
async fn scrape() -> BTreeMap<String, BTreeSet<String>> {
    let world = World::new().await;
    world.pass(Duration::from_secs(60)).await;
    let stranger = ([127, 0, 0, 1], 999).into();
    let now = START + Duration::from_secs(60);
    world
        .handle
        .telemetry()
        .lock()
        .receive(now, stranger, b"no sFlow");
    world.get("/api/v1/health").await;
    told(&world.get("/metrics").await.body)
}

#[tokio::test]
async fn every_expression_uses_existing_metrics_and_labels() {
    let told = scrape().await;
    let dashboard = dashboard();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 40);
    for expression in expressions {
        for (metric, labels) in Asked::of(&expression).0 {
            let has = told.get(&metric);
            let has = has.unwrap_or_else(|| panic!("there is no {metric}: {expression}"));
            for label in labels.iter().filter(|it| !SCRAPED.contains(&it.as_str())) {
                assert!(has.contains(label), "{metric} has no {label}: {expression}");
            }
        }
    }
}

#[tokio::test]
async fn legend_names_are_labels_of_their_metric() {
    let told = scrape().await;
    for panel in panels(&dashboard()) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let legend = target["legendFormat"].as_str().unwrap();
            let expression = target["expr"].as_str().unwrap();
            let asked = Asked::of(expression);
            for piece in legend.split("{{").skip(1) {
                let (label, _) = piece.split_once("}}").expect("it is closed");
                let mut metrics = asked.0.keys();
                let is_there = metrics.any(|metric| told[metric].contains(label));
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
    let told = scrape().await;
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
        for metric in Asked::of(selector).0.keys() {
            let is_there = told[metric].contains(label) || SCRAPED.contains(&label);
            assert!(is_there, "{query}");
        }
    }
}

#[test]
fn dashboard_is_importable_and_consistent() {
    let dashboard = dashboard();
    // Whoever imports it has a data source of another name, and dashboards of their own.
    assert!(dashboard.get("id").is_none(), "the number is another's");
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
            assert!(apart, "{} lies on {}", panel["title"], other["title"]);
        }
        places.push((panel, place));
        let title = &panel["title"];
        assert!(
            title.as_str().is_some_and(|title| !title.is_empty()),
            "{panel}"
        );
        if panel["type"] != "row" {
            assert!(panel["description"].is_string(), "what does {title} mean?");
            let refs = panel["targets"].as_array().unwrap().iter();
            let refs: BTreeSet<_> = refs.map(|target| target["refId"].as_str()).collect();
            assert_eq!(refs.len(), panel["targets"].as_array().unwrap().len());
        }
    }
}

/// All members of this name, however deep, that are objects.
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
