//! The interface under `/api/v1`, over loopback, with a real loop behind it.

mod abuse;
mod access;
mod alerts;
mod dashboard;
mod document;
mod metrics;
mod patience;
mod pools;
mod reading;
mod site;
mod writing;
