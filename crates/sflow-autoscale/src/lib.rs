#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod controller;
pub mod format;
pub mod leader;
pub mod node_pools;
pub mod observe;
pub mod orchestrator;
pub mod policy;
pub mod problem;
