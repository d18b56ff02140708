use core::fmt;
use core::net::IpAddr;

use sflow_v5::{DataSource, Mac};

use crate::flow::key::{Key, Kind};
use crate::flow::value::{Raw, Value};
use crate::query::Pattern;

/// Which packets a flow definition is about, by one key; or by another one instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) key: Key,
    pub(super) is_negated: bool,
    pub(super) tests: Vec<Test>,
    /// Without alternatives of their own.
    pub(super) alternatives: Vec<Self>,
}

/// What the value of a key may be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Test {
    /// `*`: anything, if it is there.
    Present,
    /// `80` or `1024..65535`: a number from the first to the second.
    Number(u64, u64),
    /// `10.0.0.0/8`: an address that begins with so many bits of this one.
    Network(IpAddr, u8),
    /// Exactly this MAC address.
    Mac(Mac),
    /// Exactly this data source.
    DataSource(DataSource),
    /// A text; of what is no text, how it is shown.
    Text(Pattern),
}

impl Filter {
    /// The value of this key has to pass one of these tests.
    pub fn new(key: Key, tests: impl IntoIterator<Item = Test>) -> Self {
        Self {
            key,
            is_negated: false,
            tests: tests.into_iter().collect(),
            alternatives: Vec::new(),
        }
    }

    /// The value of this key, if there is one, must pass none of these tests.
    pub fn not(key: Key, tests: impl IntoIterator<Item = Test>) -> Self {
        Self {
            is_negated: true,
            ..Self::new(key, tests)
        }
    }

    /// Exactly this value; if that is [`Value::Absent`], that there is none.
    pub fn exactly(key: Key, value: &Value) -> Self {
        match Test::exactly(value) {
            Some(test) => Self::new(key, [test]),
            None => Self::not(key, [Test::Present]),
        }
    }

    /// This one or the other.
    ///
    /// ```
    /// use sflow_metrics::flow::{Filter, Key, Value};
    ///
    /// let address = Value::Ip([10, 0, 0, 1].into());
    /// let [from, to] = [Key::IpSource, Key::IpDestination]
    ///     .map(|key| Filter::exactly(key, &address));
    /// assert_eq!(from.or(to).to_string(), "(ip.src=10.0.0.1||ip.dst=10.0.0.1)");
    /// ```
    #[must_use]
    pub fn or(mut self, mut other: Self) -> Self {
        let others = core::mem::take(&mut other.alternatives);
        for alternative in core::iter::once(other).chain(others) {
            if !self.alternatives.contains(&alternative) {
                self.alternatives.push(alternative);
            }
        }
        self
    }

    /// By which key.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether it wants none of its tests to be passed, instead of one.
    pub fn is_negated(&self) -> bool {
        self.is_negated
    }

    /// The tests.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// What may pass in its place.
    pub fn alternatives(&self) -> &[Self] {
        &self.alternatives
    }

    /// Its key and those of its alternatives.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let others = self.alternatives.iter().map(|other| other.key);
        core::iter::once(self.key).chain(others)
    }

    /// Whether a packet with these values passes.
    pub(super) fn admits<'v>(&self, value: impl Fn(Key) -> Raw<'v>) -> bool {
        self.admits_value(value(self.key))
            || self
                .alternatives
                .iter()
                .any(|other| other.admits_value(value(other.key)))
    }

    fn admits_value(&self, value: Raw<'_>) -> bool {
        let kind = self.key.kind();
        let passes = self.tests.iter().any(|test| test.passes(value, kind));
        passes != self.is_negated
    }

    /// Without its alternatives, perhaps as it stands among others in parentheses.
    fn write_alone(&self, f: &mut fmt::Formatter<'_>, is_among: bool) -> fmt::Result {
        let equals = if self.is_negated { "!=" } else { "=" };
        write!(f, "{}{equals}", self.key)?;
        for (place, test) in self.tests.iter().enumerate() {
            let separator = if place > 0 { "|" } else { "" };
            match is_among {
                true => write!(f, "{separator}{test:#}")?,
                false => write!(f, "{separator}{test}")?,
            }
        }
        Ok(())
    }
}

