//! The last readings of a source, by structure and column.

use sflow_v5::{CounterRecord, DataFormat};
use smallvec::SmallVec;

use super::measure::Measure;
use super::numbers::{Numbers, UNKNOWN, quantity};
use crate::catalogue::{Ceiling, CounterColumn, Operand, Structure};
use crate::health::Health;
use crate::ingest::sequencing::counter::{Step, step};
use crate::ingest::sequencing::interval::{Interval, Moment};
use crate::timestamp::Timestamp;

/// The last readings of a source: consecutive rows of words, one for each structure, so that all data
/// of a metric is in one place.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    rows: SmallVec<[Row; 8]>,
    words: Vec<u64>,
}

/// The position of the readings of one structure.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Index of its first word.
    at: u16,
    structure: u8,
    /// Whether differences to its baselines are valid.
    continues: bool,
}

// The first words of a row. They are followed by the baselines of all counters, their last
// differences, and the gauges. Unknown values are `UNKNOWN`.

/// Time of the last reading.
const RECEIVED_AT: usize = 0;
/// Uptime of the agent at that time in the lower 32 bits, and the number of the sample in the upper
/// ones.
const UPTIME_AND_SAMPLE: usize = 1;
/// Bits of the seconds for which the differences are valid; 0 after a restart.
const SECONDS: usize = 2;
/// Bit `n`: field `n` contains the bits of an `f64`.
const FLOATS: usize = 3;
const HEAD: usize = 4;

/// Maximum number of rows of a source. The port of a switch has some tens of queues, each with a row.
const MAX_ROWS: usize = 128;

/// The result of reading a structure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Update {
    /// There are baselines, but no rates yet.
    Began,
    /// There are rates; `advanced` if a counter increased.
    Measured { advanced: bool },
    /// No change: the time equals that of the sample before.
    Again,
}

impl Readings {
    /// Invalidates all baselines.
    pub(crate) fn restart(&mut self) {
        for row in &mut self.rows {
            row.continues = false;
        }
    }

    /// Whether the row at this index belongs to this structure and was not updated by this sample.
    #[inline]
    pub(crate) fn awaits(&self, place: usize, format: DataFormat, sample: u64) -> bool {
        self.rows.get(place).is_some_and(|row| {
            let is_it = Structure::all()[usize::from(row.structure)].format == format;
            is_it && !self.is_of(row, sample)
        })
    }

    /// The index of the row of a structure, which is added if necessary. For a structure that occurs
    /// several times in a sample, the next row that this sample has not updated.
    ///
    /// `None` if `charge` refuses the memory of a new row.
    pub(crate) fn place(
        &mut self,
        index: usize,
        sample: u64,
        charge: &mut dyn FnMut(usize) -> bool,
    ) -> Option<usize> {
        let structure = u8::try_from(index).ok()?;
        let awaits = |row: &Row| row.structure == structure && !self.is_of(row, sample);
        let known = self.rows.iter().position(awaits);
        let may_be_more = |row: &Row| {
            row.structure != structure || Structure::all()[usize::from(structure)].repeats
        };
        known.or_else(|| {
            let is_new = self.rows.iter().all(may_be_more);
            is_new.then(|| self.add(structure, charge)).flatten()
        })
    }

    /// Whether a row was updated by this sample.
    fn is_of(&self, row: &Row, sample: u64) -> bool {
        let word = self.words.get(usize::from(row.at) + UPTIME_AND_SAMPLE);
        word.is_some_and(|word| word >> 32 == sample & u64::from(u32::MAX))
    }

