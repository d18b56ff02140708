//! sFlow Host TCP/IP Counters: the MIB-II groups of a host.

use crate::enums::TcpRtoAlgorithm;
use crate::structure;
use crate::types::{Counter32, Gauge32, Limit32};

structure! {
    /// IP counters of a host.
    ///
    /// Source: sFlow Host TCP/IP Counters, `mib2_ip_group`; MIB-II (RFC 4293, RFC 4022, RFC 4113).
    pub struct Mib2IpGroup: "mib2_ip_group" {
        ip_forwarding as ipForwarding: Gauge32,
        ip_default_ttl as ipDefaultTTL: Gauge32,
        ip_in_receives as ipInReceives: Counter32,
        ip_in_hdr_errors as ipInHdrErrors: Counter32,
        ip_in_addr_errors as ipInAddrErrors: Counter32,
        ip_forw_datagrams as ipForwDatagrams: Counter32,
        ip_in_unknown_protos as ipInUnknownProtos: Counter32,
        ip_in_discards as ipInDiscards: Counter32,
        ip_in_delivers as ipInDelivers: Counter32,
        ip_out_requests as ipOutRequests: Counter32,
        ip_out_discards as ipOutDiscards: Counter32,
        ip_out_no_routes as ipOutNoRoutes: Counter32,
        ip_reasm_timeout as ipReasmTimeout: Gauge32 [s],
        ip_reasm_reqds as ipReasmReqds: Counter32,
        ip_reasm_o_ks as ipReasmOKs: Counter32,
        ip_reasm_fails as ipReasmFails: Counter32,
        ip_frag_o_ks as ipFragOKs: Counter32,
        ip_frag_fails as ipFragFails: Counter32,
        ip_frag_creates as ipFragCreates: Counter32,
    }
}

structure! {
    /// ICMP counters of a host.
    ///
    /// Host sFlow on Linux shifts the columns, so that only the first two counters are correct.
    ///
    /// Source: sFlow Host TCP/IP Counters, `mib2_icmp_group`; MIB-II (RFC 4293, RFC 4022, RFC 4113).
    pub struct Mib2IcmpGroup: "mib2_icmp_group" {
        icmp_in_msgs as icmpInMsgs: Counter32,
        icmp_in_errors as icmpInErrors: Counter32,
        icmp_in_dest_unreachs as icmpInDestUnreachs: Counter32,
        icmp_in_time_excds as icmpInTimeExcds: Counter32,
        icmp_in_param_probs as icmpInParamProbs: Counter32,
        icmp_in_src_quenchs as icmpInSrcQuenchs: Counter32,
        icmp_in_redirects as icmpInRedirects: Counter32,
        icmp_in_echos as icmpInEchos: Counter32,
        icmp_in_echo_reps as icmpInEchoReps: Counter32,
        icmp_in_timestamps as icmpInTimestamps: Counter32,
        icmp_in_addr_masks as icmpInAddrMasks: Counter32,
        icmp_in_addr_mask_reps as icmpInAddrMaskReps: Counter32,
        icmp_out_msgs as icmpOutMsgs: Counter32,
        icmp_out_errors as icmpOutErrors: Counter32,
        icmp_out_dest_unreachs as icmpOutDestUnreachs: Counter32,
        icmp_out_time_excds as icmpOutTimeExcds: Counter32,
        icmp_out_param_probs as icmpOutParamProbs: Counter32,
        icmp_out_src_quenchs as icmpOutSrcQuenchs: Counter32,
        icmp_out_redirects as icmpOutRedirects: Counter32,
        icmp_out_echos as icmpOutEchos: Counter32,
        icmp_out_echo_reps as icmpOutEchoReps: Counter32,
        icmp_out_timestamps as icmpOutTimestamps: Counter32,
        icmp_out_timestamp_reps as icmpOutTimestampReps: Counter32,
        icmp_out_addr_masks as icmpOutAddrMasks: Counter32,
        icmp_out_addr_mask_reps as icmpOutAddrMaskReps: Counter32,
    }
}

structure! {
    /// TCP counters of a host.
    ///
    /// Source: sFlow Host TCP/IP Counters, `mib2_tcp_group`; MIB-II (RFC 4293, RFC 4022, RFC 4113).
    pub struct Mib2TcpGroup: "mib2_tcp_group" {
        tcp_rto_algorithm as tcpRtoAlgorithm: TcpRtoAlgorithm,
        tcp_rto_min as tcpRtoMin: Gauge32 [ms],
        tcp_rto_max as tcpRtoMax: Gauge32 [ms],
        /// −1 without a fixed limit.
        tcp_max_conn as tcpMaxConn: Limit32,
        tcp_active_opens as tcpActiveOpens: Counter32,
        tcp_passive_opens as tcpPassiveOpens: Counter32,
        tcp_attempt_fails as tcpAttemptFails: Counter32,
        tcp_estab_resets as tcpEstabResets: Counter32,
        tcp_curr_estab as tcpCurrEstab: Gauge32,
        tcp_in_segs as tcpInSegs: Counter32,
        tcp_out_segs as tcpOutSegs: Counter32,
        tcp_retrans_segs as tcpRetransSegs: Counter32,
        tcp_in_errs as tcpInErrs: Counter32,
        tcp_out_rsts as tcpOutRsts: Counter32,
        tcp_in_csum_errs as tcpInCsumErrs: Counter32,
    }
}

structure! {
    /// UDP counters of a host.
    ///
    /// Source: sFlow Host TCP/IP Counters, `mib2_udp_group`; MIB-II (RFC 4293, RFC 4022, RFC 4113).
    pub struct Mib2UdpGroup: "mib2_udp_group" {
        udp_in_datagrams as udpInDatagrams: Counter32,
        udp_no_ports as udpNoPorts: Counter32,
        udp_in_errors as udpInErrors: Counter32,
        udp_out_datagrams as udpOutDatagrams: Counter32,
        udp_rcvbuf_errors as udpRcvbufErrors: Counter32,
        udp_sndbuf_errors as udpSndbufErrors: Counter32,
        udp_in_csum_errors as udpInCsumErrors: Counter32,
    }
}
