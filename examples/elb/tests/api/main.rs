//! The interface under `/api/v1`, over loopback, with a real loop behind it.

mod reading;
mod site;
mod writing;
