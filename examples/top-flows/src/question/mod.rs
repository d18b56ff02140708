//! What is asked: which flows, what of them, of which packets; as it is typed, and what is wrong
//! with what was typed.

mod fields;
mod value;

use std::time::Duration;

use sflow_metrics::flow;

pub use fields::{Field, Fields, Mistake};
pub use value::Value;

use untrusted::printable;

/// Flows listed, unless something else is said.
pub const TOP: usize = 20;

/// Flows listed at most.
pub const MOST: usize = 1000;

/// Which flows to show, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What tells flows apart.
    pub keys: Vec<flow::Key>,
    /// What is measured, and in what it is told.
    pub value: Value,
    /// What packets have to pass.
    pub filters: Vec<flow::Filter>,
    /// The time constant; `None` for sums.
    pub smoothing: Option<Duration>,
    /// What becomes of a flow that several data sources see.
    pub aggregate: Aggregate,
    /// How many are listed.
    pub top: usize,
    /// Flows below this, in the unit that is shown, are not listed.
    pub least: f64,
    /// In which order.
    pub sort: Sort,
}

/// What becomes of a flow that several data sources see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// All of it: what each data source saw is added.
    #[default]
    Sum,
    /// The most that one of them saw: a packet that passes several counts once.
    Max,
}

/// The order of what is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By this key; by value if none.
    pub column: Option<usize>,
    /// The other way round: the lightest first, names from the end.
    pub is_reversed: bool,
}

/// What two questions share if one measurement answers both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// As the registry is told; it may have more keys than the question.
    pub definition: flow::Definition,
    /// What to do with these.
    pub aggregate: Aggregate,
    /// Keys of the question: the first ones of the definition.
    pub keys: usize,
}

impl Question {
    /// Bits per second of the flows that these keys tell apart.
    pub fn new(keys: impl IntoIterator<Item = flow::Key>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            value: Value::default(),
            filters: Vec::new(),
            smoothing: Some(flow::Definition::SMOOTHING),
            aggregate: Aggregate::default(),
            top: TOP,
            least: 0.0,
            sort: Sort::default(),
        }
    }

    /// Of these packets only those that have, or have not, this value.
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

    /// The unit of what is told: `bits/s`, or `bits` of sums.
    pub fn unit(&self) -> String {
        match self.smoothing.filter(|_| self.value.is_rate()) {
            Some(_) => format!("{}/s", self.value.unit()),
            None => self.value.unit().to_owned(),
        }
    }

    /// What has to be measured to answer it.
    pub fn measured(&self) -> Measured {
        let mut keys = self.keys.clone();
        let mut top = MOST;
        if self.aggregate == Aggregate::Max {
            // What each data source saw is folded afterwards: all of it is needed.
            top = usize::MAX;
            keys.extend([flow::Key::Agent, flow::Key::SubAgent, flow::Key::DataSource]);
        }
        let mut definition = flow::Definition::new(keys)
            .measuring(self.value.measure.clone())
            .listing(top)
            .smoothed_over(self.smoothing);
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

/// A time constant as it is typed: `2s`, `500ms`, or `off` for none.
///
/// # Errors
///
/// If it is something else; the error says what can be given.
pub fn smoothing(text: &str) -> Result<Option<Duration>, String> {
    let definition = match text.contains(';') {
        true => None,
        false => format!("keys=;smooth={text}")
            .parse::<flow::Definition>()
            .ok(),
    };
    let wrong = || {
        format!(
            "`{}` is no length of time such as 500ms, 10s or 1m, nor `off`",
            printable(text)
        )
    };
    definition
        .map(|definition| definition.smoothing())
        .ok_or_else(wrong)
}

/// What to do with a value that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrow {
    /// Only what has it.
    To,
    /// All but what has it.
    Without,
}

impl Aggregate {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Sum => Self::Max,
            Self::Max => Self::Sum,
        }
    }
}

impl Sort {
    /// By this column from now on; the other way round if it was that already.
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
    fn a_value_that_was_chosen_becomes_a_filter() {
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
    fn how_it_is_shown_does_not_change_what_is_measured() {
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
