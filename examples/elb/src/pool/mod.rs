//! Hosts as a pool: machines that are added and removed, and those that are poor performers.
//!
//! Each of these rooms knows one thing and none knows the loop: [`machines`] what to do so that
//! there are as many as wanted, [`room`] how many the services need, [`peers`] which of them are
//! out of line, [`hook`] how the operator's way to add and remove one is asked, and [`provider`]
//! who asks it. A [`keeper`](crate::keeper) puts them together.

pub mod hook;
pub mod provider;
