//! Terminal output: a full-screen view on a terminal, lines otherwise.
//!
//! Both show a [`Snapshot`](crate::view::Snapshot) and use no clock. Control characters of external
//! text are replaced.

mod draw;
mod input;
mod plain;
mod service;

pub use self::draw::draw;
pub use self::input::{Input, inputs};
pub use self::plain::{Plain, set_replicas};
pub use screen::{Screen, is_available};
