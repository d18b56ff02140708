//! sFlow LAG Counters Structures: link aggregation.

use crate::types::Counter32;
use crate::walk::{Kind, Value};
use crate::wire::{DecodeError, Size, Wire, Writer};
use crate::{Mac, structure};

structure! {
    /// Link aggregation of a port.
    ///
    /// Source: sFlow LAG Counters Structures.
    pub struct LagPortStats: "lag_port_stats" {
        dot3ad_agg_port_actor_system_id as dot3adAggPortActorSystemID: Mac,
        dot3ad_agg_port_partner_oper_system_id as dot3adAggPortPartnerOperSystemID: Mac,
        /// `ifIndex` of the aggregation.
        dot3ad_agg_port_attached_agg_id as dot3adAggPortAttachedAggID: u32,
        /// State of this port and of the partner's port, administrative and operational.
        dot3ad_agg_port_state as dot3adAggPortState: LagPortState,
        dot3ad_agg_port_stats_lacpdus_rx as dot3adAggPortStatsLACPDUsRx: Counter32 [PDUs],
        dot3ad_agg_port_stats_marker_pdus_rx as dot3adAggPortStatsMarkerPDUsRx: Counter32 [PDUs],
        dot3ad_agg_port_stats_marker_response_pdus_rx as dot3adAggPortStatsMarkerResponsePDUsRx: Counter32 [PDUs],
        dot3ad_agg_port_stats_unknown_rx as dot3adAggPortStatsUnknownRx: Counter32 [PDUs],
        dot3ad_agg_port_stats_illegal_rx as dot3adAggPortStatsIllegalRx: Counter32 [PDUs],
        dot3ad_agg_port_stats_lacpdus_tx as dot3adAggPortStatsLACPDUsTx: Counter32 [PDUs],
        dot3ad_agg_port_stats_marker_pdus_tx as dot3adAggPortStatsMarkerPDUsTx: Counter32 [PDUs],
        dot3ad_agg_port_stats_marker_response_pdus_tx as dot3adAggPortStatsMarkerResponsePDUsTx: Counter32 [PDUs],
    }
}

/// The state of a port in an aggregation: bits of IEEE 802.1AX for this port (actor) and the
/// partner's port, administrative and operational.
///
/// Four bytes in this order. Host sFlow sends them in reverse order:
/// [`reversed`](Self::reversed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct LagPortState {
    /// This port, administrative.
    pub actor_admin: u8,
    /// This port, operational.
    pub actor_oper: u8,
    /// The partner's port, administrative.
    pub partner_admin: u8,
    /// The partner's port, operational.
    pub partner_oper: u8,
}

impl LagPortState {
    /// The bytes in reverse order.
    pub const fn reversed(self) -> Self {
        Self {
            actor_admin: self.partner_oper,
            actor_oper: self.partner_admin,
            partner_admin: self.actor_oper,
            partner_oper: self.actor_admin,
        }
    }

    const fn bytes(self) -> [u8; 4] {
        [
            self.actor_admin,
            self.actor_oper,
            self.partner_admin,
            self.partner_oper,
        ]
    }
}

impl<'a> Wire<'a> for LagPortState {
    const SIZE: Size = Size::Fixed(4);
    const KIND: Kind = Kind::Plain;

    #[inline(always)]
    fn decode(input: &mut &'a [u8]) -> Result<Self, DecodeError> {
        let [actor_admin, actor_oper, partner_admin, partner_oper] =
            u32::decode(input)?.to_be_bytes();
        Ok(Self {
            actor_admin,
            actor_oper,
            partner_admin,
            partner_oper,
        })
    }

    fn encode(&self, out: &mut Writer<'_>) {
        out.put(&self.bytes());
    }

    /// The four bytes as one number.
    fn value(&self) -> Value<'a> {
        Value::Unsigned(u32::from_be_bytes(self.bytes()).into())
    }
}
