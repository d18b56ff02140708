//! Experiments: policies on simulated clusters, in virtual time.

mod comparison;
mod leadership;
mod pools;
mod scenarios;
mod services;
