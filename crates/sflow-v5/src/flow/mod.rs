//! Flow records: what is known of one packet.
//!
//! One file for each document that defines some, named after it.

mod timestamp;
mod v5;

pub use timestamp::ExtendedTimestamp;
pub use v5::{ExtendedSwitch, SampledHeader};

crate::registry::registry! {
    /// What a flow record says.
    pub enum FlowRecord<'a>: FlowStructure {
        0:1 => SampledHeader<'a>,
        0:1001 => ExtendedSwitch,
        0:1043 => ExtendedTimestamp,
    }
}
