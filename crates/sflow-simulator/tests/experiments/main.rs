//! Experiments: policies on simulated clusters, in virtual time.

mod comparison;
mod pools;
mod scenarios;
mod services;
