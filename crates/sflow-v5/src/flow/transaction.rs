//! Transactions of services and storage, as drafts had them before the application structures.

use crate::enums::{ServiceDirection, TransactionStatus};
use crate::structure;
use crate::types::{Microseconds, Opaque, Text};

structure! {
    /// One transaction of a service.
    ///
    /// Source: structure registry.
    pub struct Transaction: "transaction" {
        direction: ServiceDirection,
        /// Time in the queue before processing.
        wait: Microseconds [us],
        /// Duration from start to completion.
        duration: Microseconds [us],
        status: TransactionStatus,
        bytes_received: u64 [bytes],
        bytes_sent: u64 [bytes],
    }
}

structure! {
    /// The NFS operation of a transaction.
    ///
    /// Source: structure registry.
    pub struct ExtendedNfsStorageTransaction<'a>: "extended_nfs_storage_transaction" {
        /// Path in UTF-8.
        path: Opaque<'a>,
        operation: u32,
        /// Status, `nfsstat4` of NFS version 4.
        status: u32,
    }
}

structure! {
    /// The SCSI operation of a transaction.
    ///
    /// Source: structure registry.
    pub struct ExtendedScsiStorageTransaction: "extended_scsi_storage_transaction" {
        lun: u32,
        /// All ones if unknown.
        operation: u32,
        status: u32,
    }
}

structure! {
    /// The HTTP request of a transaction.
    ///
    /// Source: structure registry.
    pub struct ExtendedHttpTransaction<'a>: "extended_http_transaction" {
        url: Text<'a>,
        host: Text<'a>,
        referer: Text<'a>,
        useragent: Text<'a>,
        user: Text<'a>,
        status: u32,
    }
}
