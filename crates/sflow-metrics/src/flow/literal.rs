//! Values of keys, as filters have them.

use core::net::IpAddr;

use sflow_v5::enums::{DataSourceKind, DropReason};
use sflow_v5::{DataSource, Mac};

use crate::flow::filter::{FlowTest, bits};
use crate::flow::key::FlowKind;
use crate::flow::value::PROTOCOLS;
use crate::query::Pattern;

/// The test for one value of a key; otherwise what a value of it would be.
pub(super) fn read(text: &str, kind: FlowKind) -> Result<FlowTest, &'static str> {
    let has_spaces = matches!(kind, FlowKind::Text | FlowKind::End | FlowKind::Flags);
    let text = if has_spaces { text } else { text.trim() };
    match kind {
        FlowKind::Number => numbers(text, |_| None).ok_or("number, or range such as 1024..65535"),
        FlowKind::Protocol => {
            let named = |name: &str| {
                let mut protocols = PROTOCOLS.iter();
                protocols
                    .find(|(known, _)| *known == name)
                    .map(|(_, number)| *number)
            };
            numbers(text, named).ok_or("protocol such as tcp, udp or 47")
        }
        FlowKind::Reason => {
            let named = |name: &str| {
                let mut numbers = 0..1024;
                let number = numbers.find(|number| DropReason(*number).name() == Some(name));
                number.map(u64::from)
            };
            numbers(text, named).ok_or("drop reason such as acl, ttl_exceeded or 258")
        }
        FlowKind::Ip => network(text).ok_or("address, or prefix such as 10.0.0.0/8"),
        FlowKind::Mac => mac(text).map(FlowTest::Mac).ok_or("MAC address"),
        FlowKind::DataSource => {
            let source = || {
                let (kind, index) = text.split_once(':')?;
                let kind = DataSourceKind(kind.parse().ok()?);
                Some(DataSource::new(kind, index.parse().ok()?))
            };
            source()
                .map(FlowTest::DataSource)
                .ok_or("data source such as 0:3")
        }
        FlowKind::Flags => match text.parse::<u64>() {
            Ok(flags) => Ok(FlowTest::Number(flags, flags)),
            Err(_) => Ok(FlowTest::Text(Pattern::exact(text))),
        },
        FlowKind::End if text.contains('/') => {
            Ok(network(text).unwrap_or_else(|| FlowTest::Text(Pattern::exact(text))))
        }
        FlowKind::End => Ok(match (text.parse::<IpAddr>(), mac(text)) {
            (Ok(address), _) => FlowTest::Network(address, bits(address)),
            (_, Some(address)) => FlowTest::Mac(address),
            _ => FlowTest::Text(Pattern::exact(text)),
        }),
        FlowKind::Text => Ok(FlowTest::Text(Pattern::exact(text))),
    }
}

fn numbers(text: &str, named: impl Fn(&str) -> Option<u64>) -> Option<FlowTest> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok().or_else(|| named(text)),
    };
    if let Some((from, to)) = text.split_once("..") {
        let (from, to) = (number(from)?, number(to)?);
        return (from <= to).then_some(FlowTest::Number(from, to));
    }
    let number = number(text)?;
    Some(FlowTest::Number(number, number))
}

fn network(text: &str) -> Option<FlowTest> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, length.parse().ok()?),
        None => {
            let address: IpAddr = text.parse().ok()?;
            (address, bits(address))
        }
    };
    (length <= bits(address)).then_some(FlowTest::Network(address, length))
}

fn mac(text: &str) -> Option<Mac> {
    let separator = if text.contains('-') { '-' } else { ':' };
    let mut parts = text.split(separator);
    let mut octets = [0; 6];
    for octet in &mut octets {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()))?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(Mac(octets))
}
