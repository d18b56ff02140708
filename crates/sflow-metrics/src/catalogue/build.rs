//! Builds the catalogue at compile time from the fields of all structures.

use sflow_v5::field::{Field, Kind, Registered};
use sflow_v5::{CounterRecord, DataFormat};

use super::derived::{self, DERIVED};
use super::formula::{self, Formula, Named};
use super::naming::Naming;
use super::text::{Span, Text, is_same};
use super::{
    Ceiling, CounterColumn, Definition, GaugeColumn, Inner, Known, Metric, MetricKind, Operand,
    Structure, Width, elements,
};
use crate::entity::EntityKind;

/// No index of a structure.
pub(super) const NOWHERE: u8 = u8::MAX;

/// All structures with columns, in the order of their numbers.
pub(super) static STRUCTURES: [Structure; REGISTERED.len()] = structures();

/// Indices of the structures of the standard, by format.
pub(super) static STANDARD: [u8; LAST_STANDARD + 1] = standard();

/// Every metric, raw ones first.
pub(super) static METRICS: [Metric; DRAFT.metrics.length + DERIVED.len()] = metrics();

const REGISTERED: &[Registered] = CounterRecord::REGISTERED;
const LAST_STANDARD: usize = last_standard();

static DRAFT: Draft = draft();
static KNOWN: [Known; METRICS.len()] = known();
static FORMULAS: [Formula; DERIVED.len()] = formulas();

/// The parts of the catalogue: text, and positions in it.
struct Draft {
    text: Text,
    metrics: List<Raw, 640>,
    shapes: List<Shape, { REGISTERED.len() }>,
    counters: List<CounterColumn, 512>,
    gauges: List<GaugeColumn, 512>,
    /// Position of the formula of each derived metric.
    formulas: [Span; DERIVED.len()],
}

/// A raw metric.
#[derive(Clone, Copy)]
struct Raw {
    name: Span,
    unit: Span,
    origin: Span,
    kind: MetricKind,
    entity: EntityKind,
    operand: Operand,
}

/// A structure and the ranges of its columns.
#[derive(Clone, Copy)]
struct Shape {
    format: DataFormat,
    entity: EntityKind,
    repeats: bool,
    counters: (usize, usize),
    gauges: (usize, usize),
}

/// Up to `N` items.
struct List<T, const N: usize> {
    items: [T; N],
    length: usize,
}

impl<T: Copy, const N: usize> List<T, N> {
    const fn filled_with(filler: T) -> Self {
        Self {
            items: [filler; N],
            length: 0,
        }
    }

    const fn push(&mut self, item: T) {
        self.items[self.length] = item;
        self.length += 1;
    }

    const fn slice(&'static self, (start, end): (usize, usize)) -> &'static [T] {
        self.items.split_at(end).0.split_at(start).1
    }
}

impl Draft {
    const fn new() -> Self {
        let raw = Raw {
            name: Span::EMPTY,
            unit: Span::EMPTY,
            origin: Span::EMPTY,
            kind: MetricKind::Gauge,
            entity: EntityKind::Other,
            operand: Operand::HostProcessors,
        };
        let shape = Shape {
            format: DataFormat::new(0, 0),
            entity: EntityKind::Other,
            repeats: false,
            counters: (0, 0),
            gauges: (0, 0),
        };
        Self {
            text: Text::new(),
            metrics: List::filled_with(raw),
            shapes: List::filled_with(shape),
            counters: List::filled_with(CounterColumn::FILLER),
            gauges: List::filled_with(GaugeColumn { scale: 1.0 }),
            formulas: [Span::EMPTY; DERIVED.len()],
        }
    }

    const fn add_structure(&mut self, registered: &Registered) {
        let naming = Naming::of(registered.name);
        let structure = self.shapes.length as u8;
        let counters = self.counters.length;
        let gauges = self.gauges.length;
        let mut column = 0;
        // Counters first, then gauges.
        let mut pass = 0;
        while pass < 2 {
            let mut place = 0;
            while place < registered.fields.len() {
                let field = &registered.fields[place];
                if is_counter(field) == (pass == 0) && (pass == 0 || is_gauge(field)) {
                    self.add_column(&naming, field);
                    self.add_field(&naming, field, structure, column);
                    column += 1;
                }
                place += 1;
            }
            pass += 1;
        }
        let mut place = 0;
        while place < elements::count(naming.structure) {
            self.add_element(&naming, place, structure, column);
            column += 2;
            place += 1;
        }
        self.shapes.push(Shape {
            format: registered.format,
            entity: naming.kind,
            repeats: is_same(naming.structure, "queue_length"),
            counters: (counters, self.counters.length),
            gauges: (gauges, self.gauges.length),
        });
    }

