//! What stands in the lists of counter records: of each kind of element the smallest and the
//! largest value is a metric, since a port is as well as its worst lane.

use sflow_v5::counter::{BstPortBuffers, Lane};
use sflow_v5::{CounterRecord, Percentage, Structure, Value};

/// The elements of a list, of which one kind of number is taken.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) scale: f64,
    /// Where it comes from.
    pub(super) origin: String,
}

/// Behind the fields of a record, where the smallest values of its elements are; the largest
/// ones are one behind each.
pub(crate) const FIRST: usize = 40;

/// The lists of queues, by name.
const QUEUES: [&str; 2] = ["egress_queue_uc_pc", "egress_queue_mc_pc"];

/// The elements of a structure.
pub(super) fn of(structure: &str) -> Vec<Element> {
    match structure {
        // But for the lane's number.
        "sfp" => Lane::FIELDS
            .iter()
            .skip(1)
            .map(|field| Element {
                name: field.name,
                unit: field.unit,
                scale: 1.0,
                origin: format!("sfp.lanes.{}", field.name),
            })
            .collect(),
        "bst_port_buffers" => QUEUES
            .into_iter()
            .map(|name| Element {
                name,
                unit: "%",
                scale: 0.01,
                origin: format!("{}.{name}", BstPortBuffers::NAME),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Hands over each number of each element that is known.
#[inline]
pub(crate) fn each(record: &CounterRecord<'_>, mut visit: impl FnMut(usize, u64)) {
    match record {
        CounterRecord::Sfp(sfp) => {
            for lane in sfp.lanes {
                lane.each_known(|field, value| {
                    if let (Some(element), Some(Value::Unsigned(number))) =
                        (field.checked_sub(1), value)
                    {
                        visit(element, number);
                    }
                });
            }
        }
        CounterRecord::BstPortBuffers(buffers) => {
            let queues = [buffers.egress_queue_uc_pc, buffers.egress_queue_mc_pc];
            for (element, queues) in queues.into_iter().enumerate() {
                let known = queues.iter().filter_map(Percentage::known);
                let known = known.filter_map(|number| u64::try_from(number).ok());
                known.for_each(|number| visit(element, number));
            }
        }
        _ => {}
    }
}

/// Whether a record has elements.
#[inline]
pub(crate) fn are_in(record: &CounterRecord<'_>) -> bool {
    matches!(
        record,
        CounterRecord::Sfp(_) | CounterRecord::BstPortBuffers(_)
    )
}
