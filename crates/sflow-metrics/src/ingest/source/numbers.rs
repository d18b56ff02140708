use sflow_v5::field::{Field, Value};
use sflow_v5::{CounterRecord, Frame, Structure, Visitor};

use crate::catalogue::{self, elements, is_counter, is_gauge};

/// More fields than any counter record has.
const MOST: usize = 64;

/// A number that is not known; it is what a counter says then on the wire, too.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// The numbers of one record: its counters and its gauges, each in the order of columns.
#[derive(Debug)]
pub(crate) struct Numbers {
    counters: [u64; MOST],
    gauges: [u64; MOST],
    /// Which of the gauges are the bits of an `f64`.
    floats: u64,
}

/// Which column a field is.
#[derive(Clone, Copy)]
enum Place {
    Counter(u8),
    Gauge(u8),
    None,
}

/// The columns of these fields.
const fn places(fields: &[Field]) -> [Place; MOST] {
    let mut places = [Place::None; MOST];
    let (mut counters, mut gauges, mut field) = (0, 0, 0);
    while field < fields.len() {
        if is_counter(&fields[field]) {
            places[field] = Place::Counter(counters);
            counters += 1;
        } else if is_gauge(&fields[field]) {
            places[field] = Place::Gauge(gauges);
            gauges += 1;
        }
        field += 1;
    }
    places
}

/// Reads all columns of a structure; whether it can be decoded.
impl<'a> Visitor<'a> for &mut Numbers {
    type Output = bool;

    #[inline(never)]
    fn visit<T: Structure<'a>>(self, bytes: &'a [u8]) -> bool {
        let places = const { &places(T::FIELDS) };
        let Some(structure) = T::read(bytes) else {
            return false;
        };
        let mut floats = 0;
        structure.each_known(|field, value| {
            let (number, is_float) = match value {
                Some(Value::Unsigned(number)) => (number, false),
                Some(Value::Signed(number)) => ((number as f64).to_bits(), true),
                Some(Value::Float(number)) => (number.to_bits(), true),
                _ => (UNKNOWN, false),
            };
            match places[field % MOST] {
                Place::Counter(column) => self.counters[usize::from(column) % MOST] = number,
                Place::Gauge(column) => {
                    self.gauges[usize::from(column) % MOST] = number;
                    floats |= u64::from(is_float) << column;
                }
                Place::None => {}
            }
        });
        self.floats = floats;
        true
    }
}

impl Numbers {
    pub(crate) const NONE: Self = Self {
        counters: [UNKNOWN; MOST],
        gauges: [UNKNOWN; MOST],
        floats: 0,
    };

    /// Reads a record; whether it can be decoded. `None` if its structure is unknown.
    #[inline]
    pub(super) fn read(&mut self, frame: Frame<'_>) -> Option<bool> {
        let is_readable = CounterRecord::visit(frame, &mut *self);
        if elements::are_in(frame.format) {
            self.read_elements(frame);
        }
        is_readable
    }

    /// Of each kind of element in a list, the smallest number and the largest.
    #[cold]
    fn read_elements(&mut self, frame: Frame<'_>) {
        let structure = catalogue::Structure::index_of(frame.format);
        let gauges = structure.map_or(&[][..], |it| catalogue::Structure::all()[it].gauges);
        let first = gauges.partition_point(|column| column.field < elements::FIRST);
        let (_, ends) = self.gauges.split_at_mut(first);
        ends.fill(UNKNOWN);
        elements::each(frame, |element, number| {
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
    pub(crate) fn has_counter(&mut self, frame: Frame<'_>) -> bool {
        let Some(structure) = catalogue::Structure::index_of(frame.format) else {
            return false;
        };
        let counters = catalogue::Structure::all()[structure].counters.len();
        let is_known = |count: &u64| *count != UNKNOWN;
        self.read(frame) == Some(true) && self.counters[..counters].iter().any(is_known)
    }

    /// The counters in the order of columns; [`UNKNOWN`] if one is.
    #[inline]
    pub(super) fn counters(&self) -> &[u64; MOST] {
        &self.counters
    }

    /// The gauges in the order of columns, or the bits of those with a point; [`UNKNOWN`] if one is.
    #[inline]
    pub(super) fn gauges(&self) -> &[u64; MOST] {
        &self.gauges
    }

    /// Which gauges are numbers with a point.
    #[inline]
    pub(super) fn floats(&self) -> u64 {
        self.floats
    }
}

/// What such bits stand for.
pub(super) fn quantity(bits: u64, floats: u64, gauge: usize) -> Option<f64> {
    let is_float = floats >> (gauge % MOST) & 1 == 1;
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
    use sflow_v5::CounterStructure;
    use sflow_v5::counter::{HostCpu, IfCounters, Sfp};

    #[test]
    fn fields_of_all_records_fit() {
        for registered in CounterRecord::REGISTERED {
            assert!(
                registered.fields.len() <= elements::FIRST,
                "{}",
                registered.name
            );
        }
    }

    #[test]
    fn numbers_equal_fields() {
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
        check(&cpu);
        check(&interface);
        check(&optics);
    }

    fn check<T: for<'a> CounterStructure<'a>>(structure: &T) {
        let mut buffer = [0; 200];
        let frame = Frame::encode(T::FORMAT, structure, &mut buffer).unwrap();
        let mut numbers = Numbers::NONE;
        assert_eq!(numbers.read(frame), Some(true));
        let (mut counter, mut gauge) = (0, 0);
        for (index, field) in T::FIELDS.iter().enumerate() {
            let number = if is_counter(field) {
                counter += 1;
                quantity(numbers.counters()[counter - 1], 0, 0)
            } else if is_gauge(field) {
                gauge += 1;
                quantity(numbers.gauges()[gauge - 1], numbers.floats(), gauge - 1)
            } else {
                continue;
            };
            let expected = structure.known(index).and_then(|value| value.as_f64());
            assert_eq!(number, expected, "{}.{}", T::NAME, field.name);
        }
    }
}
