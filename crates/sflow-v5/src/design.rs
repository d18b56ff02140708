//! Why this crate is shaped as it is.
