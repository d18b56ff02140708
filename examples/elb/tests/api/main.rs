//! The API under `/api/v1`, over loopback, with a real control loop.

mod access;
mod alerts;
mod dashboard;
mod leader;
mod metrics;
mod misuse;
mod names;
mod openapi;
mod page;
mod pools;
mod reading;
#[path = "../support/simulated.rs"]
mod simulated;
mod site;
mod timeouts;
mod writing;
