//! Results of the query, with the number of entities that contributed.

use std::rc::Rc;

use sflow_metrics::query::{Groups, Query};

use super::family::{Family, Number, SeriesBudget};
use super::labels::Labels;

pub(super) fn of_query(query: &Query, groups: &Groups, budget: &mut SeriesBudget) -> Vec<Family> {
    let mut value = Family::new(
        "sflow_answer",
        "Value of an expression of the query, in the unit of its metrics",
    );
    let mut contributing = Family::new(
        "sflow_answer_contributing",
        "Entities that contributed to the value",
    );
    let mut matched = Family::new(
        "sflow_answer_matched",
        "Entities that the query selects, with or without a value",
    );
    for group in &groups.groups {
        for (expression, summary) in query.expressions().iter().zip(&group.summaries) {
            let labels = Rc::new(Labels::of_answer(expression, &group.name));
            let is_admitted = budget.admits(&labels, "");
            for (family, number) in [
                (&mut value, summary.value.and_then(Number::level)),
                (&mut contributing, Some(Number::of(summary.contributing))),
                (&mut matched, Some(Number::of(summary.matched))),
            ] {
                if let Some(number) = number
                    && budget.reserve(is_admitted, family.encoded_len(&labels, ""))
                {
                    family.push(&labels, number);
                }
            }
        }
    }
    let ungrouped = Family::single(
        "sflow_answer_ungrouped",
        "Entities in no group: without the key, or beyond the maximum number of groups",
        Number::Level((groups.ungrouped + groups.left_out) as f64),
    );
    let is_grouped = query.grouping().is_some();
    [value, contributing, matched]
        .into_iter()
        .chain(is_grouped.then_some(ungrouped))
        .collect()
}
