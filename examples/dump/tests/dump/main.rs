//! The program, run as a user runs it.

mod count;
mod files;
mod filter;
mod json;
mod listen;
mod program;
mod reported;
