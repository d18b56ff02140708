use sflow_v5::CounterRecord;
use sflow_v5::field::Value;

use crate::catalogue::{Structure, elements};

/// More fields than any counter record has.
const MOST: usize = 64;

/// A number that is not known; it is what a counter says then on the wire, too.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// The numbers of one record, by field: read in one go, and looked up by whoever wants which.
#[derive(Debug)]
pub(crate) struct Numbers {
    bits: [u64; MOST],
    /// Which of them are the bits of an `f64`.
    floats: u64,
}

impl Numbers {
    pub(crate) const NONE: Self = Self {
        bits: [UNKNOWN; MOST],
        floats: 0,
    };

    /// Reads all fields of a record.
    #[inline(always)]
    pub(super) fn read(&mut self, record: &CounterRecord<'_>) {
        let (bits, mut floats) = (&mut self.bits, 0);
        record.each_known(|field, value| {
            let (number, is_float) = match value {
                Some(Value::Unsigned(number)) => (number, false),
                Some(Value::Signed(number)) => ((number as f64).to_bits(), true),
                Some(Value::Float(number)) => (number.to_bits(), true),
                _ => (UNKNOWN, false),
            };
            bits[field % MOST] = number;
            floats |= u64::from(is_float) << (field % MOST);
        });
        self.floats = floats;
        if elements::are_in(record) {
            self.read_elements(record);
        }
    }

    /// Of each kind of element in a list, the smallest number and the largest.
    #[cold]
    fn read_elements(&mut self, record: &CounterRecord<'_>) {
        let (_, ends) = self.bits.split_at_mut(elements::FIRST);
        ends.fill(UNKNOWN);
        elements::each(record, |element, number| {
            if let Some([lowest, highest]) = ends.get_mut(2 * element..2 * element + 2) {
                *lowest = number.min(*lowest);
                *highest = match *highest {
                    UNKNOWN => number,
                    highest => number.max(highest),
                };
            }
        });
    }

    /// Reads a record; returns whether it has a known counter.
    pub(crate) fn has_counter(&mut self, record: &CounterRecord<'_>) -> bool {
        if matches!(record, CounterRecord::Malformed(..)) {
            return false;
        }
        let Some(structure) = Structure::index_of(record.format()) else {
            return false;
        };
        self.read(record);
        let mut counters = Structure::all()[structure].counters.iter();
        counters.any(|column| self.bits(column.field) != UNKNOWN)
    }

    /// The number of a field, or the bits of one with a point; [`UNKNOWN`] if it is.
    #[inline]
    pub(super) fn bits(&self, field: usize) -> u64 {
        self.bits[field % MOST]
    }

    /// Which fields are numbers with a point.
    pub(super) fn floats(&self) -> u64 {
        self.floats
    }
}

/// What such bits stand for.
pub(super) fn quantity(bits: u64, floats: u64, field: usize) -> Option<f64> {
    let is_float = floats >> (field % MOST) & 1 == 1;
    let value = if is_float {
        f64::from_bits(bits)
    } else {
        bits as f64
    };
    (bits != UNKNOWN && value.is_finite()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sflow_v5::CounterRecord;
    use sflow_v5::counter::{HostCpu, IfCounters, Sfp};

    #[test]
    fn no_record_has_more_fields() {
        for registered in CounterRecord::REGISTERED {
            assert!(
                registered.fields.len() <= elements::FIRST,
                "{}",
                registered.name
            );
        }
    }

    #[test]
    fn numbers_are_those_of_the_fields() {
        let cpu = HostCpu {
            load_one: 1.5.into(),
            cpu_num: 8.into(),
            ..HostCpu::default()
        };
        let interface = IfCounters {
            if_speed: (1 << 40).into(),
            ..IfCounters::default()
        };
        let optics = Sfp {
            module_temperature: (-40_000).into(),
            ..Sfp::default()
        };
        let mut numbers = Numbers::NONE;
        for record in [cpu.into(), interface.into(), optics.into()] {
            let record: CounterRecord<'_> = record;
            numbers.read(&record);
            for field in 0..record.fields().len() {
                let expected = match record.known(field) {
                    Some(Value::Unsigned(number)) => number as f64,
                    Some(Value::Signed(number)) => number as f64,
                    Some(Value::Float(number)) => number,
                    _ => f64::NAN,
                };
                let quantity = quantity(numbers.bits(field), numbers.floats(), field);
                let expected = Some(expected).filter(|expected| !expected.is_nan());
                assert_eq!(quantity, expected, "{record:?}, field {field}");
            }
        }
    }
}
