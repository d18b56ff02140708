//! What a query comes to, and on how much it stands.

use std::rc::Rc;

use sflow_metrics::{Registry, Timestamp, query::Query};

use super::family::{Family, Number, Room};
use super::labels::Labels;

pub(super) fn of_query(
    query: &Query,
    registry: &Registry,
    now: Timestamp,
    room: &mut Room,
) -> Vec<Family> {
    let mut value = Family::new(
        "sflow_answer",
        "What an expression of the query comes to, in the unit of its metrics",
    );
    let mut contributing = Family::new(
        "sflow_answer_contributing",
        "Entities that the answer stands on",
    );
    let mut matched = Family::new(
        "sflow_answer_matched",
        "Entities that the query is about, whether they have a value or not",
    );
    let groups = registry.query_groups(now, query);
    for group in &groups.groups {
        for (expression, summary) in query.expressions().iter().zip(&group.summaries) {
            let labels = Rc::new(Labels::of_answer(expression, &group.name));
            let is_admitted = room.admits(&labels, "");
            for (family, number) in [
                (&mut value, summary.value.and_then(Number::level)),
                (&mut contributing, Some(Number::of(summary.contributing))),
                (&mut matched, Some(Number::of(summary.matched))),
            ] {
                if let Some(number) = number
                    && room.take(is_admitted, family.encoded_len(&labels, ""))
                {
                    family.push(&labels, number);
                }
            }
        }
    }
    let ungrouped = Family::single(
        "sflow_answer_ungrouped",
        "Entities in none of the groups, since they lack what it takes or there are too many",
        Number::Level((groups.ungrouped + groups.left_out) as f64),
    );
    let is_grouped = query.grouping().is_some();
    [value, contributing, matched]
        .into_iter()
        .chain(is_grouped.then_some(ungrouped))
        .collect()
}