    /// Updates a row by a record of this sample.
    #[inline(always)]
    pub(crate) fn update(
        &mut self,
        place: usize,
        sample: u64,
        record: &CounterRecord<'_>,
        numbers: &mut Numbers,
        measure: &mut Measure<'_>,
        health: &mut Health,
    ) -> Update {
        let row = &mut self.rows[place];
        let structure = &Structure::all()[usize::from(row.structure)];
        let (head, cells) = self.words[usize::from(row.at)..].split_at_mut(HEAD);
        let (baselines, cells) = cells.split_at_mut(structure.counters.len());
        let (steps, gauges) = cells.split_at_mut(structure.counters.len());

        if structure.has_columns() {
            numbers.read(record);
            for (gauge, column) in gauges.iter_mut().zip(structure.gauges) {
                *gauge = numbers.bits(column.field);
            }
            head[FLOATS] = numbers.floats();
        }

        let before = Moment {
            uptime: head[UPTIME_AND_SAMPLE] as u32,
            received_at: Timestamp::from_nanos(head[RECEIVED_AT]),
        };
        let now = measure.now;
        let counters = structure.counters.iter().zip(baselines).zip(steps);
        let since = row.continues.then(|| measure.since(before));
        let (update, seconds) = match since {
            // Baselines remain, so that no increase is lost.
            Some((Interval::None, _)) => return Update::Again,
            Some((Interval::Seconds(seconds), at_most)) => {
                let (mut advances, mut rejected_bytes) = (0, 0);
                for ((column, baseline), difference) in counters {
                    let count = numbers.bits(column.field);
                    let at_most = at_most[column.ceiling as usize];
                    // An unknown baseline is larger than any count.
                    if *baseline <= count && count != UNKNOWN && count - *baseline <= at_most {
                        *difference = count - *baseline;
                    } else {
                        let recently = (*difference != UNKNOWN).then_some(*difference);
                        *difference =
                            unusual(column, [*baseline, count, at_most], recently, health);
                        if column.ceiling == Ceiling::Line
                            && *difference == UNKNOWN
                            && count != UNKNOWN
                        {
                            rejected_bytes = count.saturating_sub(*baseline).max(rejected_bytes);
                        }
                    }
                    *baseline = count;
                    // An unknown difference becomes 0 here.
                    advances |= difference.wrapping_add(1) >> 1;
                }
                measure.reject_bytes(rejected_bytes);
                let advanced = advances != 0;
                (Update::Measured { advanced }, seconds)
            }
            Some((Interval::Disputed, _)) | None => {
                for ((column, baseline), difference) in counters {
                    *baseline = numbers.bits(column.field);
                    *difference = UNKNOWN;
                }
                (Update::Began, 0.0)
            }
        };
        head[RECEIVED_AT] = now.received_at.as_nanos();
        head[UPTIME_AND_SAMPLE] = sample << 32 | u64::from(now.uptime);
        head[SECONDS] = seconds.to_bits();
        row.continues = true;
        update
    }

    /// Whether no counter is lower than in earlier readings.
    pub(crate) fn is_ahead_of(&self, earlier: &Self) -> bool {
        self.rows.iter().all(|row| {
            let structure = &Structure::all()[usize::from(row.structure)];
            // Rows of a structure that occurs several times cannot be matched.
            let mut before = earlier.rows.iter().filter(|_| !structure.repeats);
            let Some(before) = before.find(|before| before.structure == row.structure) else {
                return true;
            };
            let counters = |readings: &Self, row: &Row| {
                let first = usize::from(row.at) + HEAD;
                readings.words[first..first + structure.counters.len()].to_vec()
            };
            let counters = counters(self, row)
                .into_iter()
                .zip(counters(earlier, before));
            let mut known = counters.filter(|(now, before)| *now != UNKNOWN && *before != UNKNOWN);
            known.all(|(now, before)| now >= before)
        })
    }

    /// The largest difference of a counter of bytes in a row, and its seconds.
    pub(crate) fn most_bytes(&self, place: usize) -> (u64, f64) {
        let row = self.rows[place];
        let columns = Structure::all()[usize::from(row.structure)].counters;
        let words = &self.words[usize::from(row.at)..];
        let steps = columns.iter().zip(&words[HEAD + columns.len()..]);
        let bytes =
            steps.filter(|(column, step)| column.ceiling == Ceiling::Line && **step != UNKNOWN);
        let most = bytes.map(|(_, step)| *step).max();
        (most.unwrap_or(0), f64::from_bits(words[SECONDS]))
    }

    /// A reading and its time. Structures that occur several times in a sample, for example for each
    /// queue, are added up.
    #[inline]
    pub(crate) fn get(&self, operand: Operand) -> Option<(f64, Timestamp)> {
        let Operand::Reading { structure, column } = operand else {
            return None;
        };
        let columns = Structure::all().get(usize::from(structure))?;
        if columns.repeats {
            return self.sum(operand);
        }
        let row = self.rows.iter().find(|row| row.structure == structure)?;
        let words = self.words.get(usize::from(row.at)..)?;
        read(columns, words, usize::from(column))
    }

