//! Questions: which flows to show, with which measure and filter, and their text form.

mod fields;
mod value;

use std::time::Duration;

use sflow_metrics::flow;

pub use fields::{Field, Fields, Mistake};
pub use value::Value;

use untrusted::printable;

/// Default number of listed flows.
pub const TOP: usize = 20;

/// Maximum number of listed flows.
pub const MOST: usize = 1000;

/// Which flows to show and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The keys that distinguish flows.
    pub keys: Vec<flow::Key>,
    /// The measure and its unit.
    pub value: Value,
    /// The filters of packets.
    pub filters: Vec<flow::Filter>,
    /// The length of a tumbling window, instead of smoothing or sums.
    pub window: Option<Duration>,
    /// The time constant of smoothing; `None` for sums.
    pub smoothing: Option<Duration>,
    /// How to combine the values of several data sources.
    pub aggregate: Aggregate,
    /// Maximum number of listed flows.
    pub top: usize,
    /// Flows with smaller values, in the displayed unit, are not listed.
    pub least: f64,
    /// The order of the list.
    pub sort: Sort,
}

/// How to combine the values of a flow that several data sources sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// The sum over all data sources.
    #[default]
    Sum,
    /// The maximum, so that a packet that passes several data sources is counted once.
    Max,
}

/// The order of listed flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// The column of a key; `None` for the value.
    pub column: Option<usize>,
    /// Reverses the order: smallest value first, names descending.
    pub is_reversed: bool,
}

/// The part of a question that determines the measurement; questions with equal parts share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The definition in the registry; it may have more keys than the question.
    pub definition: flow::Definition,
    /// How to combine these.
    pub aggregate: Aggregate,
    /// Number of keys of the question: the first ones of the definition.
    pub keys: usize,
}

impl Question {
    /// Bits per second of flows with these keys.
    pub fn new(keys: impl IntoIterator<Item = flow::Key>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            value: Value::default(),
            filters: Vec::new(),
            window: None,
            smoothing: Some(flow::Definition::SMOOTHING),
            aggregate: Aggregate::default(),
            top: TOP,
            least: 0.0,
            sort: Sort::default(),
        }
    }

    /// Adds a filter for packets with, or without, this value.
    #[must_use]
    pub fn narrowed(&self, key: flow::Key, value: &flow::Value, how: Narrow) -> Self {
        let filter = match (how, flow::Test::exactly(value)) {
            (Narrow::To, _) => flow::Filter::exactly(key, value),
            (Narrow::Without, Some(test)) => flow::Filter::not(key, [test]),
            (Narrow::Without, None) => flow::Filter::new(key, [flow::Test::Present]),
        };
        let mut narrowed = self.clone();
        if !narrowed.filters.contains(&filter) {
            narrowed.filters.push(filter);
        }
        narrowed
    }

    /// The displayed unit: `bits/s`, or `bits` for sums.
    pub fn unit(&self) -> String {
        let averaged = self.window.or(self.smoothing);
        match averaged.filter(|_| self.value.is_rate()) {
            Some(_) => format!("{}/s", self.value.unit()),
            None => self.value.unit().to_owned(),
        }
    }

    /// The measurement that answers the question.
    pub fn measured(&self) -> Measured {
        let mut keys = self.keys.clone();
        let mut top = MOST;
        if self.aggregate == Aggregate::Max {
            // The maximum over data sources is computed afterwards and needs all rows.
            top = usize::MAX;
            keys.extend([flow::Key::Agent, flow::Key::SubAgent, flow::Key::DataSource]);
        }
        let mut definition = flow::Definition::new(keys)
            .measuring(self.value.measure.clone())
            .listing(top)
            .smoothed_over(self.smoothing);
        if let Some(length) = self.window {
            definition = definition.tumbling_over(length);
        }
        for filter in &self.filters {
            definition = definition.matching(filter.clone());
        }
        Measured {
            definition,
            aggregate: self.aggregate,
            keys: self.keys.len(),
        }
    }
}

/// Parses a time constant: `2s`, `500ms`, or `off` for none.
///
/// # Errors
///
/// If it is neither a duration nor `off`; the error is a message for users.
pub fn smoothing(text: &str) -> Result<Option<Duration>, String> {
    let definition = match text.contains(';') {
        true => None,
        false => format!("keys=;smooth={text}")
            .parse::<flow::Definition>()
            .ok(),
    };
    let error = || {
        format!(
            "`{}` is not a duration such as 500ms, 10s or 1m, nor `off`",
            printable(text)
        )
    };
    definition
        .map(|definition| definition.smoothing())
        .ok_or_else(error)
}

/// How to filter by a selected value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrow {
    /// Only packets with the value.
    To,
    /// Only packets without the value.
    Without,
}

impl Aggregate {
    /// The name in options.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
        }
    }

    /// The other mode.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sum => Self::Max,
            Self::Max => Self::Sum,
        }
    }
}

impl Sort {
    /// Sorts by this column; reverses the order if it is already sorted by it.
    #[must_use]
    pub fn by(self, column: Option<usize>) -> Self {
        Self {
            column,
            is_reversed: self.column == column && !self.is_reversed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_value_becomes_a_filter() {
        let all = Question::new([flow::Key::IpSource]);
        let address = flow::Value::Ip([10, 0, 0, 1].into());
        let filters = |question: &Question| Fields::of(question).filter;
        let one = all.narrowed(flow::Key::IpSource, &address, Narrow::To);
        assert_eq!(filters(&one), "ip.src=10.0.0.1");
        assert_eq!(one.narrowed(flow::Key::IpSource, &address, Narrow::To), one);
        let rest = all.narrowed(flow::Key::IpSource, &address, Narrow::Without);
        assert_eq!(filters(&rest), "ip.src!=10.0.0.1");
        let untagged = all.narrowed(flow::Key::Vlan, &flow::Value::Absent, Narrow::To);
        assert_eq!(filters(&untagged), "vlan!=*");
        let tagged = all.narrowed(flow::Key::Vlan, &flow::Value::Absent, Narrow::Without);
        assert_eq!(filters(&tagged), "vlan=*");
    }

    #[test]
    fn display_options_do_not_change_measurement() {
        let question = Question::new([flow::Key::IpSource]);
        let shown = Question {
            top: 5,
            least: 9.0,
            sort: Sort::default().by(Some(0)),
            ..question.clone()
        };
        assert_eq!(question.measured(), shown.measured());
        let most = Question {
            aggregate: Aggregate::Max,
            ..question.clone()
        };
        assert_ne!(question.measured(), most.measured());
    }
}
