//! pmacct's classes and tags.

use crate::structure;
use crate::types::Opaque;

structure! {
    /// The class of a packet, in a layout that is no longer documented.
    ///
    /// Source: pmacct.
    pub struct PmacctClassOld<'a>: "pmacct_class_old" {
        class: Opaque<'a>,
    }
}

structure! {
    /// Tags that pmacct assigned to a packet.
    ///
    /// Source: pmacct.
    pub struct PmacctTag: "pmacct_tag" {
        tag: u64,
        tag2: u64,
    }
}

structure! {
    /// The protocol of a packet as detected by nDPI.
    ///
    /// Source: pmacct.
    pub struct PmacctClass: "pmacct_class" {
        class_master: u32,
        class_app: u32,
    }
}
