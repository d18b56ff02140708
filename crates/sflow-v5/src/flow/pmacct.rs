//! pmacct's classes and tags.

use crate::structure;
use crate::types::Opaque;

structure! {
    /// The class of a packet, by a layout that is no longer documented.
    ///
    /// Source: pmacct.
    pub struct PmacctClassOld<'a>: "pmacct_class_old" {
        class: Opaque<'a>,
    }
}

structure! {
    /// Tags of a packet.
    ///
    /// Source: pmacct.
    pub struct PmacctTag: "pmacct_tag" {
        tag: u64,
        tag2: u64,
    }
}

structure! {
    /// What nDPI found a packet to be.
    ///
    /// Source: pmacct.
    pub struct PmacctClass: "pmacct_class" {
        class_master: u32,
        class_app: u32,
    }
}
