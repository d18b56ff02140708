//! The programs `elb run` and `elb agent` against a real Docker swarm of several nodes, with real
//! containers and real requests to them.
//!
//! Runs if `ELB_TEST_SWARM` is the path of the script that started the swarm, `.ci/swarm` or one
//! with the same commands. The engines' sockets are in the folder `SWARM_LAB`. The tests disconnect
//! nodes, and promote and stop managers. Each removes what it has created, also when it fails.
//!
//! `cargo test -p elb --test swarm -- --test-threads=1 --nocapture` also prints figures.
#![cfg(unix)]

mod agent;
mod balancer;
mod engine;
mod lab;
mod load;
mod proxy;
mod service;
mod wait;

mod budget;
mod growth;
mod leader;
mod lease;
mod managers;
mod pools;
mod reaction;
mod soak;
mod stale_agents;
mod tasks;
mod writers;
