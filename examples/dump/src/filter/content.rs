use sflow_v5::DataFormat;

use super::condition::matches;
use crate::record::Space;

/// The formats of samples and records that match one kind of condition.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    samples: Vec<DataFormat>,
    flow: Vec<DataFormat>,
    counter: Vec<DataFormat>,
}

impl Wanted {
    /// Adds a format, which may be that of a sample, a flow record and a counter record.
    pub(super) fn add_format(&mut self, format: DataFormat) {
        for space in Space::ALL {
            self.of_mut(space).push(format);
        }
    }

    /// Adds all samples and records whose names match a pattern.
    pub(super) fn add_names(&mut self, pattern: &str) {
        for space in Space::ALL {
            let named = space.names().filter(|(_, name)| matches(pattern, name));
            self.of_mut(space).extend(named.map(|(format, _)| format));
        }
    }

    pub(super) fn has(&self, space: Space, format: DataFormat) -> bool {
        self.of(space).contains(&format)
    }

    pub(super) fn is_empty(&self) -> bool {
        Space::ALL.iter().all(|space| self.of(*space).is_empty())
    }

    fn of(&self, space: Space) -> &[DataFormat] {
        match space {
            Space::Sample => &self.samples,
            Space::Flow => &self.flow,
            Space::Counter => &self.counter,
        }
    }

    fn of_mut(&mut self, space: Space) -> &mut Vec<DataFormat> {
        match space {
            Space::Sample => &mut self.samples,
            Space::Flow => &mut self.flow,
            Space::Counter => &mut self.counter,
        }
    }
}

/// Whether a sample, or a record in a sample, can match all kinds of conditions.
pub(super) fn can_match(kinds: &[Wanted]) -> bool {
    let [one, other] = kinds else {
        return true;
    };
    // The sample matches one and a record in it the other, or the same item matches both.
    let records = |wanted: &Wanted| !wanted.flow.is_empty() || !wanted.counter.is_empty();
    let crosswise = |one: &Wanted, other: &Wanted| {
        let mut samples = one.samples.iter();
        records(other) && samples.any(|format| Space::Sample.name(*format).is_some())
    };
    let same = Space::ALL.iter().any(|space| {
        let mut formats = one.of(*space).iter();
        formats.any(|format| other.has(*space, *format))
    });
    same || crosswise(one, other) || crosswise(other, one)
}
