//! Charts and terminal output of a snapshot.

mod charts;
mod log_lines;
mod screens;
