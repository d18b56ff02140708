use sflow_v5::field::{Field, Value};
use sflow_v5::{CounterRecord, Frame, Structure, Visitor};

use super::limits::AtMost;
use crate::catalogue::{self, Ceiling, CounterColumn, GaugeColumn, elements, is_counter, is_gauge};
use crate::health::Health;
use crate::ingest::sequencing::counter::{Step, step};

/// Maximum number of fields of a counter record.
pub(super) const MAX_FIELDS: usize = 64;

/// An unknown number. Counters have the same value for "unknown".
pub(super) const UNKNOWN: u64 = u64::MAX;

/// The update of a row by a record: a visitor, which is compiled for each structure.
pub(super) struct RowUpdate<'r> {
    /// Two words for each counter, its baseline and its last difference, then one for each gauge.
    pub(super) cells: &'r mut [u64],
    pub(super) at_most: &'r AtMost,
    /// Buffer for the counters.
    pub(super) numbers: &'r mut [u64; MAX_FIELDS],
    pub(super) health: &'r mut Health,
    /// Not zero if a counter advanced.
    pub(super) advances: u64,
    /// Largest rejected increase of a counter of bytes.
    pub(super) rejected_bytes: u64,
    /// Bit `n`: gauge `n` contains the bits of an `f64`.
    pub(super) floats: u64,
}

/// The columns of a structure.
struct Columns {
    places: [Place; MAX_FIELDS],
    columns: [CounterColumn; MAX_FIELDS],
    counters: usize,
    gauges: usize,
}

/// The column of a field.
#[derive(Clone, Copy)]
enum Place {
    Counter(u8),
    Gauge(u8),
    None,
}

impl Columns {
    const fn of(structure: &'static str, fields: &[Field]) -> Self {
        let mut columns = Self {
            places: [Place::None; MAX_FIELDS],
            columns: [CounterColumn::FILLER; MAX_FIELDS],
            counters: 0,
            gauges: 0,
        };
        let mut field = 0;
        while field < fields.len() {
            if is_counter(&fields[field]) {
                columns.places[field] = Place::Counter(columns.counters as u8);
                columns.columns[columns.counters] = CounterColumn::of(structure, &fields[field]);
                columns.counters += 1;
            } else if is_gauge(&fields[field]) {
                columns.places[field] = Place::Gauge(columns.gauges as u8);
                columns.gauges += 1;
            }
            field += 1;
        }
        columns
    }
}

/// Returns whether the structure can be decoded.
impl<'a> Visitor<'a> for &mut RowUpdate<'_> {
    type Output = bool;

    #[inline(never)]
    fn visit<T: Structure<'a>>(self, bytes: &'a [u8]) -> bool {
        let columns = const { &Columns::of(T::NAME, T::FIELDS) };
        let Some(structure) = T::from_bytes(bytes) else {
            return false;
        };
        let Some((counters, cells)) = self.cells.split_at_mut_checked(2 * columns.counters) else {
            return false;
        };
        let Some(gauges) = cells.get_mut(..columns.gauges) else {
            return false;
        };
        let mut floats = 0;
        // A larger closure is not inlined for each field.
        structure.each_known(|field, value| {
            let (number, is_float) = match value {
                Some(Value::Unsigned(number)) => (number, false),
                Some(Value::Signed(number)) => ((number as f64).to_bits(), true),
                Some(Value::Float(number)) => (number.to_bits(), true),
                _ => (UNKNOWN, false),
            };
            match columns.places[field % MAX_FIELDS] {
                Place::Counter(place) => self.numbers[usize::from(place) % MAX_FIELDS] = number,
                Place::Gauge(place) => {
                    gauges[usize::from(place)] = number;
                    floats |= u64::from(is_float) << place;
                }
                Place::None => {}
            }
        });
        self.floats = floats;
        let mut unusual = Unusual {
            health: &mut *self.health,
            advances: 0,
            bytes: 0,
        };
        let mut advances = 0;
        let counters = counters.as_chunks_mut().0.iter_mut().zip(&*self.numbers);
        for (([before, growth], number), column) in counters.zip(&columns.columns) {
            let at_most = self.at_most[column.ceiling as usize];
            let difference = number.wrapping_sub(*before);
            // An unknown number becomes 0, and an unknown baseline is larger than any number.
            if number.wrapping_add(1) > *before && difference <= at_most {
                *growth = difference;
                advances |= difference;
            } else {
                *growth = unusual.difference(*column, [*before, *number, at_most, *growth]);
            }
            *before = *number;
        }
        self.advances = advances | unusual.advances;
        self.rejected_bytes = unusual.bytes;
        true
    }
}

