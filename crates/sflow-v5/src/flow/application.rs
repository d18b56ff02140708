//! sFlow Application Structures: operations of a service.

use crate::enums::AppStatus;
use crate::structure;
use crate::types::{Microseconds, Text};

structure! {
    /// One operation of a service.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppOperation<'a>: "app_operation" {
        /// Parts are separated by dots: `db.oracle`.
        application: Text<'a>,
        /// Parts are separated by dots: `get.customer.name`.
        operation: Text<'a>,
        /// `name=value&name=value`.
        attributes: Text<'a>,
        status_descr: Text<'a>,
        req_bytes: u64 [bytes],
        resp_bytes: u64 [bytes],
        us as uS: Microseconds [us],
        status: AppStatus,
    }
}

structure! {
    /// The operation that led to this one.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppParentContext<'a>: "app_parent_context" {
        /// Parts are separated by dots: `db.oracle`.
        application: Text<'a>,
        /// Parts are separated by dots: `get.customer.name`.
        operation: Text<'a>,
        /// `name=value&name=value`.
        attributes: Text<'a>,
    }
}

structure! {
    /// Who asked for an operation.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppInitiator<'a>: "app_initiator" {
        /// Such as the number of a customer.
        actor: Text<'a>,
    }
}

structure! {
    /// Whom an operation was about.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppTarget<'a>: "app_target" {
        /// Such as the number of a customer.
        actor: Text<'a>,
    }
}
