//! The last readings of a source, by structure and column.

use sflow_v5::{CounterRecord, DataFormat, Frame};
use smallvec::SmallVec;

use super::Source;
use super::measure::{Measure, UNKNOWN};
use super::numbers::{RowUpdate, is_readable, quantity};
use crate::catalogue::{Ceiling, Operand, Structure};
use crate::health::Health;
use crate::ingest::sequencing::interval::{Interval, Moment};
use crate::timestamp::Timestamp;

/// The last readings of a source: consecutive rows of words, one for each structure, so that all data
/// of a metric is in one place.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    rows: SmallVec<[Row; 4]>,
    words: Vec<u64>,
}

/// The position of the readings of one structure.
#[derive(Clone, Copy, Debug)]
struct Row {
    format: DataFormat,
    /// Lower 32 bits of the number of the sample that updated it.
    sample: u32,
    /// Index of its first word.
    at: u16,
    structure: u8,
    /// Whether differences to its baselines are valid.
    continues: bool,
    /// Whether its records also identify the source.
    identifies: bool,
}

// The first words of a row. They are followed by the baseline and the last difference of each
// counter, and the gauges. Unknown values are `UNKNOWN`.

/// Time of the last reading.
const RECEIVED_AT: usize = 0;
/// Uptime of the agent at that time.
const UPTIME: usize = 1;
/// Bits of the seconds for which the differences are valid; 0 after a restart.
const SECONDS: usize = 2;
/// Bit `n`: gauge `n` contains the bits of an `f64`.
const FLOATS: usize = 3;
const HEAD: usize = 4;

/// Maximum number of rows of a source. The port of a switch has some tens of queues, each with a row.
const MAX_ROWS: usize = 128;

impl Row {
    /// Whether it was updated by this sample.
    fn is_of(&self, sample: u64) -> bool {
        self.sample == sample as u32
    }
}

/// The result of comparing a record with the expected row, see [`Readings::update_expected`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expected {
    /// The row was updated, and there are rates; `identifies` if the record also identifies the source.
    Measured { identifies: bool },
    /// The row belongs to the record, but was not updated.
    Unusual,
    /// The row does not exist or belongs to another record.
    Other,
}

/// The result of reading a structure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Update {
    /// There are baselines, but no rates yet.
    Began,
    /// There are rates.
    Measured,
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

    /// Updates the row at this index by a record of this sample, if the row belongs to the structure of
    /// the record, has not been updated by this sample, and has rates afterwards. Nearly all records are
    /// of this kind.
    #[inline(always)]
    pub(crate) fn update_expected(
        &mut self,
        place: usize,
        Frame { format, bytes }: Frame<'_>,
        sample: u64,
        measure: &mut Measure<'_>,
        health: &mut Health,
    ) -> Expected {
        let row = self.rows.get_mut(place);
        let Some(row) = row.filter(|row| row.format == format && !row.is_of(sample)) else {
            return Expected::Other;
        };
        let words = self.words.get_mut(usize::from(row.at)..);
        let Some((head, cells)) = words.and_then(|words| words.split_first_chunk_mut()) else {
            return Expected::Unusual;
        };
        if row.continues
            && let Interval::Seconds(seconds) = measure.since(moment(head))
            && let Some(floats) = read_numbers(Frame { format, bytes }, cells, measure, health)
        {
            *head = self::head(measure.now, seconds, floats);
            row.sample = sample as u32;
            let identifies = row.identifies;
            return Expected::Measured { identifies };
        }
        Expected::Unusual
    }

    /// Updates the row at this index by a record of this sample. `None` if the record cannot be decoded.
    pub(crate) fn update(
        &mut self,
        place: usize,
        frame: Frame<'_>,
        sample: u64,
        measure: &mut Measure<'_>,
        health: &mut Health,
    ) -> Option<Update> {
        let row = self.rows.get_mut(place)?;
        let words = self.words.get_mut(usize::from(row.at)..)?;
        let (head, cells) = words.split_first_chunk_mut::<HEAD>()?;
        let counters = 2 * Structure::all()[usize::from(row.structure)].counters.len();
        let interval = if row.continues {
            measure.since(moment(head))
        } else {
            Interval::Disputed
        };
        let (seconds, update) = match interval {
            Interval::Seconds(seconds) => (seconds, Update::Measured),
            Interval::None => {
                head[FLOATS] = read_gauges(frame, cells, counters, measure, health)?;
                return Some(Update::Again);
            }
            Interval::Disputed => {
                if is_readable(frame) != Some(true) {
                    return None;
                }
                cells.get_mut(..counters)?.fill(UNKNOWN);
                (0.0, Update::Began)
            }
        };
        let floats = read_numbers(frame, cells, measure, health)?;
        *head = self::head(measure.now, seconds, floats);
        row.sample = sample as u32;
        row.continues = true;
        Some(update)
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
        let awaits = |row: &Row| row.structure == structure && !row.is_of(sample);
        let known = self.rows.iter().position(awaits);
        let may_be_more = |row: &Row| {
            row.structure != structure || Structure::all()[usize::from(structure)].repeats
        };
        known.or_else(|| {
            let is_new = self.rows.iter().all(may_be_more);
            is_new.then(|| self.add(structure, charge)).flatten()
        })
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
                let words = &readings.words[first..first + 2 * structure.counters.len()];
                words.iter().step_by(2).copied().collect::<Vec<_>>()
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
        let counters = words[HEAD..].as_chunks().0.iter().zip(columns);
        let bytes = counters.filter(|(_, column)| column.ceiling == Ceiling::Line);
        let differences = bytes.map(|([_, difference], _)| *difference);
        let most = differences
            .filter(|difference| *difference != UNKNOWN)
            .max();
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
            let count = words.get(HEAD + 2 * column);
            let is_known = |count: &&u64| column < structure.counters.len() && **count != UNKNOWN;
            if let Some(count) = count.filter(is_known) {
                sum = Some(sum.unwrap_or(0).saturating_add(*count));
            }
        }
        sum
    }

    /// The seconds for which a reading is valid, if this sample contains it.
    pub(crate) fn new_seconds(&self, operand: Operand, sample: u64) -> Option<f64> {
        let Operand::Reading { structure, .. } = operand else {
            return None;
        };
        let row = self.rows.iter().find(|row| row.structure == structure)?;
        let words = self.words.get(usize::from(row.at)..)?;
        row.is_of(sample).then(|| f64::from_bits(words[SECONDS]))
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
            format: columns.format,
            sample: 0,
            at: u16::try_from(self.words.len()).ok()?,
            structure,
            continues: false,
            identifies: Source::is_identified_by(columns.format),
        });
        self.words.reserve_exact(HEAD + cells);
        self.words.extend([0, 0, 0, 0]);
        self.words.extend(std::iter::repeat_n(UNKNOWN, cells));
        Some(place)
    }
}

