//! Charts and terminal output of a snapshot.

mod charts;
mod format;
mod input;
mod log_lines;
mod screens;
mod series;
