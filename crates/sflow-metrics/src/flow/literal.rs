//! Literal values in filters.

use core::net::IpAddr;

use sflow_v5::Mac;
use sflow_v5::enums::DropReason;

use crate::flow::filter::{Test, bits};
use crate::flow::key::Kind;
use crate::flow::value::PROTOCOLS;
use crate::query::Pattern;

/// The test for a literal value of a key; the error describes a valid value.
pub(super) fn parse(text: &str, kind: Kind) -> Result<Test, &'static str> {
    let has_spaces = matches!(kind, Kind::Text | Kind::End | Kind::Flags);
    let text = if has_spaces { text } else { text.trim() };
    match kind {
        Kind::Number => numbers(text, |_| None).ok_or("a number or a range such as 1024..65535"),
        Kind::Protocol => {
            let named = |name: &str| {
                let mut protocols = PROTOCOLS.iter();
                protocols
                    .find(|(known, _)| *known == name)
                    .map(|(_, number)| *number)
            };
            numbers(text, named).ok_or("a protocol such as tcp, udp or 47")
        }
        Kind::Reason => {
            let named = |name: &str| {
                let mut numbers = 0..1024;
                let number = numbers.find(|number| DropReason(*number).name() == Some(name));
                number.map(u64::from)
            };
            numbers(text, named).ok_or("a drop reason such as acl, ttl_exceeded or 258")
        }
        Kind::Ip => network(text).ok_or("an IP address or a prefix such as 10.0.0.0/8"),
        Kind::Mac => mac(text).map(Test::Mac).ok_or("a MAC address"),
        Kind::DataSource => text
            .parse()
            .map(Test::DataSource)
            .map_err(|_| "a data source such as 0:3"),
        Kind::Flags => match text.parse::<u64>() {
            Ok(flags) => Ok(Test::Number(flags, flags)),
            Err(_) => Ok(Test::Text(Pattern::exact(text))),
        },
        Kind::End if text.contains('/') => {
            Ok(network(text).unwrap_or_else(|| Test::Text(Pattern::exact(text))))
        }
        Kind::End => Ok(match (text.parse::<IpAddr>(), mac(text)) {
            (Ok(address), _) => Test::Network(address, bits(address)),
            (_, Some(address)) => Test::Mac(address),
            _ => Test::Text(Pattern::exact(text)),
        }),
        Kind::Text => Ok(Test::Text(Pattern::exact(text))),
    }
}

fn numbers(text: &str, named: impl Fn(&str) -> Option<u64>) -> Option<Test> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok().or_else(|| named(text)),
    };
    if let Some((from, to)) = text.split_once("..") {
        let (from, to) = (number(from)?, number(to)?);
        return (from <= to).then_some(Test::Number(from, to));
    }
    let number = number(text)?;
    Some(Test::Number(number, number))
}

fn network(text: &str) -> Option<Test> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, length.parse().ok()?),
        None => {
            let address: IpAddr = text.parse().ok()?;
            (address, bits(address))
        }
    };
    (length <= bits(address)).then_some(Test::Network(address, length))
}

/// A MAC address. Unlike `Mac::from_str` it accepts octets of one digit, as macOS prints them.
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
