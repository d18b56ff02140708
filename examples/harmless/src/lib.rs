//! What strangers send, kept from doing harm, for the programs beside this: text that they show,
//! and, with the feature `connections`, connections that they hold.

#[cfg(feature = "connections")]
mod connections;
mod text;

#[cfg(feature = "connections")]
pub use connections::{Bounded, Visit};
pub use text::{is_instruction, printable};