    const fn add_column(&mut self, naming: &Naming, field: &Field) {
        if is_counter(field) {
            self.counters
                .push(CounterColumn::of(naming.structure, field));
        } else {
            self.gauges.push(GaugeColumn {
                scale: match field.kind {
                    Kind::Percentage => 0.01,
                    _ => 1.0,
                },
            });
        }
    }

    const fn add_field(&mut self, naming: &Naming, field: &Field, structure: u8, column: u8) {
        let kind = if is_counter(field) {
            MetricKind::Rate
        } else {
            MetricKind::Gauge
        };
        let name = naming.name(field.name, &mut self.text);
        let unit = match (kind, field.kind) {
            (MetricKind::Rate, _) if field.unit.is_empty() => self.text.push(["1/s"]),
            (MetricKind::Rate, _) => self.text.push([field.unit, "/s"]),
            (_, Kind::Percentage) => self.text.push(["%"]),
            _ => self.text.push([field.unit]),
        };
        let origin = self.text.push([naming.structure, ".", field.name]);
        self.metrics.push(Raw {
            name,
            unit,
            origin,
            kind,
            entity: naming.kind,
            operand: Operand::Reading { structure, column },
        });
    }

    /// Adds the smallest and the largest value of an element of a list.
    const fn add_element(&mut self, naming: &Naming, place: usize, structure: u8, column: u8) {
        const ENDS: [(&str, &str); 2] =
            [("_lowest", ", the smallest"), ("_highest", ", the largest")];
        let element = elements::element(naming.structure, place);
        let bare = naming.name(element.name, &mut self.text);
        let mut end = 0;
        while end < ENDS.len() {
            let (suffix, words) = ENDS[end];
            self.gauges.push(GaugeColumn {
                scale: element.scale,
            });
            let name = self.text.push_again(bare, suffix);
            let unit = self.text.push([element.unit]);
            let origin = self.text.push([element.list, ".", element.name, words]);
            self.metrics.push(Raw {
                name,
                unit,
                origin,
                kind: MetricKind::Gauge,
                entity: naming.kind,
                operand: Operand::Reading {
                    structure,
                    column: column + end as u8,
                },
            });
            end += 1;
        }
    }
}

#[allow(long_running_const_eval, reason = "all loops are over fixed lists")]
const fn draft() -> Draft {
    let mut draft = Draft::new();
    // Sorted by format.
    let mut last: Option<DataFormat> = None;
    while let Some(next) = next_behind(last) {
        draft.add_structure(next);
        last = Some(next.format);
    }
    let name = draft.text.push([derived::HOST_PROCESSORS]);
    let origin = draft.text.push(["cpu_num of the host, or vnode_cpus"]);
    draft.metrics.push(Raw {
        name,
        unit: Span::EMPTY,
        origin,
        kind: MetricKind::Gauge,
        entity: EntityKind::Container,
        operand: Operand::HostProcessors,
    });
    let mut at = 0;
    while at < DERIVED.len() {
        let line = &DERIVED[at];
        draft.formulas[at] = formula::as_text(line.scale, line.top, line.bottom, &mut draft.text);
        at += 1;
    }
    draft
}

/// Sort key of a format: enterprise, then format.
const fn rank(format: DataFormat) -> u32 {
    format.enterprise() << 12 | format.format()
}

const fn next_behind(last: Option<DataFormat>) -> Option<&'static Registered> {
    let mut next: Option<&Registered> = None;
    let mut at = 0;
    while at < REGISTERED.len() {
        let this = &REGISTERED[at];
        let is_behind = match last {
            None => true,
            Some(last) => rank(this.format) > rank(last),
        };
        let is_nearer = match next {
            None => true,
            Some(next) => rank(this.format) < rank(next.format),
        };
        if is_behind && is_nearer {
            next = Some(this);
        }
        at += 1;
    }
    next
}

const fn structures() -> [Structure; REGISTERED.len()] {
    const NONE: Structure = Structure {
        format: DataFormat::new(0, 0),
        entity: EntityKind::Other,
        repeats: false,
        counters: &[],
        gauges: &[],
    };
    let mut structures = [NONE; REGISTERED.len()];
    let mut at = 0;
    while at < structures.len() {
        let shape = &DRAFT.shapes.items[at];
        structures[at] = Structure {
            format: shape.format,
            entity: shape.entity,
            repeats: shape.repeats,
            counters: DRAFT.counters.slice(shape.counters),
            gauges: DRAFT.gauges.slice(shape.gauges),
        };
        at += 1;
    }
    structures
}

