//! sFlow HTTP Structures: requests, and the other side of a proxy.

use crate::enums::HttpMethod;
use crate::structure;
use crate::types::{Ipv4Address, Ipv6Address, Microseconds, Text};

structure! {
    /// The connection of a proxy to the server behind it, over IPv4.
    ///
    /// Source: sFlow HTTP Structures.
    pub struct ExtendedProxySocketIpv4: "extended_proxy_socket_ipv4" {
        /// IP protocol: 6 is TCP, 17 is UDP.
        protocol: u32,
        local_ip: Ipv4Address,
        remote_ip: Ipv4Address,
        local_port: u32,
        remote_port: u32,
    }
}

structure! {
    /// The connection of a proxy to the server behind it, over IPv6.
    ///
    /// Source: sFlow HTTP Structures.
    pub struct ExtendedProxySocketIpv6: "extended_proxy_socket_ipv6" {
        /// IP protocol: 6 is TCP, 17 is UDP.
        protocol: u32,
        local_ip: Ipv6Address,
        remote_ip: Ipv6Address,
        local_port: u32,
        remote_port: u32,
    }
}

structure! {
    /// One HTTP request in an older layout, replaced by [`HttpRequest`].
    ///
    /// Another definition of this number has `xff` and `req_bytes` but no `protocol`; records in
    /// that layout are malformed or have wrong values.
    ///
    /// Source: sflowtool and nfdump.
    pub struct HttpRequestDeprecated<'a>: "http_request_deprecated" {
        method: HttpMethod,
        /// HTTP/1.1 is 1001.
        protocol: u32,
        uri: Text<'a>,
        host: Text<'a>,
        referrer: Text<'a>,
        useragent: Text<'a>,
        authuser: Text<'a>,
        mimetype: Text<'a>,
        resp_bytes: u64 [bytes],
        us as uS: Microseconds [us],
        status: u32,
    }
}

structure! {
    /// One HTTP request.
    ///
    /// Source: sFlow HTTP Structures.
    pub struct HttpRequest<'a>: "http_request" {
        method: HttpMethod,
        /// HTTP/1.1 is 1001.
        protocol: u32,
        uri: Text<'a>,
        host: Text<'a>,
        referer: Text<'a>,
        useragent: Text<'a>,
        /// The `X-Forwarded-For` header.
        xff: Text<'a>,
        authuser: Text<'a>,
        mime_type: Text<'a>,
        req_bytes: u64 [bytes],
        resp_bytes: u64 [bytes],
        us as uS: Microseconds [us],
        status: i32,
    }
}

structure! {
    /// The request that a proxy sent to a server.
    ///
    /// Source: sFlow HTTP Structures.
    pub struct ExtendedProxyRequest<'a>: "extended_proxy_request" {
        uri: Text<'a>,
        host: Text<'a>,
    }
}
