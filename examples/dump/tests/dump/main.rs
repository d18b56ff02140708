//! Runs the program with captures and datagrams.

mod brief;
mod count;
mod files;
mod filter;
mod json;
mod listen;
mod program;
mod reported;
