use sflow_metrics::{
    Metric,
    entity::Kind as EntityKind,
    query::{self, Expression, Query},
};

use crate::policy::{Band, Rule};

/// The metrics of a rule, as a query to the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricQuery {
    metrics: Vec<String>,
    query: Query,
}

impl MetricQuery {
    /// A query for these metrics: names, or sums of names (`vir_bytes_in+vir_bytes_out`).
    ///
    /// # Errors
    ///
    /// If a metric is unknown.
    pub fn new(metrics: &[&str]) -> Result<Self, query::Error> {
        let expressions: Vec<String> = metrics
            .iter()
            .map(|metric| format!("avg:{metric}"))
            .collect();
        Ok(Self {
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            query: expressions.join(",").parse()?,
        })
    }

    /// The metrics, in order.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The kind of entity that has the metric at `index`.
    pub fn entity_kind(&self, index: usize) -> Option<EntityKind> {
        let expression = self.query.expressions().get(index)?;
        Some(expression.entity())
    }

    /// The summands of the metric at `index`.
    pub fn parts(&self, index: usize) -> &[Metric] {
        let expression = self.query.expressions().get(index);
        expression.map_or(&[], Expression::metrics)
    }

    /// The summands of all metrics.
    pub(crate) fn all_parts(&self) -> impl Iterator<Item = &Metric> {
        let expressions = self.query.expressions().iter();
        expressions.flat_map(Expression::metrics)
    }

    /// The unit of the metric at `index`, as text: `B/s`, `%`, `cores`.
    pub fn unit(&self, index: usize) -> String {
        match self.parts(index).first().map_or("", Metric::unit) {
            "bytes/s" => "B/s".to_owned(),
            "bytes" => "B".to_owned(),
            unit => unit.to_owned(),
        }
    }

    /// Each metric with its unit and the range in which this rule keeps the size.
    pub fn bands(&self, rule: &Rule) -> Vec<Band> {
        let band = |(index, metric): (usize, &String)| {
            let (lower, upper) = rule.band(index).unwrap_or_default();
            Band {
                metric: metric.clone(),
                unit: self.unit(index),
                lower,
                upper,
                target: rule.target_of(index),
            }
        };
        self.metrics.iter().enumerate().map(band).collect()
    }

    /// The query to the registry.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }
}