/// The time of the last reading of a row.
fn moment(head: &[u64; HEAD]) -> Moment {
    Moment {
        uptime: head[UPTIME] as u32,
        received_at: Timestamp::from_nanos(head[RECEIVED_AT]),
    }
}

/// The first words of a row that was read now.
fn head(now: Moment, seconds: f64, floats: u64) -> [u64; HEAD] {
    let mut head = [0; HEAD];
    head[RECEIVED_AT] = now.received_at.as_nanos();
    head[UPTIME] = now.uptime.into();
    head[SECONDS] = seconds.to_bits();
    head[FLOATS] = floats;
    head
}

/// Reads the numbers of a record into the cells of its row. Returns which gauges contain the bits of
/// an `f64`; `None` if the record cannot be decoded.
#[inline(always)]
fn read_numbers(
    Frame { format, bytes }: Frame<'_>,
    cells: &mut [u64],
    measure: &mut Measure<'_>,
    health: &mut Health,
) -> Option<u64> {
    let update = RowUpdate {
        format,
        cells,
        measure,
        health,
    };
    CounterRecord::dispatch(Frame { format, bytes }, update)?
}

/// Like [`read_numbers`], for gauges only: the baselines of counters remain, so that no increase is
/// lost.
#[cold]
fn read_gauges(
    frame: Frame<'_>,
    cells: &mut [u64],
    counters: usize,
    measure: &mut Measure<'_>,
    health: &Health,
) -> Option<u64> {
    let kept: SmallVec<[u64; 64]> = cells.get(..counters)?.into();
    let (advances, rejected_bytes) = (measure.advances, measure.rejected_bytes);
    let floats = read_numbers(frame, cells, measure, &mut health.clone());
    (measure.advances, measure.rejected_bytes) = (advances, rejected_bytes);
    cells.get_mut(..counters)?.copy_from_slice(&kept);
    floats
}

/// The value of a column and its time.
#[inline]
fn read(structure: &Structure, words: &[u64], column: usize) -> Option<(f64, Timestamp)> {
    let counters = structure.counters.len();
    let cell = if column < counters {
        2 * column + 1
    } else {
        counters + column
    };
    let bits = Some(*words.get(HEAD + cell)?).filter(|bits| *bits != UNKNOWN)?;
    let value = match column.checked_sub(counters) {
        None => bits as f64 / f64::from_bits(words[SECONDS]),
        Some(gauge) => {
            let column = structure.gauges.get(gauge)?;
            quantity(bits, words[FLOATS], gauge)? * column.scale
        }
    };
    Some((value, Timestamp::from_nanos(words[RECEIVED_AT])))
}
