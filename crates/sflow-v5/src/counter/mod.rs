//! Counter records: what a data source has counted.
//!
//! One file for each document that defines some, named after it.

mod application;
mod host;
mod host_ip;
mod openflow;
mod ovs;
mod v5;
mod virt;

pub use application::AppResources;
pub use host::{
    Adapter, HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo, HostParent,
};
pub use host_ip::{Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup};
pub use openflow::{OfPort, PortName};
pub use ovs::OvsDpStats;
pub use v5::{EthernetCounters, IfCounters};
pub use virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo, VirtNode};

crate::registry::registry! {
    /// What a counter record says.
    pub enum CounterRecord<'a>: CounterStructure {
        0:1 => IfCounters,
        0:2 => EthernetCounters,
        0:1004 => OfPort,
        0:1005 => PortName<'a>,
        0:2000 => HostDescr<'a>,
        0:2001 => HostAdapters<'a>,
        0:2002 => HostParent,
        0:2003 => HostCpu,
        0:2004 => HostMemory,
        0:2005 => HostDiskIo,
        0:2006 => HostNetIo,
        0:2007 => Mib2IpGroup,
        0:2008 => Mib2IcmpGroup,
        0:2009 => Mib2TcpGroup,
        0:2010 => Mib2UdpGroup,
        0:2100 => VirtNode,
        0:2101 => VirtCpu,
        0:2102 => VirtMemory,
        0:2103 => VirtDiskIo,
        0:2104 => VirtNetIo,
        0:2203 => AppResources,
        0:2207 => OvsDpStats,
    }
}
