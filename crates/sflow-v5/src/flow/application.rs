//! sFlow Application Structures: operations of a service.

use crate::enums::AppStatus;
use crate::structure;
use crate::types::{Microseconds, Text};

structure! {
    /// One operation of a service.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppOperation<'a>: "app_operation" {
        /// Parts separated by dots: `db.oracle`.
        application: Text<'a>,
        /// Parts separated by dots: `get.customer.name`.
        operation: Text<'a>,
        /// Attributes, as `name=value&name=value`.
        attributes: Text<'a>,
        status_descr: Text<'a>,
        req_bytes: u64 [bytes],
        resp_bytes: u64 [bytes],
        us as uS: Microseconds [us],
        status: AppStatus,
    }
}

structure! {
    /// The operation that caused this one.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppParentContext<'a>: "app_parent_context" {
        /// Parts separated by dots: `db.oracle`.
        application: Text<'a>,
        /// Parts separated by dots: `get.customer.name`.
        operation: Text<'a>,
        /// Attributes, as `name=value&name=value`.
        attributes: Text<'a>,
    }
}

structure! {
    /// The initiator of an operation.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppInitiator<'a>: "app_initiator" {
        /// Identity of the actor, such as a customer number.
        actor: Text<'a>,
    }
}

structure! {
    /// The target of an operation.
    ///
    /// Source: sFlow Application Structures.
    pub struct AppTarget<'a>: "app_target" {
        /// Identity of the actor, such as a customer number.
        actor: Text<'a>,
    }
}