/// Counters that did not simply advance.
struct Unusual<'r> {
    health: &'r mut Health,
    /// Not zero if one of them advanced.
    advances: u64,
    /// Largest rejected increase of a counter of bytes.
    bytes: u64,
}

impl Unusual<'_> {
    /// The difference of a counter.
    #[cold]
    #[inline(never)]
    fn difference(
        &mut self,
        column: CounterColumn,
        [before, now, at_most, recently]: [u64; 4],
    ) -> u64 {
        if now == UNKNOWN {
            return UNKNOWN;
        }
        let known = |number| (number != UNKNOWN).then_some(number);
        match step(column.width, known(before), now, at_most, known(recently)) {
            Step::Advanced(growth) => {
                self.advances |= growth;
                return growth;
            }
            Step::Wrapped(growth) => {
                self.health.counter_wraps += 1;
                self.advances |= growth;
                return growth;
            }
            Step::First | Step::Unavailable => {}
            Step::Reset => self.health.counter_resets += 1,
            Step::Implausible => self.health.counter_jumps += 1,
        }
        if column.ceiling == Ceiling::Line {
            self.bytes = now.saturating_sub(before).max(self.bytes);
        }
        UNKNOWN
    }
}

impl RowUpdate<'_> {
    /// Writes the smallest and the largest number of each kind of element in a list.
    #[cold]
    pub(super) fn add_elements(&mut self, frame: Frame<'_>) {
        let Some(structure) = catalogue::Structure::index_of(frame.format) else {
            return;
        };
        let structure = &catalogue::Structure::all()[structure];
        let is_field = |column: &GaugeColumn| column.field < elements::FIRST;
        let first = 2 * structure.counters.len() + structure.gauges.partition_point(is_field);
        let end = 2 * structure.counters.len() + structure.gauges.len();
        let Some(ends) = self.cells.get_mut(first..end) else {
            return;
        };
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
}

/// Whether the structure in a frame can be decoded; `None` if its number is unknown.
pub(super) fn is_readable(frame: Frame<'_>) -> Option<bool> {
    struct Read;
    impl<'a> Visitor<'a> for Read {
        type Output = bool;

        fn visit<T: Structure<'a>>(self, bytes: &'a [u8]) -> bool {
            T::from_bytes(bytes).is_some()
        }
    }
    CounterRecord::dispatch(frame, Read)
}

/// Whether a record has a known counter.
pub(crate) fn has_counter(record: &CounterRecord<'_>) -> bool {
    let mut fields = record.fields().iter().enumerate();
    fields.any(|(index, field)| is_counter(field) && record.known(index).is_some())
}

/// The value of a gauge.
pub(super) fn quantity(bits: u64, floats: u64, gauge: usize) -> Option<f64> {
    let is_float = floats >> (gauge % MAX_FIELDS) & 1 == 1;
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
    use sflow_v5::counter::{HostCpu, IfCounters, Sfp};
    use sflow_v5::{CounterStructure, DataFormat};

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
        check(HostCpu::FORMAT, &cpu);
        check(IfCounters::FORMAT, &interface);
        check(Sfp::FORMAT, &optics);
    }

    fn check<'a, T: Structure<'a>>(format: DataFormat, structure: &T) {
        let mut buffer = [0; 200];
        let frame = Frame::encode(format, structure, &mut buffer).unwrap();
        let mut cells = [UNKNOWN; 2 * MAX_FIELDS];
        let mut update = RowUpdate {
            cells: &mut cells,
            at_most: &AtMost::default(),
            numbers: &mut [UNKNOWN; MAX_FIELDS],
            health: &mut Health::default(),
            advances: 0,
            rejected_bytes: 0,
            floats: 0,
        };
        assert_eq!(CounterRecord::dispatch(frame, &mut update), Some(true));
        let floats = update.floats;
        let counters = 2 * T::FIELDS.iter().filter(|field| is_counter(field)).count();
        let (mut counter, mut gauge) = (0, 0);
        for (index, field) in T::FIELDS.iter().enumerate() {
            let number = if is_counter(field) {
                counter += 1;
                quantity(cells[2 * (counter - 1)], 0, 0)
            } else if is_gauge(field) {
                gauge += 1;
                quantity(cells[counters + gauge - 1], floats, gauge - 1)
            } else {
                continue;
            };
            let expected = structure.known(index).and_then(|value| value.as_f64());
            assert_eq!(number, expected, "{}.{}", T::NAME, field.name);
        }
    }
}