    fn sum(&self, operand: Operand) -> Option<(f64, Timestamp)> {
        let mut sum: Option<(f64, Timestamp)> = None;
        for (structure, words, column) in self.find(operand) {
            let Some((value, at)) = read(structure, words, column) else {
                continue;
            };
            sum = match sum {
                None => Some((value, at)),
                Some((sum, newest)) if newest == at => Some((sum + value, at)),
                Some((_, newest)) if newest < at => Some((value, at)),
                older => older,
            };
        }
        sum
    }

    /// The last value of a counter; `None` for a gauge.
    pub(crate) fn count(&self, operand: Operand) -> Option<u64> {
        let mut sum: Option<u64> = None;
        for (structure, words, column) in self.find(operand) {
            let count = words.get(HEAD + column).filter(|count| **count != UNKNOWN);
            if let Some(count) = count.filter(|_| column < structure.counters.len()) {
                sum = Some(sum.unwrap_or(0).saturating_add(*count));
            }
        }
        sum
    }

    /// The seconds for which a reading is valid, if this sample contains it.
    pub(crate) fn new_seconds(&self, operand: Operand, sample: u64) -> Option<f64> {
        let (_, words, _) = self.find(operand).next()?;
        let is_of_it = words[UPTIME_AND_SAMPLE] >> 32 == sample & u64::from(u32::MAX);
        is_of_it.then(|| f64::from_bits(words[SECONDS]))
    }

    /// Whether the structure was ever received.
    pub(crate) fn has(&self, operand: Operand) -> bool {
        self.find(operand).next().is_some()
    }

    /// The rows of a reading: structure, words from the start of the row, and column.
    #[inline]
    fn find(&self, operand: Operand) -> impl Iterator<Item = (&'static Structure, &[u64], usize)> {
        let asked = match operand {
            Operand::Reading { structure, column } => Some((structure, usize::from(column))),
            Operand::HostProcessors | Operand::LineSpeed => None,
        };
        asked.into_iter().flat_map(move |(structure, column)| {
            let rows = self
                .rows
                .iter()
                .filter(move |row| row.structure == structure);
            let structure = Structure::all().get(usize::from(structure));
            rows.filter_map(move |row| {
                Some((structure?, self.words.get(usize::from(row.at)..)?, column))
            })
        })
    }

    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>() + self.rows.len() * size_of::<Row>()
    }

    #[cold]
    fn add(&mut self, structure: u8, charge: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
        let columns = &Structure::all()[usize::from(structure)];
        let place = self.rows.len();
        let cells = 2 * columns.counters.len() + columns.gauges.len();
        if place >= MAX_ROWS || !charge((HEAD + cells) * size_of::<u64>() + size_of::<Row>()) {
            return None;
        }
        self.rows.push(Row {
            at: u16::try_from(self.words.len()).ok()?,
            structure,
            continues: false,
        });
        self.words.reserve_exact(HEAD + cells);
        self.words.extend([0, 0, 0, 0]);
        self.words.extend(std::iter::repeat_n(UNKNOWN, cells));
        Some(place)
    }
}

/// The value of a column and its time.
#[inline]
fn read(structure: &Structure, words: &[u64], column: usize) -> Option<(f64, Timestamp)> {
    let counters = structure.counters.len();
    let bits = Some(*words.get(HEAD + counters + column)?).filter(|bits| *bits != UNKNOWN)?;
    let value = match column.checked_sub(counters) {
        None => bits as f64 / f64::from_bits(words[SECONDS]),
        Some(gauge) => {
            let column = structure.gauges.get(gauge)?;
            quantity(bits, words[FLOATS], column.field)? * column.scale
        }
    };
    Some((value, Timestamp::from_nanos(words[RECEIVED_AT])))
}

/// The difference of a counter that did not simply advance.
#[cold]
fn unusual(
    column: &CounterColumn,
    [before, now, at_most]: [u64; 3],
    recently: Option<u64>,
    health: &mut Health,
) -> u64 {
    if now == UNKNOWN {
        return UNKNOWN;
    }
    let before = (before != UNKNOWN).then_some(before);
    match step(column.width, before, now, at_most, recently) {
        Step::Advanced(difference) => difference,
        Step::Wrapped(difference) => {
            health.counter_wraps += 1;
            difference
        }
        Step::First | Step::Unavailable => UNKNOWN,
        Step::Reset => {
            health.counter_resets += 1;
            UNKNOWN
        }
        Step::Implausible => {
            health.counter_jumps += 1;
            UNKNOWN
        }
    }
}
