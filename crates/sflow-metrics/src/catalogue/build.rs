//! The catalogue is made once, from the fields of all structures.

use std::borrow::Cow;
use std::sync::LazyLock;

use sflow_v5::{CounterRecord, DataFormat, Field, Kind};

use super::formula::{self, Formula};
use super::naming::Naming;
use super::{
    Ceiling, CounterColumn, Definition, GaugeColumn, Metric, MetricKind, Operand, Structure,
    derived, elements,
};
use crate::discipline::counter::Width;
use crate::kind::EntityKind;

pub(super) static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::build);

/// No place among the structures.
pub(super) const NOWHERE: u8 = u8::MAX;

pub(super) struct Catalogue {
    pub(super) structures: Vec<Structure>,
    /// The places of those with a standard number, by that number.
    pub(super) standard: Vec<u8>,
    pub(super) metrics: Vec<Metric>,
}

impl Catalogue {
    fn build() -> Self {
        let mut catalogue = Self {
            structures: Vec::new(),
            standard: Vec::new(),
            metrics: Vec::new(),
        };
        let mut registered: Vec<_> = CounterRecord::REGISTERED.iter().collect();
        registered.sort_by_key(|structure| structure.format);
        for structure in registered {
            let naming = Naming::of(structure.name);
            catalogue.add_structure(structure.format, &naming, structure.fields);
        }
        catalogue.list_standard();
        catalogue.add(
            derived::HOST_PROCESSORS.into(),
            "".into(),
            MetricKind::Gauge,
            EntityKind::Container,
            "cpu_num of the host, or vnode_cpus".into(),
            Definition::Raw(Operand::HostProcessors),
        );
        for line in derived::DERIVED {
            let formula = Formula::parse(line.scale, line.top, line.bottom, |name| {
                let known = catalogue
                    .metrics
                    .iter()
                    .find(|metric| metric.name == name)?;
                match known.definition {
                    Definition::Raw(operand) => Some(operand),
                    Definition::Formula(_) | Definition::Custom(_) => None,
                }
            });
            if let Some(formula) = formula {
                catalogue.add(
                    line.name.into(),
                    line.unit.into(),
                    MetricKind::Derived,
                    line.kind,
                    formula::in_words(line.scale, line.top, line.bottom),
                    Definition::Formula(formula),
                );
            }
        }
        catalogue
    }

    pub(super) fn search(&self, format: DataFormat) -> Option<usize> {
        self.structures
            .binary_search_by_key(&format, |structure| structure.format)
            .ok()
    }

    fn list_standard(&mut self) {
        let is_standard = |format: &DataFormat| format.enterprise() == 0;
        let formats = self.structures.iter().map(|structure| structure.format);
        let last = formats.filter(is_standard).map(DataFormat::format).max();
        self.standard = (0..=last.unwrap_or_default())
            .map(|number| self.search(DataFormat::new(0, number)))
            .map(|place| place.and_then(|place| u8::try_from(place).ok()))
            .map(|place| place.unwrap_or(NOWHERE))
            .collect();
    }

    fn add_structure(&mut self, format: DataFormat, naming: &Naming, fields: &'static [Field]) {
        let mut structure = Structure {
            format,
            entity: naming.kind,
            repeats: naming.structure == "queue_length",
            counters: Vec::new(),
            gauges: Vec::new(),
        };
        for (place, field) in fields.iter().enumerate() {
            match field.kind {
                Kind::Counter32 | Kind::Counter64 => structure.counters.push(CounterColumn {
                    field: place,
                    width: match field.kind {
                        Kind::Counter64 => Width::Bits64,
                        _ => Width::Bits32,
                    },
                    ceiling: ceiling(naming, field),
                }),
                Kind::Gauge => structure.gauges.push(GaugeColumn {
                    field: place,
                    scale: 1.0,
                }),
                Kind::Percentage => {
                    structure.gauges.push(GaugeColumn {
                        field: place,
                        scale: 0.01,
                    });
                }
                _ => {}
            }
        }
        let Ok(index) = u8::try_from(self.structures.len()) else {
            return;
        };
        let counters = structure
            .counters
            .iter()
            .map(|column| (column.field, MetricKind::Rate));
        let gauges = structure
            .gauges
            .iter()
            .map(|column| (column.field, MetricKind::Gauge));
        for (column, (place, kind)) in (0..).zip(counters.chain(gauges)) {
            let field = &fields[place];
            self.add(
                naming.name(field.name).into(),
                unit(field, kind),
                kind,
                naming.kind,
                format!("{}.{}", naming.structure, field.name),
                Definition::Raw(Operand::Reading {
                    structure: index,
                    column,
                }),
            );
        }
        let first = structure.counters.len() + structure.gauges.len();
        let ends = [(0, "lowest", "smallest"), (1, "highest", "largest")];
        let elements = elements::of(naming.structure);
        let each = elements.iter().enumerate();
        let each = each.flat_map(|(place, element)| ends.map(|end| (place, element, end)));
        for (column, (place, element, (end, suffix, words))) in (first..).zip(each) {
            let Ok(column) = u8::try_from(column) else {
                break;
            };
            structure.gauges.push(GaugeColumn {
                field: elements::FIRST + 2 * place + end,
                scale: element.scale,
            });
            self.add(
                format!("{}_{suffix}", naming.name(element.name)).into(),
                element.unit.into(),
                MetricKind::Gauge,
                naming.kind,
                format!("{}, the {words}", element.origin),
                Definition::Raw(Operand::Reading {
                    structure: index,
                    column,
                }),
            );
        }
        self.structures.push(structure);
    }

    fn add(
        &mut self,
        name: Cow<'static, str>,
        unit: Cow<'static, str>,
        kind: MetricKind,
        entity: EntityKind,
        origin: String,
        definition: Definition,
    ) {
        if let Ok(id) = u16::try_from(self.metrics.len()) {
            self.metrics.push(Metric {
                id,
                name,
                unit,
                kind,
                entity,
                origin,
                definition,
            });
        }
    }
}

fn ceiling(naming: &Naming, field: &Field) -> Ceiling {
    match (field.unit, naming.structure) {
        ("ms", "host_disk_io") => Ceiling::Operations,
        ("ms", _) => Ceiling::Processors,
        ("bytes", _) => Ceiling::Line,
        _ => Ceiling::Events,
    }
}

fn unit(field: &Field, kind: MetricKind) -> Cow<'static, str> {
    match (kind, field.kind, field.unit) {
        (MetricKind::Rate, _, "") => "1/s".into(),
        (MetricKind::Rate, _, unit) => format!("{unit}/s").into(),
        (_, Kind::Percentage, _) => "%".into(),
        (_, _, unit) => unit.into(),
    }
}
