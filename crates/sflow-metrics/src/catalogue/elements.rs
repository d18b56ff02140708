//! Lists in counter records. The smallest and the largest value of each kind of element are metrics,
//! since the worst lane of a port matters.

use sflow_v5::counter::{BstPortBuffers, Lane, Sfp};
use sflow_v5::field::Value;
use sflow_v5::types::Percentage;
use sflow_v5::{CounterStructure, Frame, Structure};

use super::text::is_same;

/// A kind of number in the elements of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) scale: f64,
    /// The list.
    pub(super) list: &'static str,
}

/// The lists of queues, by name.
const QUEUES: [&str; 2] = ["egress_queue_uc_pc", "egress_queue_mc_pc"];

/// Number of kinds of elements of a structure. The smallest and the largest value of each kind, in
/// this order, follow its other gauges.
pub(crate) const fn count(structure: &str) -> usize {
    if is_same(structure, "sfp") {
        // Without the number of the lane.
        Lane::FIELDS.len() - 1
    } else if is_same(structure, BstPortBuffers::NAME) {
        QUEUES.len()
    } else {
        0
    }
}

/// A kind of element.
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

/// Visits each known number of each element.
#[inline]
pub(crate) fn each(frame: Frame<'_>, mut visit: impl FnMut(usize, u64)) {
    match frame.format {
        Sfp::FORMAT => {
            for lane in frame.read::<Sfp<'_>>().iter().flat_map(|sfp| sfp.lanes) {
                lane.each_known(|field, value| {
                    if let (Some(element), Some(Value::Unsigned(number))) =
                        (field.checked_sub(1), value)
                    {
                        visit(element, number);
                    }
                });
            }
        }
        BstPortBuffers::FORMAT => {
            let Ok(buffers) = frame.read::<BstPortBuffers<'_>>() else {
                return;
            };
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