const fn last_standard() -> usize {
    let mut last = 0;
    let mut at = 0;
    while at < REGISTERED.len() {
        let format = REGISTERED[at].format;
        if format.enterprise() == 0 && format.format() as usize > last {
            last = format.format() as usize;
        }
        at += 1;
    }
    last
}

const fn standard() -> [u8; LAST_STANDARD + 1] {
    let mut places = [NOWHERE; LAST_STANDARD + 1];
    let mut at = 0;
    while at < DRAFT.shapes.length {
        let format = DRAFT.shapes.items[at].format;
        if format.enterprise() == 0 {
            places[format.format() as usize] = at as u8;
        }
        at += 1;
    }
    places
}

const fn raw(at: usize) -> Known {
    let raw = &DRAFT.metrics.items[at];
    Known {
        id: at as u16,
        name: DRAFT.text.get(raw.name),
        unit: DRAFT.text.get(raw.unit),
        kind: raw.kind,
        entity: raw.entity,
        origin: DRAFT.text.get(raw.origin),
        definition: Definition::Raw(raw.operand),
    }
}

const fn known() -> [Known; METRICS.len()] {
    let mut known = [raw(0); METRICS.len()];
    let mut at = 0;
    while at < known.len() {
        known[at] = match at.checked_sub(DRAFT.metrics.length) {
            None => raw(at),
            Some(place) => Known {
                id: at as u16,
                name: DERIVED[place].name,
                unit: DERIVED[place].unit,
                kind: MetricKind::Derived,
                entity: DERIVED[place].kind,
                origin: DRAFT.text.get(DRAFT.formulas[place]),
                definition: Definition::Formula(&FORMULAS[place]),
            },
        };
        at += 1;
    }
    known
}

#[allow(long_running_const_eval, reason = "all loops are over fixed lists")]
const fn formulas() -> [Formula; DERIVED.len()] {
    let mut named: [Named; DRAFT.metrics.length] =
        [("", Operand::HostProcessors); DRAFT.metrics.length];
    let mut at = 0;
    while at < named.len() {
        let raw = &DRAFT.metrics.items[at];
        let name = DRAFT.text.get(raw.name);
        let is_speed = is_same(name, derived::SPEED);
        named[at] = (
            name,
            if is_speed {
                Operand::LineSpeed
            } else {
                raw.operand
            },
        );
        at += 1;
    }
    let mut formulas = [Formula::EMPTY; DERIVED.len()];
    let mut at = 0;
    while at < formulas.len() {
        let line = &DERIVED[at];
        formulas[at] = match Formula::parse(line.scale, line.top, line.bottom, &named) {
            Some(formula) => formula,
            None => panic!("unknown term of a formula"),
        };
        at += 1;
    }
    formulas
}

const fn metrics() -> [Metric; DRAFT.metrics.length + DERIVED.len()] {
    let mut metrics =
        [const { Metric(Inner::Known(&KNOWN[0])) }; DRAFT.metrics.length + DERIVED.len()];
    let mut at = 0;
    while at < metrics.len() {
        let metric = Metric(Inner::Known(&KNOWN[at]));
        core::mem::forget(core::mem::replace(&mut metrics[at], metric));
        at += 1;
    }
    metrics
}

pub(crate) const fn is_counter(field: &Field) -> bool {
    matches!(field.kind, Kind::Counter32 | Kind::Counter64)
}

pub(crate) const fn is_gauge(field: &Field) -> bool {
    matches!(field.kind, Kind::Gauge | Kind::Percentage)
}

impl CounterColumn {
    /// No column.
    pub(crate) const FILLER: Self = Self {
        width: Width::Bits32,
        ceiling: Ceiling::Events,
    };

    /// The column of a field that is a counter.
    pub(crate) const fn of(structure: &'static str, field: &Field) -> Self {
        Self {
            width: match field.kind {
                Kind::Counter64 => Width::Bits64,
                _ => Width::Bits32,
            },
            ceiling: ceiling(structure, field),
        }
    }
}

const fn ceiling(structure: &'static str, field: &Field) -> Ceiling {
    if is_same(field.unit, "ms") {
        if is_same(structure, "host_disk_io") {
            Ceiling::Operations
        } else {
            Ceiling::Processors
        }
    } else if is_same(field.unit, "bytes") {
        Ceiling::Line
    } else {
        Ceiling::Events
    }
}