impl Test {
    /// The test that this value alone passes; `None` for what is absent.
    pub fn exactly(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Absent => return None,
            Value::Number(number) | Value::Named(number, _) => Self::Number(*number, *number),
            Value::Flags(flags) => Self::Number(flags.0.into(), flags.0.into()),
            Value::Ip(address) => Self::Network(*address, bits(*address)),
            Value::Mac(address) => Self::Mac(*address),
            Value::DataSource(source) => Self::DataSource(*source),
            Value::Text(text) => Self::Text(Pattern::exact(&**text)),
        })
    }

    fn passes(&self, value: Raw<'_>, kind: Kind) -> bool {
        match (self, value) {
            (_, Raw::Absent) => false,
            (Self::Present, _) => true,
            (Self::Number(from, to), Raw::Number(number)) => (*from..=*to).contains(&number),
            (Self::Network(network, length), Raw::Ip(address)) => {
                within(address, *network, *length)
            }
            (Self::Mac(wanted), Raw::Mac(address)) => *wanted == address,
            (Self::DataSource(wanted), Raw::DataSource(source)) => *wanted == source,
            (Self::Text(pattern), Raw::Ip(address)) => {
                // Of an IPv4 address in IPv6 either form may be meant.
                let fits = |address| {
                    let value = Raw::Ip(address);
                    value.with_text(kind, |text| pattern.fits_bytes(text))
                };
                fits(address) || fits(address.to_canonical())
            }
            (Self::Text(pattern), value) => value.with_text(kind, |text| pattern.fits_bytes(text)),
            _ => false,
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alternatives.is_empty() {
            return self.write_alone(f, false);
        }
        f.write_str("(")?;
        self.write_alone(f, true)?;
        for alternative in &self.alternatives {
            f.write_str("||")?;
            alternative.write_alone(f, true)?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Test {
    /// With `#` as it stands in parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("*"),
            Self::Number(from, to) if from == to => from.fmt(f),
            Self::Number(from, to) => write!(f, "{from}..{to}"),
            Self::Network(address, length) if *length == bits(*address) => address.fmt(f),
            Self::Network(address, length) => write!(f, "{address}/{length}"),
            Self::Mac(address) => address.fmt(f),
            Self::DataSource(source) => source.fmt(f),
            Self::Text(pattern) => escape(pattern, f),
        }
    }
}

/// A pattern escapes what separates values in queries; here more does.
fn escape(pattern: &Pattern, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    for character in pattern.to_string().chars() {
        if matches!(character, '&' | ';') || f.alternate() && character == ')' {
            f.write_char('\\')?;
        }
        f.write_char(character)?;
    }
    Ok(())
}

pub(super) const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Whether a network contains an address. An IPv4 address in IPv6 (`::ffff:192.0.2.9`) is in the
/// networks of both.
fn within(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let canonical = match (network.to_canonical(), length.checked_sub(96)) {
        (v4 @ IpAddr::V4(_), Some(length)) if network.is_ipv6() => (v4, length),
        _ => (network, length),
    };
    is_in(address, network, length) || is_in(address.to_canonical(), canonical.0, canonical.1)
}

fn is_in(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let (ours, theirs, width) = match (address, network) {
        (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
            (ours.to_bits().into(), theirs.to_bits().into(), 32_u32)
        }
        (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
        _ => return false,
    };
    let differing: u128 = ours ^ theirs;
    let free = width.saturating_sub(length.into());
    differing.checked_shr(free).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_pass_what_they_should() {
        let ip = |text: &str| Raw::Ip(text.parse().unwrap());
        let network = |text: &str, length| Test::Network(text.parse().unwrap(), length);
        let glob = |text| Test::Text(Pattern::glob(text));
        let cases = [
            (Test::Present, Raw::Absent, Kind::Text, false),
            (Test::Present, Raw::Number(0), Kind::Number, true),
            (Test::Number(80, 443), Raw::Number(80), Kind::Number, true),
            (Test::Number(80, 443), Raw::Number(444), Kind::Number, false),
            (network("10.0.0.0", 8), ip("10.1.2.3"), Kind::Ip, true),
            (network("10.0.0.0", 8), ip("11.1.2.3"), Kind::Ip, false),
            (network("0.0.0.0", 0), ip("11.1.2.3"), Kind::Ip, true),
            (network("::", 0), ip("11.1.2.3"), Kind::Ip, false),
            (
                network("192.0.2.9", 32),
                ip("::ffff:192.0.2.9"),
                Kind::Ip,
                true,
            ),
            (
                network("192.0.2.0", 24),
                ip("::ffff:192.0.2.9"),
                Kind::Ip,
                true,
            ),
            (
                network("192.0.3.0", 24),
                ip("::ffff:192.0.2.9"),
                Kind::Ip,
                false,
            ),
            (
                network("::ffff:192.0.2.0", 120),
                ip("192.0.2.9"),
                Kind::Ip,
                true,
            ),
            (
                network("::ffff:0:0", 96),
                ip("::ffff:192.0.2.9"),
                Kind::Ip,
                true,
            ),
            (glob("192.0.2.*"), ip("::ffff:192.0.2.9"), Kind::Ip, true),
            (
                network("2001:db8::", 32),
                ip("2001:db8:1::1"),
                Kind::Ip,
                true,
            ),
            (
                network("2001:db8::1", 128),
                ip("2001:db8::2"),
                Kind::Ip,
                false,
            ),
            (glob("apache.*"), Raw::Text(b"apache.1.x"), Kind::Text, true),
            (glob("apache.*"), Raw::Text(b"apache2"), Kind::Text, false),
            (glob("10.0.*"), ip("10.0.3.4"), Kind::Ip, true),
            (glob("*S*"), Raw::Number(0x12), Kind::Flags, true),
            (glob("t*"), Raw::Number(6), Kind::Protocol, true),
        ];
        for (test, value, kind, expected) in cases {
            assert_eq!(test.passes(value, kind), expected, "{test} and {value:?}");
        }
    }

    #[test]
    fn what_is_absent_is_not_anything() {
        let not = Filter::not(Key::Vlan, [Test::Number(7, 7)]);
        assert!(not.admits_value(Raw::Absent));
        assert!(!not.admits_value(Raw::Number(7)));
        let absent = Filter::exactly(Key::Vlan, &Value::Absent);
        assert!(absent.admits_value(Raw::Absent));
        assert!(!absent.admits_value(Raw::Number(7)));
        assert_eq!(absent.to_string(), "vlan!=*");
    }

    #[test]
    fn one_of_several_is_enough() {
        let seven = |key| Filter::new(key, [Test::Number(7, 7)]);
        let either = seven(Key::Vlan).or(seven(Key::VlanInner));
        let both = either.clone().or(either.clone());
        assert_eq!(both.alternatives().len(), 2, "its own first one is another");
        for (outer, inner, expected) in [(7, 1, true), (1, 7, true), (7, 7, true), (1, 2, false)] {
            let value = |key| match key {
                Key::Vlan => Raw::Number(outer),
                _ => Raw::Number(inner),
            };
            assert_eq!(either.admits(value), expected, "{outer} {inner}");
        }
        assert_eq!(either.to_string(), "(vlan=7||vlan.inner=7)");
    }
}
