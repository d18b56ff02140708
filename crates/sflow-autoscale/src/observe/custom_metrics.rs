//! Custom metrics that the registry keeps: those that a policy or a recent query uses.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use sflow_metrics::{
    MetricKind, Registry, Timestamp,
    query::{Expression, Query},
};

use super::metric_query::MetricQuery;

/// Time for which the metrics of a query are kept after it.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// Limit of names of recent queries; a new one replaces the oldest.
const MAX_RECENT: usize = 256;

/// Names without `custom.`, of at most 255 bytes each.
#[derive(Debug, Default)]
pub(super) struct CustomMetrics {
    /// `None` until the policies are known: until then all metrics are kept.
    policies: Option<HashSet<Box<str>>>,
    /// In the order of their last use.
    queries: VecDeque<(Box<str>, Timestamp)>,
}

impl CustomMetrics {
    /// Sets the queries of all policies.
    pub(super) fn set_policy_queries<'q>(
        &mut self,
        queries: impl Iterator<Item = &'q MetricQuery>,
        registry: &mut Registry,
    ) {
        let names = queries.flat_map(|query| names(query.query()));
        let policies: Option<HashSet<Box<str>>> = Some(names.map(Into::into).collect());
        if policies != self.policies {
            self.policies = policies;
            self.apply(registry);
        }
    }

    /// Keeps the metrics of a query for [`RECENT`].
    pub(super) fn record_query(&mut self, now: Timestamp, query: &Query, registry: &mut Registry) {
        let mut has_new = false;
        for name in names(query) {
            let known = self.queries.iter().position(|(known, _)| **known == *name);
            match known.and_then(|place| self.queries.remove(place)) {
                Some((name, _)) => self.queries.push_back((name, now)),
                None => {
                    has_new = true;
                    self.queries.push_back((name.into(), now));
                }
            }
        }
        while self.queries.len() > MAX_RECENT {
            self.queries.pop_front();
        }
        if has_new {
            self.apply(registry);
        }
    }

    /// Removes queries that are not recent any more.
    pub(super) fn expire(&mut self, now: Timestamp, registry: &mut Registry) {
        let before = self.queries.len();
        // A clock that was set back does not prolong the time.
        self.queries
            .retain(|(_, at)| *at <= now + RECENT && now - *at <= RECENT);
        if self.queries.len() < before {
            self.apply(registry);
        }
    }

    fn apply(&self, registry: &mut Registry) {
        let Some(policies) = &self.policies else {
            return;
        };
        let queries = self.queries.iter().map(|(name, _)| name.clone());
        registry.keep_custom_metrics(Some(policies.iter().cloned().chain(queries).collect()));
    }
}

/// The names of the custom metrics in a query.
fn names(query: &Query) -> impl Iterator<Item = &str> {
    let metrics = query.expressions().iter().flat_map(Expression::metrics);
    metrics
        .filter(|metric| metric.kind() == MetricKind::Custom)
        .filter_map(|metric| metric.name().strip_prefix("custom."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sflow_metrics::Config;

    /// Which of these names are kept.
    fn kept(custom: &CustomMetrics, names: &[&str]) -> Vec<bool> {
        let policies = custom.policies.iter().flatten();
        let kept: HashSet<&str> = custom
            .queries
            .iter()
            .map(|(name, _)| &**name)
            .chain(policies.map(|name| &**name))
            .collect();
        names.iter().map(|name| kept.contains(name)).collect()
    }

    #[test]
    fn recent_queries_are_kept_and_never_displace_policies() {
        let mut registry = Registry::new(Config::default());
        let mut custom = CustomMetrics::default();
        let orders = MetricQuery::new(&["custom.orders", "vir_cpu_cores"]).unwrap();
        custom.set_policy_queries([&orders].into_iter(), &mut registry);
        let at = Timestamp::from_secs;
        let ask = |custom: &mut CustomMetrics, registry: &mut Registry, second, text: &str| {
            let query = text.parse().unwrap();
            custom.record_query(at(second), &query, registry);
        };
        ask(&mut custom, &mut registry, 100, "avg:custom.first");
        for number in 0..1_000 {
            let text = format!("sum:custom.junk{number}");
            ask(&mut custom, &mut registry, 101, &text);
        }
        ask(
            &mut custom,
            &mut registry,
            102,
            "avg:custom.open+custom.done",
        );
        let names = ["orders", "first", "junk0", "junk999", "open", "done"];
        let expected = [true, false, false, true, true, true];
        assert_eq!(kept(&custom, &names), expected);
        assert!(custom.queries.len() <= MAX_RECENT);
        custom.expire(at(102 + 15 * 60), &mut registry);
        assert_eq!(kept(&custom, &["junk999", "open"]), [false, true]);
        custom.expire(at(103 + 15 * 60), &mut registry);
        assert_eq!(kept(&custom, &["orders", "open"]), [true, false]);
    }
}
