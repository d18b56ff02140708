//! The last readings of a source, by structure and column.

use sflow_v5::DataFormat;

use super::measure::Measure;
use super::numbers::{Numbers, UNKNOWN, quantity};
use crate::catalogue::{CounterColumn, Operand, Structure};
use crate::discipline::counter::{Step, step};
use crate::discipline::interval::{Interval, Moment};
use crate::health::Health;
use crate::timestamp::Timestamp;

/// What a source has said last: a few words about each structure, and the numbers of all of
/// them in one row.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    blocks: Vec<Block>,
    /// Of each structure: the baselines of its counters, by how much they went up, its gauges
    /// as they came; each [`UNKNOWN`] if it is.
    cells: Vec<u64>,
}

/// The readings of one structure.
#[derive(Debug)]
struct Block {
    /// When it came last, and its baselines were read.
    moment: Moment,
    /// Seconds in which its counters went up; zero after a new beginning.
    seconds: f64,
    /// Which of its fields are floating-point numbers.
    floats: u64,
    format: DataFormat,
    cells_at: u16,
    structure: u8,
    /// Whether its baselines may be subtracted from.
    continues: bool,
    /// The number of the sample that it was read from, and not for the second time at one moment.
    sample: u64,
}

/// What a structure in a sample came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Taken {
    /// The start of something.
    Began,
    /// Rates over so many seconds.
    Measured,
    /// Nothing new: the moment is that of the sample before.
    Again,
}

impl Readings {
    /// Forgets all baselines: whatever comes next is a beginning.
    pub(crate) fn restart(&mut self) {
        for block in &mut self.blocks {
            block.continues = false;
        }
    }

    /// Whether the readings of this structure are at this place.
    #[inline]
    pub(crate) fn is_at(&self, place: usize, format: DataFormat) -> bool {
        let block = self.blocks.get(place);
        block.is_some_and(|block| block.format == format)
    }

    /// The place of a structure's readings, made if need be.
    pub(crate) fn place(&mut self, index: usize) -> Option<usize> {
        let structure = u8::try_from(index).ok()?;
        let known = self
            .blocks
            .iter()
            .position(|block| block.structure == structure);
        known.or_else(|| self.add(structure))
    }

    /// Takes the fields of a record over, which stands in the source's sample of this number.
    pub(crate) fn take(
        &mut self,
        place: usize,
        sample: u64,
        numbers: &Numbers,
        measure: &mut Measure<'_>,
        health: &mut Health,
    ) -> Taken {
        let block = &mut self.blocks[place];
        let structure = &Structure::all()[usize::from(block.structure)];
        let cells = &mut self.cells[usize::from(block.cells_at)..];
        let (baselines, cells) = cells.split_at_mut(structure.counters.len());
        let (steps, gauges) = cells.split_at_mut(structure.counters.len());

        for (gauge, column) in gauges.iter_mut().zip(&structure.gauges) {
            *gauge = numbers.bits(column.field);
        }
        block.floats = numbers.floats();

        let counters = structure.counters.iter().zip(baselines).zip(steps);
        let now = measure.now;
        let since = block.continues.then(|| measure.since(block.moment));
        let taken = match since {
            // Counters keep their older baseline, so that nothing between is lost.
            Some((Interval::None, _)) => return Taken::Again,
            Some((Interval::Seconds(seconds), at_most)) => {
                block.seconds = seconds;
                for ((column, baseline), difference) in counters {
                    let count = numbers.bits(column.field);
                    let at_most = at_most[column.ceiling as usize];
                    // An unknown baseline is larger than every count.
                    if *baseline <= count && count != UNKNOWN && count - *baseline <= at_most {
                        *difference = count - *baseline;
                    } else {
                        *difference = unusual(column, *baseline, count, at_most, health);
                    }
                    *baseline = count;
                }
                Taken::Measured
            }
            Some((Interval::Disputed, _)) | None => {
                block.seconds = 0.0;
                for ((column, baseline), difference) in counters {
                    *baseline = numbers.bits(column.field);
                    *difference = UNKNOWN;
                }
                Taken::Began
            }
        };
        block.moment = now;
        block.continues = true;
        block.sample = sample;
        taken
    }

    /// A reading, if there is one; and when it was read.
    pub(crate) fn get(&self, operand: Operand) -> Option<(f64, Timestamp)> {
        let (block, column) = self.find(operand)?;
        let structure = Structure::all().get(usize::from(block.structure))?;
        let (counters, column) = (structure.counters.len(), usize::from(column));
        let cell = usize::from(block.cells_at) + counters + column;
        let bits = Some(*self.cells.get(cell)?).filter(|bits| *bits != UNKNOWN)?;
        let value = match column.checked_sub(counters) {
            None => bits as f64 / block.seconds,
            Some(gauge) => {
                let column = structure.gauges.get(gauge)?;
                quantity(bits, block.floats, column.field)? * column.scale
            }
        };
        Some((value, block.moment.received_at))
    }

    /// The number that a counter stands at; `None` of anything else.
    pub(crate) fn count(&self, operand: Operand) -> Option<u64> {
        let (block, column) = self.find(operand)?;
        let structure = Structure::all().get(usize::from(block.structure))?;
        let column = usize::from(column);
        let cell = usize::from(block.cells_at) + column;
        let is_counter = column < structure.counters.len();
        let count = is_counter.then(|| self.cells.get(cell).copied())??;
        (count != UNKNOWN).then_some(count)
    }

    /// The seconds that a reading stands for, if the sample of this number brought it.
    pub(crate) fn new_seconds(&self, operand: Operand, sample: u64) -> Option<f64> {
        let (block, _) = self.find(operand)?;
        (block.sample == sample).then_some(block.seconds)
    }

    /// Whether the structure of this reading has ever come.
    pub(crate) fn has(&self, operand: Operand) -> bool {
        self.find(operand).is_some()
    }

    fn find(&self, operand: Operand) -> Option<(&Block, u8)> {
        let Operand::Reading { structure, column } = operand else {
            return None;
        };
        let block = self
            .blocks
            .iter()
            .find(|block| block.structure == structure)?;
        Some((block, column))
    }

    #[cold]
    fn add(&mut self, structure: u8) -> Option<usize> {
        let columns = &Structure::all()[usize::from(structure)];
        let place = self.blocks.len();
        self.blocks.push(Block {
            moment: Moment {
                uptime: 0,
                received_at: Timestamp::ZERO,
            },
            seconds: 0.0,
            floats: 0,
            format: columns.format,
            cells_at: u16::try_from(self.cells.len()).ok()?,
            structure,
            continues: false,
            sample: 0,
        });
        let (counters, gauges) = (columns.counters.len(), columns.gauges.len());
        self.cells.reserve_exact(2 * counters + gauges);
        let end = self.cells.len() + 2 * counters + gauges;
        self.cells.resize(end, UNKNOWN);
        Some(place)
    }
}

/// By how much a counter went up that did not just go up by what can be.
#[cold]
fn unusual(
    column: &CounterColumn,
    before: u64,
    now: u64,
    at_most: u64,
    health: &mut Health,
) -> u64 {
    if now == UNKNOWN {
        return UNKNOWN;
    }
    let before = (before != UNKNOWN).then_some(before);
    match step(column.width, before, now, at_most) {
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
