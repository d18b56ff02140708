//! Which metrics of applications are kept: those that a policy or a recent question uses.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use sflow_metrics::{
    MetricKind, Registry, Timestamp,
    query::{Expression, Query},
};

use super::Question;

/// A question is recent for so long after it was last asked.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// Names of recent questions at most; a new one takes the place of the oldest.
const MOST: usize = 256;

/// Names without `custom.`, of at most 255 bytes each.
#[derive(Debug, Default)]
pub(super) struct CustomMetrics {
    /// `None` until the policies are known: then all are kept.
    policies: Option<HashSet<Box<str>>>,
    /// In the order of their last use.
    questions: VecDeque<(Box<str>, Timestamp)>,
}

impl CustomMetrics {
    /// Sets the questions of all policies.
    pub(super) fn set_policies<'q>(
        &mut self,
        questions: impl Iterator<Item = &'q Question>,
        registry: &mut Registry,
    ) {
        let names = questions.flat_map(|question| names(question.query()));
        let policies: Option<HashSet<Box<str>>> = Some(names.map(Into::into).collect());
        if policies != self.policies {
            self.policies = policies;
            self.apply(registry);
        }
    }

    /// Keeps the metrics of a question for a while.
    pub(super) fn record_question(
        &mut self,
        now: Timestamp,
        query: &Query,
        registry: &mut Registry,
    ) {
        let mut has_new = false;
        for name in names(query) {
            let known = self
                .questions
                .iter()
                .position(|(known, _)| **known == *name);
            match known.and_then(|place| self.questions.remove(place)) {
                Some((name, _)) => self.questions.push_back((name, now)),
                None => {
                    has_new = true;
                    self.questions.push_back((name.into(), now));
                }
            }
        }
        while self.questions.len() > MOST {
            self.questions.pop_front();
        }
        if has_new {
            self.apply(registry);
        }
    }

    /// Forgets questions that are not recent any more.
    pub(super) fn expire(&mut self, now: Timestamp, registry: &mut Registry) {
        let before = self.questions.len();
        // A clock that was set back makes none of them recent for longer.
        self.questions
            .retain(|(_, at)| *at <= now + RECENT && now - *at <= RECENT);
        if self.questions.len() < before {
            self.apply(registry);
        }
    }

    fn apply(&self, registry: &mut Registry) {
        let Some(policies) = &self.policies else {
            return;
        };
        let questions = self.questions.iter().map(|(name, _)| name.clone());
        registry.keep_custom_metrics(Some(policies.iter().cloned().chain(questions).collect()));
    }
}

/// The names of applications' metrics in a query.
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
            .questions
            .iter()
            .map(|(name, _)| &**name)
            .chain(policies.map(|name| &**name))
            .collect();
        names.iter().map(|name| kept.contains(name)).collect()
    }

    #[test]
    fn questions_are_kept_for_a_while_and_never_push_out_policies() {
        let mut registry = Registry::new(Config::default());
        let mut custom = CustomMetrics::default();
        let orders = Question::new(&["custom.orders", "vir_cpu_cores"]).unwrap();
        custom.set_policies([&orders].into_iter(), &mut registry);
        let at = Timestamp::from_secs;
        let ask = |custom: &mut CustomMetrics, registry: &mut Registry, second, text: &str| {
            let query = text.parse().unwrap();
            custom.record_question(at(second), &query, registry);
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
        assert!(custom.questions.len() <= MOST);
        custom.expire(at(102 + 15 * 60), &mut registry);
        assert_eq!(kept(&custom, &["junk999", "open"]), [false, true]);
        custom.expire(at(103 + 15 * 60), &mut registry);
        assert_eq!(kept(&custom, &["orders", "open"]), [true, false]);
    }
}
