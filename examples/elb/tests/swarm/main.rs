//! The programs `elb run` and `elb agent` against a real Docker swarm of several nodes, with real
//! containers and real requests to them.
//!
//! Runs where `ELB_TEST_SWARM` names the script that made the swarm: one that knows `docker`,
//! `exec`, `pause`, `resume`, `cut` and `join`, each with the number of a node. The engines'
//! sockets are in the folder `SWARM_LAB`. It is a swarm that may be played with: nodes are cut
//! off, managers made and stopped. What a test creates it removes again, also when it fails.
//!
//! `cargo test -p elb --test swarm -- --test-threads=1 --nocapture` also prints figures.
#![cfg(unix)]

mod agent;
mod balancer;
mod engine;
mod lab;
mod load;
mod service;
mod wait;

mod budget;
mod growth;
mod managers;
mod pools;
mod reaction;
mod silence;
mod soak;
mod tasks;
mod writers;
