//! What the records beside a packet say.

use sflow_v5::FlowSample;
use sflow_v5::flow::{
    ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedGateway, ExtendedHwTrap,
    ExtendedLinuxDropReason, ExtendedNat, ExtendedNatPort, ExtendedRouter, ExtendedSwitch,
    ExtendedUrl, ExtendedUser, ExtendedVniEgress, ExtendedVniIngress, HttpRequest,
};
use sflow_v5::types::Switch32;

use crate::flow::key::Key;
use crate::flow::value::{Raw, address, number};

/// What a record says that describes nothing else.
pub(super) fn value<'s>(sample: &FlowSample<'s>, key: Key) -> Raw<'s> {
    use Key as K;
    let value = match key {
        K::DropAcl => sample
            .find()
            .map(|acl: ExtendedAcl<'s>| Raw::text(acl.name.as_bytes())),
        K::DropAclNumber => sample
            .find()
            .map(|acl: ExtendedAcl<'_>| number(Some(acl.number))),
        K::DropFunction => {
            let function = sample.find();
            function.map(|function: ExtendedFunction<'s>| Raw::text(function.symbol.as_bytes()))
        }
        K::DropTrap => sample
            .find()
            .map(|trap: ExtendedHwTrap<'s>| Raw::text(trap.trap.as_bytes())),
        K::DropTrapGroup => sample
            .find()
            .map(|trap: ExtendedHwTrap<'s>| Raw::text(trap.group.as_bytes())),
        K::DropLinux => {
            let reason = sample.find();
            reason.map(|reason: ExtendedLinuxDropReason<'s>| Raw::text(reason.reason.as_bytes()))
        }
        K::Queue => sample
            .find()
            .map(|queue: ExtendedEgressQueue| number(Some(queue.queue))),
        K::SwitchVlanSource
        | K::SwitchVlanDestination
        | K::SwitchPrioritySource
        | K::SwitchPriorityDestination => {
            let field = |switch: ExtendedSwitch| match key {
                K::SwitchVlanSource => switch.src_vlan,
                K::SwitchVlanDestination => switch.dst_vlan,
                K::SwitchPrioritySource => switch.src_priority,
                _ => switch.dst_priority,
            };
            sample
                .find()
                .map(|switch| number(Switch32::known(field(switch))))
        }
        K::RouterNextHop => sample
            .find()
            .map(|router: ExtendedRouter| address(router.nexthop)),
        K::RouterMaskSource => {
            let router = sample.find();
            router.map(|router: ExtendedRouter| number(Some(router.src_mask_len)))
        }
        K::RouterMaskDestination => {
            let router = sample.find();
            router.map(|router: ExtendedRouter| number(Some(router.dst_mask_len)))
        }
        K::GatewayNextHop
        | K::AsSource
        | K::AsDestination
        | K::AsPeerSource
        | K::AsPeerDestination => sample.find().map(|gateway| of_gateway(&gateway, key)),
        K::UserSource => sample
            .find()
            .map(|user: ExtendedUser<'s>| Raw::text(user.src_user.0)),
        K::UserDestination => {
            let user = sample.find();
            user.map(|user: ExtendedUser<'s>| Raw::text(user.dst_user.0))
        }
        K::Url | K::UrlHost => of_request(sample, key),
        K::NatSource => sample
            .find()
            .map(|nat: ExtendedNat| address(nat.src_address)),
        K::NatDestination => sample
            .find()
            .map(|nat: ExtendedNat| address(nat.dst_address)),
        K::NatPortSource => sample
            .find()
            .map(|nat: ExtendedNatPort| number(Some(nat.src_port))),
        K::NatPortDestination => {
            let nat = sample.find();
            nat.map(|nat: ExtendedNatPort| number(Some(nat.dst_port)))
        }
        K::VniIngress => sample
            .find()
            .map(|network: ExtendedVniIngress| number(Some(network.vni))),
        K::VniEgress => sample
            .find()
            .map(|network: ExtendedVniEgress| number(Some(network.vni))),
        _ => None,
    };
    value.unwrap_or(Raw::Absent)
}

fn of_gateway<'s>(gateway: &ExtendedGateway<'_>, key: Key) -> Raw<'s> {
    let mut path = gateway
        .dst_as_path
        .iter()
        .flat_map(|segment| segment.as_number.iter());
    let system = match key {
        Key::GatewayNextHop => return address(gateway.nexthop),
        Key::AsSource => Some(gateway.src_as),
        Key::AsPeerSource => Some(gateway.src_peer_as),
        Key::AsPeerDestination => path.next(),
        // An empty path leads to the router's own system.
        _ => path.last().or(Some(gateway.as_number)),
    };
    number(system.filter(|system| *system != 0))
}

fn of_request<'s>(sample: &FlowSample<'s>, key: Key) -> Option<Raw<'s>> {
    let is_host = key == Key::UrlHost;
    if let Some(request) = sample.find::<HttpRequest<'s>>() {
        return Some(Raw::text(if is_host {
            request.host.as_bytes()
        } else {
            request.uri.as_bytes()
        }));
    }
    let url = sample.find::<ExtendedUrl<'s>>()?;
    Some(Raw::text(if is_host {
        url.host.as_bytes()
    } else {
        url.url.as_bytes()
    }))
}
