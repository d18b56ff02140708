//! The last readings of a source, by structure and column.

use sflow_v5::{CounterRecord, DataFormat, Frame};
use smallvec::SmallVec;

use super::measure::Measure;
use super::numbers::{UNKNOWN, Update, is_readable, quantity};
use crate::catalogue::{Ceiling, Operand, Structure, elements};
use crate::health::Health;
use crate::ingest::sequencing::interval::{Interval, Moment};
use crate::timestamp::Timestamp;

/// What a source has said last: a row of words for each structure, one behind the other, so that
/// who asks for one number finds all that belongs to it in one place.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    rows: SmallVec<[Row; 4]>,
    words: Vec<u64>,
}

/// Where the readings of one structure are.
#[derive(Clone, Copy, Debug)]
struct Row {
    format: DataFormat,
    /// The lower 32 bits of the number of the sample that it was read from, and not for the second
    /// time at one moment.
    sample: u32,
    /// Of its first word.
    at: u16,
    structure: u8,
    /// Whether its baselines may be subtracted from.
    continues: bool,
}

// The first words of a row. Behind them are two words for each counter, its baseline and by how much
// it went up, and then the gauges as they came; each `UNKNOWN` if it is.

/// When it came last, and its baselines were read.
const RECEIVED_AT: usize = 0;
/// The agent's uptime at that moment.
const UPTIME: usize = 1;
/// The bits of the seconds in which its counters went up; of zero after a new beginning.
const SECONDS: usize = 2;
/// Which of its gauges are floating-point numbers.
const FLOATS: usize = 3;
const HEAD: usize = 4;

/// A source has no more rows: a switch's port has some tens of queues at most, each with one.
const MOST_ROWS: usize = 128;

impl Row {
    /// Whether it was read from the sample of this number.
    fn is_of(&self, sample: u64) -> bool {
        self.sample == sample as u32
    }
}

/// What a structure in a sample came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Taken {
    /// The start of something.
    Began,
    /// Rates; and whether a counter went up.
    Measured { advanced: bool },
    /// Nothing new: the moment is that of the sample before.
    Again,
}

impl Readings {
    /// Forgets all baselines: whatever comes next is a beginning.
    pub(crate) fn restart(&mut self) {
        for row in &mut self.rows {
            row.continues = false;
        }
    }

    /// Whether the readings of this structure are at this place, and the sample of this number
    /// has not brought them yet.
    #[inline]
    pub(crate) fn awaits(&self, place: usize, format: DataFormat, sample: u64) -> bool {
        let row = self.rows.get(place);
        row.is_some_and(|row| row.format == format && !row.is_of(sample))
    }

    /// The place of a structure's readings, made if need be: of one that comes several times in
    /// a sample, the next that this sample has not brought yet.
    ///
    /// `None` if `room` refuses the bytes of new readings.
    pub(crate) fn place(
        &mut self,
        index: usize,
        sample: u64,
        room: &mut dyn FnMut(usize) -> bool,
    ) -> Option<usize> {
        let structure = u8::try_from(index).ok()?;
        let awaits = |row: &Row| row.structure == structure && !row.is_of(sample);
        let known = self.rows.iter().position(awaits);
        let may_be_more = |row: &Row| {
            row.structure != structure || Structure::all()[usize::from(structure)].repeats
        };
        known.or_else(|| {
            let is_new = self.rows.iter().all(may_be_more);
            is_new.then(|| self.add(structure, room)).flatten()
        })
    }

    /// Takes the numbers of a record over, which stands in the source's sample of this number. `None`
    /// if the record cannot be decoded.
    #[inline(always)]
    pub(crate) fn take(
        &mut self,
        place: usize,
        sample: u64,
        frame: Frame<'_>,
        measure: &mut Measure<'_>,
        health: &mut Health,
    ) -> Option<Taken> {
        let row = self.rows.get_mut(place)?;
        let (head, cells) = self.words[usize::from(row.at)..].split_first_chunk_mut::<HEAD>()?;
        let before = Moment {
            uptime: head[UPTIME] as u32,
            received_at: Timestamp::from_nanos(head[RECEIVED_AT]),
        };
        let now = measure.now;
        let interval = if row.continues {
            measure.since(before)
        } else {
            Interval::Disputed
        };
        let mut update = Update {
            cells,
            at_most: &measure.at_most,
            numbers: &mut measure.numbers,
            health,
            advances: 0,
            rejected_bytes: 0,
            floats: 0,
        };
        let seconds = match interval {
            Interval::Seconds(seconds) => seconds,
            Interval::None => {
                // Counters keep their older baseline, so that nothing between is lost.
                head[FLOATS] = update_gauges(update, row.structure, frame)?;
                return Some(Taken::Again);
            }
            Interval::Disputed => {
                forget(&mut update, row.structure, frame)?;
                0.0
            }
        };
        if CounterRecord::visit(frame, &mut update) != Some(true) {
            return None;
        }
        if elements::are_in(frame.format) {
            update.add_elements(frame);
        }
        head[FLOATS] = update.floats;
        head[RECEIVED_AT] = now.received_at.as_nanos();
        head[UPTIME] = u64::from(now.uptime);
        head[SECONDS] = seconds.to_bits();
        row.sample = sample as u32;
        row.continues = true;
        if interval == Interval::Disputed {
            return Some(Taken::Began);
        }
        let advanced = update.advances != 0;
        let rejected_bytes = update.rejected_bytes;
        if rejected_bytes > 0 {
            measure.reject_bytes(rejected_bytes);
        }
        Some(Taken::Measured { advanced })
    }

