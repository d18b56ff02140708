use sflow_v5::field::{Field, Value};
use sflow_v5::{CounterRecord, DataFormat, Frame, Structure, Visitor};

use super::measure::{MAX_FIELDS, Measure, UNKNOWN};
use crate::catalogue::{Ceiling, CounterColumn, elements, is_counter, is_gauge};
use crate::health::Health;
use crate::ingest::sequencing::counter::{Step, step};

/// The update of a row by a record: a visitor, which is compiled for each structure.
pub(super) struct RowUpdate<'r, 'c> {
    pub(super) format: DataFormat,
    /// Two words for each counter, its baseline and its last difference, then one for each gauge.
    pub(super) cells: &'r mut [u64],
    pub(super) measure: &'r mut Measure<'c>,
    pub(super) health: &'r mut Health,
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

/// Returns which gauges contain the bits of an `f64`: bit `n` stands for gauge `n`. `None` if the
/// structure cannot be decoded.
impl<'a> Visitor<'a> for RowUpdate<'_, '_> {
    type Output = Option<u64>;

    #[inline(never)]
    fn visit<T: Structure<'a>>(self, bytes: &'a [u8]) -> Option<u64> {
        let columns = const { &Columns::of(T::NAME, T::FIELDS) };
        let structure = T::from_bytes(bytes)?;
        let (counters, cells) = self.cells.split_at_mut_checked(2 * columns.counters)?;
        let (gauges, cells) = cells.split_at_mut_checked(columns.gauges)?;
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
                Place::Counter(place) => {
                    self.measure.numbers[usize::from(place) % MAX_FIELDS] = number;
                }
                Place::Gauge(place) => {
                    gauges[usize::from(place)] = number;
                    floats |= u64::from(is_float) << place;
                }
                Place::None => {}
            }
        });
        let mut advances = 0;
        let counters = counters.as_chunks_mut().0.iter_mut();
        for (counter, (cells, column)) in counters.zip(&columns.columns).enumerate() {
            let [before, growth] = cells;
            let number = self.measure.numbers[counter % MAX_FIELDS];
            let at_most = self.measure.at_most[column.ceiling as usize];
            let difference = number.wrapping_sub(*before);
            // An unknown number becomes 0, and an unknown baseline is larger than any number.
            if number.wrapping_add(1) > *before && difference <= at_most {
                *growth = difference;
                advances |= difference;
            } else {
                let readings = [*before, number, *growth];
                *growth = unusual_difference(*column, readings, self.measure, self.health);
            }
            *before = number;
        }
        self.measure.advances |= advances;
        let elements = const { elements::count(T::NAME) };
        if elements > 0 {
            let format = self.format;
            write_elements(Frame { format, bytes }, cells.get_mut(..2 * elements)?);
        }
        Some(floats)
    }
}

/// The difference of a counter that did not simply advance: from its baseline, its new number, and
/// its last difference.
#[cold]
#[inline(never)]
fn unusual_difference(
    column: CounterColumn,
    [before, now, recently]: [u64; 3],
    measure: &mut Measure<'_>,
    health: &mut Health,
) -> u64 {
    if now == UNKNOWN {
        return UNKNOWN;
    }
    let known = |number| (number != UNKNOWN).then_some(number);
    let at_most = measure.at_most[column.ceiling as usize];
    match step(column.width, known(before), now, at_most, known(recently)) {
        Step::Advanced(growth) => {
            measure.advances |= growth;
            return growth;
        }
        Step::Wrapped(growth) => {
            health.counter_wraps += 1;
            measure.advances |= growth;
            return growth;
        }
        Step::First | Step::Unavailable => {}
        Step::Reset => health.counter_resets += 1,
        Step::Implausible => health.counter_jumps += 1,
    }
    if column.ceiling == Ceiling::Line {
        measure.reject_bytes(now.saturating_sub(before));
    }
    UNKNOWN
}

/// Writes the smallest and the largest number of each kind of element in a list.
#[cold]
fn write_elements(frame: Frame<'_>, ends: &mut [u64]) {
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
    use crate::config::Ceilings;
    use crate::ingest::sequencing::interval::Moment;
    use crate::timestamp::Timestamp;
    use sflow_v5::CounterStructure;
    use sflow_v5::counter::{HostCpu, IfCounters, Sfp};

    #[test]
    fn fields_of_all_records_fit() {
        for registered in CounterRecord::REGISTERED {
            assert!(registered.fields.len() <= MAX_FIELDS, "{}", registered.name);
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
        let ceilings = Ceilings::default();
        let now = Moment {
            uptime: 0,
            received_at: Timestamp::ZERO,
        };
        let update = RowUpdate {
            format,
            cells: &mut cells,
            measure: &mut Measure::new(now, &ceilings),
            health: &mut Health::default(),
        };
        let floats = CounterRecord::dispatch(frame, update).flatten().unwrap();
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
