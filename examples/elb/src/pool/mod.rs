//! Hooks, by which machines of a pool are added and removed: programs and HTTP requests.

pub mod hook;
pub mod pools;
pub mod provider;
