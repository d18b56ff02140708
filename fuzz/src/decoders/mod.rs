//! The decoders under test, one file each.

mod flowparser_sflow;
mod ours;
mod program;
mod sflow_parser;

pub use flowparser_sflow::FlowparserSflow;
pub use ours::Ours;
pub use program::Program;
pub use sflow_parser::SflowParser;

use crate::harness::Candidate;

/// All decoders, in the order of the tables. Add yours here.
#[must_use]
pub fn decoders() -> Vec<Box<dyn Candidate>> {
    vec![
        Box::new(Ours),
        Box::new(FlowparserSflow),
        Box::new(SflowParser),
    ]
}
