//! Counter records: the counters of a data source.
//!
//! One file per specification, named after it.

mod application;
mod broadcom;
mod energy;
mod host;
mod host_ip;
mod http;
mod ieee80211;
mod infiniband;
mod jvm;
mod lag;
mod memcache;
mod nvidia;
mod openflow;
mod optics;
mod ovs;
mod pfc;
mod queue;
mod slow_path;
mod v5;
mod vdi;
mod virt;

pub use application::{AppOperations, AppResources, AppWorkers};
pub use broadcom::{BstDeviceBuffers, BstPortBuffers, HwTables};
pub use energy::{Energy, Fans, Humidity, Temperature};
pub use host::{
    Adapter, HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo, HostParent,
};
pub use host_ip::{Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup};
pub use http::HttpCounters;
pub use ieee80211::{Ieee80211Counters, RadioUtilization};
pub use infiniband::IbCounters;
pub use jvm::{JvmRuntime, JvmStatistics};
pub use lag::{LagPortState, LagPortStats};
pub use memcache::{MemcacheCounters, MemcachedCounters};
pub use nvidia::NvidiaGpu;
pub use openflow::{OfPort, PortName};
pub use optics::{Lane, Sfp};
pub use ovs::OvsDpStats;
pub use pfc::Pfc;
pub use queue::QueueLength;
pub use slow_path::SlowPathCounts;
pub use v5::{
    EthernetCounters, IfCounters, Processor, TokenringCounters, VgCounters, VlanCounters,
};
pub use vdi::Vdi;
pub use virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo, VirtNode};

crate::registry::registry! {
    /// A counter record.
    pub enum CounterRecord<'a>: CounterStructure {
        0:1 => IfCounters,
        0:2 => EthernetCounters,
        0:3 => TokenringCounters,
        0:4 => VgCounters,
        0:5 => VlanCounters,
        0:6 => Ieee80211Counters,
        0:7 => LagPortStats,
        0:8 => SlowPathCounts,
        0:9 => IbCounters,
        0:10 => Sfp<'a>,
        0:11 => Pfc,
        0:1001 => Processor,
        0:1002 => RadioUtilization,
        0:1003 => QueueLength,
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
        0:2105 => JvmRuntime<'a>,
        0:2106 => JvmStatistics,
        0:2200 => MemcachedCounters,
        0:2201 => HttpCounters,
        0:2202 => AppOperations<'a>,
        0:2203 => AppResources,
        0:2204 => MemcacheCounters,
        0:2205 => Vdi,
        0:2206 => AppWorkers,
        0:2207 => OvsDpStats,
        0:3000 => Energy,
        0:3001 => Temperature,
        0:3002 => Humidity,
        0:3003 => Fans,
        4413:1 => BstDeviceBuffers,
        4413:2 => BstPortBuffers<'a>,
        4413:3 => HwTables,
        5703:1 => NvidiaGpu,
    }
}
