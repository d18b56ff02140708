//! Packet headers with every layer, also truncated and invalid. The first byte is the header protocol.

use super::Seeds;
use super::build::{
    BRIDGED, GRE, IPV4, IPV6, MPLS, TCP, UDP, ethernet, extension, geneve, gre, ipv4, ipv4_with,
    ipv6, ipv6_with, mpls, tcp, udp, vlan, vxlan,
};

const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;

pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    let mut keep = |name: &str, protocol: u8, header: &[u8]| {
        let file = [&[protocol], header].concat();
        assert!(seeds.insert(name.into(), file).is_none(), "{name}");
    };
    let web = ipv4(TCP, &tcp(0x12, b"GET /"));
    let frame = ethernet(IPV4, &web);
    keep("ethernet-ipv4-tcp", 1, &frame);
    keep(
        "ethernet-ipv6-udp",
        1,
        &ethernet(IPV6, &ipv6(UDP, &udp(53, b"?"))),
    );
    for length in [0, 1, 2, 13, 14, 15] {
        keep(&format!("ethernet-{length}-bytes"), 1, &frame[..length]);
    }
    for length in [4, 13, 14] {
        keep(&format!("tcp-cut-at-{length}"), 11, &web[..20 + length]);
    }
    for protocol in [0, 2, 7, 13, 14, 15, 17, 18, 255] {
        keep(&format!("header-protocol-{protocol}"), protocol, &frame);
    }

    let tags = |count| {
        (0..count).fold(web.clone(), |inside, number| {
            vlan(number, if number == 0 { IPV4 } else { VLAN }, &inside)
        })
    };
    keep("vlan", 1, &ethernet(VLAN, &tags(1)));
    keep("vlan-8-stacked", 1, &ethernet(SERVICE_VLAN, &tags(8)));
    keep("vlan-40-stacked", 1, &ethernet(VLAN, &tags(40)));
    for length in [14, 15, 16, 17] {
        let name = format!("vlan-cut-at-{length}");
        keep(&name, 1, &ethernet(VLAN, &tags(1))[..length]);
    }
    keep(
        "ieee-802-3-with-snap",
        1,
        &ethernet(8, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
    );
    keep(
        "ieee-802-3-snap-cut",
        1,
        &ethernet(8, &[0xaa, 0xaa, 3, 0, 0]),
    );
    keep(
        "ieee-802-3-length-lies",
        1,
        &ethernet(3, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
    );
    keep(
        "macsec-unencrypted",
        1,
        &ethernet(0x88e5, &[&[0, 0, 0, 0, 0, 1, 8, 0], &web[..]].concat()),
    );
    keep(
        "macsec-short-length",
        1,
        &ethernet(0x88e5, &[&[0, 2, 0, 0, 0, 1, 8, 0], &web[..]].concat()),
    );
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &[2; 20]].concat();
    keep("arp", 1, &ethernet(0x0806, &arp));
    let padded = [&arp[..], &[0; 18]].concat();
    keep("arp-with-padding-behind", 1, &ethernet(0x0806, &padded));
    keep(
        "arp-lengths-max",
        1,
        &ethernet(
            0x0806,
            &[&[0, 1, 8, 0, 255, 255, 0, 1][..], &[2; 20]].concat(),
        ),
    );
    keep(
        "pppoe",
        1,
        &ethernet(
            0x8864,
            &[&[0x11, 0, 0, 1, 0, 47, 0, 0x21], &web[..]].concat(),
        ),
    );
    keep("ppp-compressed", 7, &[&[0x21], &web[..]].concat());
    keep(
        "ppp-with-address-and-control",
        14,
        &[&[0xff, 3, 0, 0x21], &web[..]].concat(),
    );

    let stack = |count, bottom| {
        (0..count).fold(web.clone(), |inside, number| {
            mpls(number, bottom && number == 0, &inside)
        })
    };
    keep("mpls", 13, &stack(1, true));
    keep("mpls-3-labels", 1, &ethernet(MPLS, &stack(3, true)));
    keep("mpls-without-bottom", 1, &ethernet(MPLS, &stack(3, false)));
    keep("mpls-40-labels", 13, &stack(40, true));
    keep("mpls-behind-the-bottom-nothing", 13, &mpls(16, true, b""));
    keep(
        "mpls-behind-the-bottom-neither-4-nor-6",
        13,
        &mpls(16, true, &[0; 20]),
    );

    for (name, first, total, fragment) in [
        ("ipv4-header-length-0", 0x40, 45, 0),
        ("ipv4-header-length-4", 0x44, 45, 0),
        ("ipv4-header-length-15", 0x4f, 45, 0),
        ("ipv4-version-5", 0x55, 45, 0),
        ("ipv4-total-length-0", 0x45, 0, 0),
        ("ipv4-total-length-19", 0x45, 19, 0),
        ("ipv4-total-length-in-tcp", 0x45, 30, 0),
        ("ipv4-total-length-max", 0x45, u16::MAX, 0),
        ("ipv4-first-fragment", 0x45, 45, 0x2000),
        ("ipv4-last-fragment", 0x45, 45, 0x0001),
    ] {
        keep(
            name,
            11,
            &ipv4_with(first, total, fragment, TCP, &web[20..]),
        );
    }
    keep("ipv4-within-ipv6-protocol", 12, &web);
    for number in [1, 2, 33, 50, 51, 132, 136, 253] {
        keep(
            &format!("ip-protocol-{number}"),
            11,
            &ipv4(number, &[1; 24]),
        );
    }
    for words in [0, 4, 15] {
        let mut short = web.clone();
        short[32] = words << 4;
        keep(&format!("tcp-data-offset-{words}"), 11, &short);
    }

    let chain = |count, next| {
        (0..count).fold(tcp(2, b""), |inside, number| {
            extension(if number == 0 { TCP } else { next }, &inside)
        })
    };
    keep("ipv6-options", 12, &ipv6(0, &chain(1, 60)));
    keep("ipv6-4-options", 12, &ipv6(0, &chain(4, 60)));
    keep("ipv6-40-options", 12, &ipv6(0, &chain(40, 60)));
    keep(
        "ipv6-options-over-the-end",
        12,
        &ipv6(0, &[TCP, 255, 0, 0, 0, 0, 0, 0]),
    );
    keep(
        "ipv6-fragment",
        12,
        &ipv6(44, &[TCP, 0, 0, 9, 0, 0, 0, 1, 0, 80]),
    );
    keep(
        "ipv6-authentication-length-0",
        12,
        &ipv6(51, &[TCP, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]),
    );
    keep("ipv6-no-next-header", 12, &ipv6(59, b"rest"));
    keep(
        "ipv6-payload-length-0",
        12,
        &ipv6_with(0, TCP, &tcp(2, b"")),
    );
    keep(
        "ipv6-payload-length-max",
        12,
        &ipv6_with(u16::MAX, TCP, &tcp(2, b"")),
    );
    keep(
        "ipv6-payload-length-3",
        12,
        &ipv6_with(3, TCP, &tcp(2, b"")),
    );

    let deep = |count, around: &dyn Fn(&[u8]) -> Vec<u8>| {
        (0..count).fold(web.clone(), |inside, _| around(&inside))
    };
    for count in [1, 4, 40] {
        let ip_in_ip = deep(count, &|inside| ipv4(4, inside));
        keep(&format!("ip-in-ip-{count}-deep"), 11, &ip_in_ip);
        let generic = deep(count, &|inside| ipv4(GRE, &gre(0, IPV4, &[], inside)));
        keep(&format!("gre-{count}-deep"), 11, &generic);
        let overlay = deep(count.min(12), &|inside| {
            ipv4(UDP, &udp(4789, &vxlan(42, &ethernet(IPV4, inside))))
        });
        keep(&format!("vxlan-{count}-deep"), 11, &overlay);
        let options = [1, 2, 3, 1, 9, 9, 9, 9];
        let generic = deep(count.min(12), &|inside| {
            ipv6(
                UDP,
                &udp(6081, &geneve(7, BRIDGED, &options, &ethernet(IPV4, inside))),
            )
        });
        keep(
            &format!("geneve-{count}-deep"),
            1,
            &ethernet(IPV6, &generic),
        );
    }
    keep(
        "gre-all-flags",
        11,
        &ipv4(GRE, &gre(0xb0, IPV4, &[0; 12], &web)),
    );
    keep(
        "gre-flags-cut",
        11,
        &ipv4(GRE, &gre(0xb0, IPV4, &[0; 3], b"")),
    );
    keep(
        "gre-ethernet",
        11,
        &ipv4(GRE, &gre(0, BRIDGED, &[], &frame)),
    );
    keep(
        "gre-erspan",
        11,
        &ipv4(
            GRE,
            &gre(
                0x10,
                0x88be,
                &[0, 0, 0, 9],
                &[&[0x10, 7, 0, 1, 0, 0, 0, 0], &frame[..]].concat(),
            ),
        ),
    );
    keep(
        "gre-erspan-3",
        11,
        &ipv4(
            GRE,
            &gre(
                0x10,
                0x22eb,
                &[0, 0, 0, 9],
                &[&[0x20; 12], &frame[..]].concat(),
            ),
        ),
    );
    keep(
        "gre-pptp",
        11,
        &ipv4(
            GRE,
            &[
                &[0x30, 0x81, 0x88, 0x0b, 0, 5, 0, 1, 0, 0, 0, 2, 0x21][..],
                &web,
            ]
            .concat(),
        ),
    );
    for length in [0, 7, 8, u16::MAX] {
        let mut datagram = udp(4789, &vxlan(42, &frame));
        datagram[4..6].copy_from_slice(&length.to_be_bytes());
        keep(&format!("udp-length-{length}"), 11, &ipv4(UDP, &datagram));
    }
    keep(
        "udp-to-vxlan-that-is-none",
        11,
        &ipv4(UDP, &udp(4789, b"hello, world")),
    );
    keep(
        "udp-to-vxlan-of-4-bytes",
        11,
        &ipv4(UDP, &udp(4789, &[8, 0, 0, 0])),
    );
    keep(
        "udp-to-geneve-version-1",
        11,
        &ipv4(UDP, &udp(6081, &[0x40; 12])),
    );
    keep(
        "geneve-options-over-the-end",
        11,
        &ipv4(UDP, &udp(6081, &[0x3f, 0, 8, 0, 0, 0, 7, 0])),
    );
    seeds
}
