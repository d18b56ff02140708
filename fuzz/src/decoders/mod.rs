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

/// The decoders with these names; all decoders for an empty list.
///
/// # Errors
///
/// A message if a name is unknown.
pub fn select(names: &[String]) -> Result<Vec<Box<dyn Candidate>>, String> {
    let mut candidates = decoders();
    let known: Vec<String> = candidates
        .iter()
        .map(|candidate| candidate.label().to_owned())
        .collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        let known = known.join(", ");
        return Err(format!("unknown decoder `{unknown}`; known: {known}"));
    }
    candidates
        .retain(|candidate| names.is_empty() || names.iter().any(|name| name == candidate.label()));
    Ok(candidates)
}
