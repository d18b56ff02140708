//! The last readings of a source, by structure and column.

use sflow_v5::{CounterRecord, Value};

use crate::catalogue::{Ceiling, Operand, Structure};
use crate::discipline::counter::{Step, step};
use crate::discipline::interval::{Interval, Moment};
use crate::health::Health;
use crate::timestamp::Timestamp;

/// No earlier reading of a counter; it is what "unknown" looks like on the wire, too.
const NO_BASELINE: u64 = u64::MAX;

/// No reading: not a number, so nothing computes with it.
const ABSENT: f64 = f64::NAN;

/// What a source has said last: a few words about each structure, and the numbers of all of
/// them in one row.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    blocks: Vec<Block>,
    /// Of each structure: the baselines of its counters, their rates, its gauges. Rates and
    /// gauges are the bits of an `f64`.
    cells: Vec<u64>,
}

/// The readings of one structure.
#[derive(Debug)]
struct Block {
    /// When it came last, and its baselines were read.
    moment: Moment,
    /// Seconds that its rates stand for; zero after a new beginning.
    seconds: f64,
    cells_at: u16,
    structure: u8,
    /// Whether its baselines may be subtracted from.
    continues: bool,
    /// Whether it stood in the newest sample, and not for the second time at one moment.
    is_new: bool,
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
    /// Begins a sample.
    pub(crate) fn begin_sample(&mut self) {
        for block in &mut self.blocks {
            block.is_new = false;
        }
    }

    /// Forgets all baselines: whatever comes next is a beginning.
    pub(crate) fn restart(&mut self) {
        for block in &mut self.blocks {
            block.continues = false;
        }
    }

    /// The place of a structure's readings, made if need be. `hint` is where it is likely to be.
    pub(crate) fn place(&mut self, index: usize, hint: usize) -> Option<usize> {
        let structure = u8::try_from(index).ok()?;
        if self
            .blocks
            .get(hint)
            .is_some_and(|block| block.structure == structure)
        {
            return Some(hint);
        }
        let known = self
            .blocks
            .iter()
            .position(|block| block.structure == structure);
        known.or_else(|| self.add(structure))
    }

    /// The moment that the differences of the structure at this place will start from.
    pub(crate) fn baseline(&self, place: usize) -> Option<Moment> {
        self.blocks
            .get(place)
            .filter(|block| block.continues)
            .map(|block| block.moment)
    }

    /// Takes the fields of a record over.
    ///
    /// `interval` is the time since [`baseline`](Self::baseline), `None` if this is a beginning.
    pub(crate) fn take(
        &mut self,
        place: usize,
        record: &CounterRecord<'_>,
        now: Moment,
        interval: Option<Interval>,
        ceiling: impl Fn(Ceiling) -> f64,
        health: &mut Health,
    ) -> Taken {
        let block = &mut self.blocks[place];
        let structure = &Structure::all()[usize::from(block.structure)];
        let cells = &mut self.cells[usize::from(block.cells_at)..];
        let (baselines, cells) = cells.split_at_mut(structure.counters.len());
        let (rates, gauges) = cells.split_at_mut(structure.counters.len());

        for (gauge, column) in gauges.iter_mut().zip(&structure.gauges) {
            *gauge = (quantity(record.known(column.field)) * column.scale).to_bits();
        }

        let counters = structure.counters.iter().zip(baselines).zip(rates);
        let taken = match interval {
            // Counters keep their older baseline, so that nothing between is lost.
            Some(Interval::None) => return Taken::Again,
            Some(Interval::Seconds(seconds)) => {
                block.seconds = seconds;
                for ((column, baseline), rate) in counters {
                    let count = count(record.known(column.field));
                    let before = (*baseline != NO_BASELINE).then_some(*baseline);
                    let at_most = ceiling(column.ceiling) * (seconds + 1.0) * 1.1;
                    let step = match count {
                        NO_BASELINE => Step::Unavailable,
                        count => step(column.width, before, count, at_most),
                    };
                    *baseline = if step == Step::Unavailable {
                        NO_BASELINE
                    } else {
                        count
                    };
                    let per_second = match step {
                        Step::Advanced(difference) => difference as f64 / seconds,
                        Step::Wrapped(difference) => {
                            health.counter_wraps += 1;
                            difference as f64 / seconds
                        }
                        Step::First | Step::Unavailable => ABSENT,
                        Step::Reset => {
                            health.counter_resets += 1;
                            ABSENT
                        }
                        Step::Implausible => {
                            health.counter_jumps += 1;
                            ABSENT
                        }
                    };
                    *rate = per_second.to_bits();
                }
                Taken::Measured
            }
            Some(Interval::Disputed) | None => {
                block.seconds = 0.0;
                for ((column, baseline), rate) in counters {
                    *baseline = count(record.known(column.field));
                    *rate = ABSENT.to_bits();
                }
                Taken::Began
            }
        };
        block.moment = now;
        block.continues = true;
        block.is_new = true;
        taken
    }

    /// A reading, if there is one; and when it was read.
    pub(crate) fn get(&self, operand: Operand) -> Option<(f64, Timestamp)> {
        let (block, column) = self.find(operand)?;
        let counters = Structure::all()
            .get(usize::from(block.structure))?
            .counters
            .len();
        let cell = usize::from(block.cells_at) + counters + usize::from(column);
        let value = f64::from_bits(*self.cells.get(cell)?);
        (!value.is_nan()).then_some((value, block.moment.received_at))
    }

    /// The seconds that a reading stands for, if the newest sample brought it.
    pub(crate) fn new_seconds(&self, operand: Operand) -> Option<f64> {
        let (block, _) = self.find(operand)?;
        block.is_new.then_some(block.seconds)
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
            cells_at: u16::try_from(self.cells.len()).ok()?,
            structure,
            continues: false,
            is_new: false,
        });
        let (counters, gauges) = (columns.counters.len(), columns.gauges.len());
        self.cells.reserve_exact(2 * counters + gauges);
        self.cells
            .extend(std::iter::repeat_n(NO_BASELINE, counters));
        self.cells
            .extend(std::iter::repeat_n(ABSENT.to_bits(), counters + gauges));
        Some(place)
    }
}

/// A counter's number; all ones of 64 bits if it is not known.
#[inline]
fn count(value: Option<Value<'_>>) -> u64 {
    match value {
        Some(Value::Unsigned(count)) => count,
        _ => NO_BASELINE,
    }
}

/// A quantity, if it is known.
#[inline]
fn quantity(value: Option<Value<'_>>) -> f64 {
    match value {
        Some(Value::Unsigned(number)) => number as f64,
        Some(Value::Signed(number)) => number as f64,
        Some(Value::Float(number)) => number,
        _ => ABSENT,
    }
}
