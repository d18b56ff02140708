//! Charts and terminal output of a snapshot.

mod charts;
