//! Flow records: descriptions of one packet.
//!
//! One file per specification, named after it.

mod application;
mod broadcom;
mod drops;
mod fibre_channel;
mod host;
mod http;
mod ieee80211;
mod infiniband;
mod memcache;
mod nat;
mod nav_timing;
mod openflow;
mod pmacct;
mod queue;
mod tcp;
mod timestamp;
mod transaction;
mod transit;
mod tunnel;
mod v5;
mod vlan;

pub use application::{AppInitiator, AppOperation, AppParentContext, AppTarget};
pub use broadcom::BstEgressQueue;
pub use drops::{
    ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedHwTrap, ExtendedLinuxDropReason,
};
pub use fibre_channel::ExtendedFc;
pub use host::{ExtendedEntities, ExtendedSocketIpv4, ExtendedSocketIpv6};
pub use http::{
    ExtendedProxyRequest, ExtendedProxySocketIpv4, ExtendedProxySocketIpv6, HttpRequest,
    HttpRequestDeprecated,
};
pub use ieee80211::{
    Extended80211Aggregation, Extended80211Payload, Extended80211Rx, Extended80211Tx, Pdu,
};
pub use infiniband::{ExtendedIbBth, ExtendedIbGrh, ExtendedIbLrh};
pub use memcache::MemcacheOperation;
pub use nat::ExtendedNatPort;
pub use nav_timing::ExtendedNavTiming;
pub use openflow::ExtendedOpenflowV1;
pub use pmacct::{PmacctClass, PmacctClassOld, PmacctTag};
pub use queue::ExtendedQueueLength;
pub use tcp::ExtendedTcpInfo;
pub use timestamp::ExtendedTimestamp;
pub use transaction::{
    ExtendedHttpTransaction, ExtendedNfsStorageTransaction, ExtendedScsiStorageTransaction,
    Transaction,
};
pub use transit::{ExtendedQueue, ExtendedTransit};
pub use tunnel::{
    ExtendedDecapsulateEgress, ExtendedDecapsulateIngress, ExtendedIpv4TunnelEgress,
    ExtendedIpv4TunnelIngress, ExtendedIpv6TunnelEgress, ExtendedIpv6TunnelIngress,
    ExtendedL2TunnelEgress, ExtendedL2TunnelIngress, ExtendedVniEgress, ExtendedVniIngress,
};
pub use v5::{
    AsPathSegment, ExtendedGateway, ExtendedMpls, ExtendedMplsFtn, ExtendedMplsLdpFec,
    ExtendedMplsTunnel, ExtendedMplsVc, ExtendedNat, ExtendedRouter, ExtendedSwitch, ExtendedUrl,
    ExtendedUser, ExtendedVlantunnel, SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6,
};
pub use vlan::{ExtendedVlanin, ExtendedVlanout};

crate::registry::registry! {
    /// A flow record.
    pub enum FlowRecord<'a>: FlowStructure {
        0:1 => SampledHeader<'a>,
        0:2 => SampledEthernet,
        0:3 => SampledIpv4,
        0:4 => SampledIpv6,
        0:1001 => ExtendedSwitch,
        0:1002 => ExtendedRouter,
        0:1003 => ExtendedGateway<'a>,
        0:1004 => ExtendedUser<'a>,
        0:1005 => ExtendedUrl<'a>,
        0:1006 => ExtendedMpls<'a>,
        0:1007 => ExtendedNat,
        0:1008 => ExtendedMplsTunnel<'a>,
        0:1009 => ExtendedMplsVc<'a>,
        0:1010 => ExtendedMplsFtn<'a>,
        0:1011 => ExtendedMplsLdpFec,
        0:1012 => ExtendedVlantunnel<'a>,
        0:1013 => Extended80211Payload<'a>,
        0:1014 => Extended80211Rx<'a>,
        0:1015 => Extended80211Tx<'a>,
        0:1016 => Extended80211Aggregation<'a>,
        0:1017 => ExtendedOpenflowV1,
        0:1018 => ExtendedFc,
        0:1019 => ExtendedQueueLength,
        0:1020 => ExtendedNatPort,
        0:1021 => ExtendedL2TunnelEgress,
        0:1022 => ExtendedL2TunnelIngress,
        0:1023 => ExtendedIpv4TunnelEgress,
        0:1024 => ExtendedIpv4TunnelIngress,
        0:1025 => ExtendedIpv6TunnelEgress,
        0:1026 => ExtendedIpv6TunnelIngress,
        0:1027 => ExtendedDecapsulateEgress,
        0:1028 => ExtendedDecapsulateIngress,
        0:1029 => ExtendedVniEgress,
        0:1030 => ExtendedVniIngress,
        0:1031 => ExtendedIbLrh,
        0:1032 => ExtendedIbGrh,
        0:1033 => ExtendedIbBth,
        0:1034 => ExtendedVlanin<'a>,
        0:1035 => ExtendedVlanout<'a>,
        0:1036 => ExtendedEgressQueue,
        0:1037 => ExtendedAcl<'a>,
        0:1038 => ExtendedFunction<'a>,
        0:1039 => ExtendedTransit,
        0:1040 => ExtendedQueue,
        0:1041 => ExtendedHwTrap<'a>,
        0:1042 => ExtendedLinuxDropReason<'a>,
        0:1043 => ExtendedTimestamp,
        0:2000 => Transaction,
        0:2001 => ExtendedNfsStorageTransaction<'a>,
        0:2002 => ExtendedScsiStorageTransaction,
        0:2003 => ExtendedHttpTransaction<'a>,
        0:2100 => ExtendedSocketIpv4,
        0:2101 => ExtendedSocketIpv6,
        0:2102 => ExtendedProxySocketIpv4,
        0:2103 => ExtendedProxySocketIpv6,
        0:2200 => MemcacheOperation<'a>,
        0:2201 => HttpRequestDeprecated<'a>,
        0:2202 => AppOperation<'a>,
        0:2203 => AppParentContext<'a>,
        0:2204 => AppInitiator<'a>,
        0:2205 => AppTarget<'a>,
        0:2206 => HttpRequest<'a>,
        0:2207 => ExtendedProxyRequest<'a>,
        0:2208 => ExtendedNavTiming,
        0:2209 => ExtendedTcpInfo,
        0:2210 => ExtendedEntities,
        4413:1 => BstEgressQueue,
        43874:1 => PmacctClassOld<'a>,
        43874:2 => PmacctTag,
        43874:3 => PmacctClass,
    }
}
