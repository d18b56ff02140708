//! sFlow Java Virtual Machine Structures.

use crate::structure;
use crate::types::{Counter32, Gauge32, Gauge64, Text};

structure! {
    /// Identity of a Java virtual machine.
    ///
    /// Source: sFlow Java Virtual Machine Structures.
    pub struct JvmRuntime<'a>: "jvm_runtime" {
        vm_name: Text<'a>,
        vm_vendor: Text<'a>,
        vm_version: Text<'a>,
    }
}

structure! {
    /// Resources of a Java virtual machine.
    ///
    /// Source: sFlow Java Virtual Machine Structures.
    pub struct JvmStatistics: "jvm_statistics" {
        heap_initial: Gauge64 [bytes],
        heap_used: Gauge64 [bytes],
        heap_committed: Gauge64 [bytes],
        heap_max: Gauge64 [bytes],
        non_heap_initial: Gauge64 [bytes],
        non_heap_used: Gauge64 [bytes],
        non_heap_committed: Gauge64 [bytes],
        non_heap_max: Gauge64 [bytes],
        gc_count: Counter32,
        gc_time: Counter32 [ms],
        classes_loaded: Gauge32,
        classes_total: Counter32,
        classes_unloaded: Counter32,
        compilation_time: Counter32 [ms],
        thread_num_live: Gauge32,
        thread_num_daemon: Gauge32,
        thread_num_started: Counter32,
        /// Added in a later version.
        fd_open_count: Option<Gauge32>,
        /// Added in a later version.
        fd_max_count: Option<Gauge32>,
    }
}
