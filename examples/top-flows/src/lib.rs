//! The active flows, up to the second.
//!
//! ```text
//! source      datagrams from a socket or a capture, and the time of the stream
//!    │
//! history     the datagrams of the last minutes, for questions that are asked later
//!    │
//! window      a registry for each question, and the timeline of its answers
//!    │
//! picture     the answer in its unit and order; matrix: the same by services
//!    │
//!    ├── once      one JSON document
//!    ├── terminal  a screen
//!    └── web       a page
//! ```
//!
//! The [`model`] owns history and windows; terminal and page ask it the same [`question`]s.

pub mod completion;
pub mod format;
pub mod history;
pub mod matrix;
pub mod model;
pub mod once;
pub mod picture;
pub mod preset;
pub mod question;
pub mod service_names;
pub mod source;
pub mod terminal;
pub mod timeline;
pub mod web;
pub mod window;
