//! An up-to-the-second view of the active flows.
//!
//! ```text
//! a socket or a capture   feed       datagrams, and the time of the stream
//!          │
//!          ▼
//! what came lately        past       so that a new question has a past, too
//!          │
//!          ▼
//! what is measured        lens       one registry a question, and its history
//!          │
//!          ▼
//! what is shown           picture, matrix
//!          │
//!          ├──► once      one JSON document
//!          ├──► terminal  a screen
//!          └──► web       a page
//! ```
//!
//! The [`model`] holds the middle of it; terminal and page ask it the same [`question`]s.

pub mod complete;
pub mod feed;
pub mod history;
pub mod lens;
pub mod matrix;
pub mod model;
pub mod observed;
pub mod once;
pub mod past;
pub mod picture;
pub mod preset;
pub mod question;
pub mod swarm;
pub mod terminal;
pub mod web;
pub mod words;