    /// Whether no counter is lower than in earlier readings.
    pub(crate) fn follow(&self, earlier: &Self) -> bool {
        self.rows.iter().all(|row| {
            let structure = &Structure::all()[usize::from(row.structure)];
            // Of several rows of a structure it is not known which is which.
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

    /// The most bytes that a counter at this place went up by, and in how many seconds.
    pub(crate) fn most_bytes(&self, place: usize) -> (u64, f64) {
        let row = self.rows[place];
        let columns = Structure::all()[usize::from(row.structure)].counters;
        let words = &self.words[usize::from(row.at)..];
        let counters = words[HEAD..].as_chunks().0.iter().zip(columns);
        let bytes = counters.filter(|(_, column)| column.ceiling == Ceiling::Line);
        let growths = bytes.map(|([_, growth], _)| *growth);
        let most = growths.filter(|growth| *growth != UNKNOWN).max();
        (most.unwrap_or(0), f64::from_bits(words[SECONDS]))
    }

    /// A reading, if there is one; and when it was read. What came several times in a sample, as
    /// one for each queue, is added up.
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

    /// The number that a counter stands at; `None` of anything else.
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

    /// The seconds that a reading stands for, if the sample of this number brought it.
    pub(crate) fn new_seconds(&self, operand: Operand, sample: u64) -> Option<f64> {
        let Operand::Reading { structure, .. } = operand else {
            return None;
        };
        let row = self.rows.iter().find(|row| row.structure == structure)?;
        let words = self.words.get(usize::from(row.at)..)?;
        row.is_of(sample).then(|| f64::from_bits(words[SECONDS]))
    }

    /// Whether the structure of this reading has ever come.
    pub(crate) fn has(&self, operand: Operand) -> bool {
        self.find(operand).next().is_some()
    }

    /// The rows of a reading: the structure, the words of the row and what is behind it, and the
    /// column.
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

    /// Bytes of all readings.
    pub(crate) fn bytes(&self) -> usize {
        self.words.len() * size_of::<u64>() + self.rows.len() * size_of::<Row>()
    }

    #[cold]
    fn add(&mut self, structure: u8, room: &mut dyn FnMut(usize) -> bool) -> Option<usize> {
        let columns = &Structure::all()[usize::from(structure)];
        let place = self.rows.len();
        let cells = 2 * columns.counters.len() + columns.gauges.len();
        if place >= MOST_ROWS || !room((HEAD + cells) * size_of::<u64>() + size_of::<Row>()) {
            return None;
        }
        self.rows.push(Row {
            format: columns.format,
            sample: 0,
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

/// What is in a column of a row, and when it was read.
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

/// Makes all baselines unknown, unless the record cannot be decoded.
#[cold]
fn forget(update: &mut Update<'_>, structure: u8, frame: Frame<'_>) -> Option<()> {
    if is_readable(frame) != Some(true) {
        return None;
    }
    let counters = 2 * Structure::all()[usize::from(structure)].counters.len();
    update.cells.get_mut(..counters)?.fill(UNKNOWN);
    Some(())
}

/// Takes over only the gauges of a record. Returns which of them are floating-point numbers; `None` if
/// the record cannot be decoded.
#[cold]
fn update_gauges(update: Update<'_>, structure: u8, frame: Frame<'_>) -> Option<u64> {
    let mut health = *update.health;
    let counters = 2 * Structure::all()[usize::from(structure)].counters.len();
    let kept: SmallVec<[u64; 64]> = update.cells.get(..counters)?.into();
    let mut gauges = Update {
        cells: &mut *update.cells,
        health: &mut health,
        ..update
    };
    if CounterRecord::visit(frame, &mut gauges) != Some(true) {
        return None;
    }
    if elements::are_in(frame.format) {
        gauges.add_elements(frame);
    }
    let floats = gauges.floats;
    update.cells.get_mut(..counters)?.copy_from_slice(&kept);
    Some(floats)
}
