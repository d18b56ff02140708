//! What stands in the lists of counter records: of each kind of element the smallest and the
//! largest value is a metric, since a port is as well as its worst lane.

use sflow_v5::counter::{BstPortBuffers, Lane};
use sflow_v5::field::Value;
use sflow_v5::types::Percentage;
use sflow_v5::{CounterRecord, Structure};

use super::text::is_same;

/// The elements of a list, of which one kind of number is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) scale: f64,
    /// The list that it stands in.
    pub(super) list: &'static str,
}

/// Behind the fields of a record, where the smallest values of its elements are; the largest
/// ones are one behind each.
pub(crate) const FIRST: usize = 40;

/// The lists of queues, by name.
const QUEUES: [&str; 2] = ["egress_queue_uc_pc", "egress_queue_mc_pc"];

/// How many kinds of elements a structure has.
pub(super) const fn count(structure: &str) -> usize {
    if is_same(structure, "sfp") {
        // But for the lane's number.
        Lane::FIELDS.len() - 1
    } else if is_same(structure, BstPortBuffers::NAME) {
        QUEUES.len()
    } else {
        0
    }
}

/// One of them.
pub(super) const fn element(structure: &str, place: usize) -> Element {
    if is_same(structure, "sfp") {
        let field = &Lane::FIELDS[place + 1];
        Element {
            name: field.name,
            unit: field.unit,
            scale: 1.0,
            list: "sfp.lanes",
        }
    } else {
        Element {
            name: QUEUES[place],
            unit: "%",
            scale: 0.01,
            list: BstPortBuffers::NAME,
        }
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
