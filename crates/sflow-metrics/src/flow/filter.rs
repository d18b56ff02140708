use core::fmt::{self, Write as _};
use core::net::IpAddr;

use sflow_v5::{DataSource, Mac};

use crate::display::padded;
use crate::flow::key::{Key, Kind};
use crate::flow::value::{Raw, Value};
use crate::query::Pattern;

/// A condition on the packets of a flow definition: tests of one key's value, or alternatives of
/// such conditions.
///
/// The text form is described at [`Definition`](crate::flow::Definition).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub(super) key: Key,
    pub(super) is_negated: bool,
    pub(super) tests: Vec<Test>,
    /// These have no alternatives themselves.
    pub(super) alternatives: Vec<Self>,
}

/// A test of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Test {
    /// `*`: any value.
    Present,
    /// `80` or `1024..65535`: a number between two bounds, which are included.
    Number(u64, u64),
    /// `10.0.0.0/8`: an address with this prefix; the number is the prefix length in bits.
    Network(IpAddr, u8),
    /// A MAC address.
    Mac(Mac),
    /// A data source.
    DataSource(DataSource),
    /// A pattern for text, or for the text form of other values.
    Text(Pattern),
}

impl Filter {
    /// Accepts packets whose value of this key passes one of these tests.
    pub fn new(key: Key, tests: impl IntoIterator<Item = Test>) -> Self {
        Self {
            key,
            is_negated: false,
            tests: tests.into_iter().collect(),
            alternatives: Vec::new(),
        }
    }

    /// Accepts packets whose value of this key passes none of these tests, or which do not have
    /// the key.
    pub fn not(key: Key, tests: impl IntoIterator<Item = Test>) -> Self {
        Self {
            is_negated: true,
            ..Self::new(key, tests)
        }
    }

    /// Accepts packets with this value of a key; for [`Value::Absent`], packets without the key.
    pub fn exactly(key: Key, value: &Value) -> Self {
        match Test::exactly(value) {
            Some(test) => Self::new(key, [test]),
            None => Self::not(key, [Test::Present]),
        }
    }

    /// Accepts packets that either filter accepts.
    ///
    /// ```
    /// use sflow_metrics::flow::{Filter, Key, Value};
    ///
    /// let address = Value::Ip([10, 0, 0, 1].into());
    /// let [from, to] =
    ///     [Key::IpSource, Key::IpDestination].map(|key| Filter::exactly(key, &address));
    /// assert_eq!(from.or(to).to_string(), "(ip.src=10.0.0.1||ip.dst=10.0.0.1)");
    /// ```
    #[must_use]
    pub fn or(mut self, mut other: Self) -> Self {
        let further = core::mem::take(&mut other.alternatives);
        for alternative in core::iter::once(other).chain(further) {
            if !self.alternatives.contains(&alternative) {
                self.alternatives.push(alternative);
            }
        }
        self
    }

    /// The key whose value is tested.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Whether a value must pass none of the tests (`!=`) instead of one of them.
    pub fn is_negated(&self) -> bool {
        self.is_negated
    }

    /// The tests.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// Filters of which one may accept a packet instead.
    pub fn alternatives(&self) -> &[Self] {
        &self.alternatives
    }

    /// The key of the filter and those of its alternatives.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let alternatives = self.alternatives.iter().map(|filter| filter.key);
        core::iter::once(self.key).chain(alternatives)
    }

    /// Whether the filter accepts a packet with these values.
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

    /// Writes the filter without its alternatives.
    fn write_alone(&self, out: &mut fmt::Formatter<'_>, is_in_parentheses: bool) -> fmt::Result {
        let equals = if self.is_negated { "!=" } else { "=" };
        write!(out, "{}{equals}", self.key)?;
        for (index, test) in self.tests.iter().enumerate() {
            if index > 0 {
                out.write_str("|")?;
            }
            test.write(out, is_in_parentheses)?;
        }
        Ok(())
    }
}

impl Test {
    /// The test that only this value passes; `None` for [`Value::Absent`].
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
            (Self::Mac(expected), Raw::Mac(address)) => *expected == address,
            (Self::DataSource(expected), Raw::DataSource(source)) => *expected == source,
            (Self::Text(pattern), Raw::Ip(address)) => {
                // The pattern may mean either form of an IPv4-mapped address.
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

    fn write(&self, out: &mut fmt::Formatter<'_>, is_in_parentheses: bool) -> fmt::Result {
        match self {
            Self::Present => out.write_str("*"),
            Self::Number(from, to) if from == to => write!(out, "{from}"),
            Self::Number(from, to) => write!(out, "{from}..{to}"),
            Self::Network(address, length) if *length == bits(*address) => {
                write!(out, "{address}")
            }
            Self::Network(address, length) => write!(out, "{address}/{length}"),
            Self::Mac(address) => write!(out, "{address}"),
            Self::DataSource(source) => write!(out, "{source}"),
            Self::Text(pattern) => {
                // A pattern escapes separators of queries. Flow filters have more of them.
                for character in pattern.to_string().chars() {
                    if matches!(character, '&' | ';') || is_in_parentheses && character == ')' {
                        out.write_char('\\')?;
                    }
                    out.write_char(character)?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Filter {
    /// The text form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(padded) = padded(self, f) {
            return padded;
        }
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
    /// The text form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        padded(self, f).unwrap_or_else(|| self.write(f, false))
    }
}

pub(super) const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Whether a network contains an address. IPv4-mapped IPv6 addresses (`::ffff:192.0.2.9`) belong to
/// networks of both versions.
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
    fn test_accepts_matching_values() {
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
    fn absent_value_passes_no_test() {
        let not = Filter::not(Key::Vlan, [Test::Number(7, 7)]);
        assert!(not.admits_value(Raw::Absent));
        assert!(!not.admits_value(Raw::Number(7)));
        let absent = Filter::exactly(Key::Vlan, &Value::Absent);
        assert!(absent.admits_value(Raw::Absent));
        assert!(!absent.admits_value(Raw::Number(7)));
        assert_eq!(absent.to_string(), "vlan!=*");
    }

    #[test]
    fn alternative_filters_accept_either_value() {
        let seven = |key| Filter::new(key, [Test::Number(7, 7)]);
        let either = seven(Key::Vlan).or(seven(Key::VlanInner));
        let both = either.clone().or(either.clone());
        assert_eq!(
            both.alternatives().len(),
            2,
            "duplicate alternatives are removed except the first filter itself"
        );
        for (outer, inner, expected) in [(7, 1, true), (1, 7, true), (7, 7, true), (1, 2, false)] {
            let value = |key| match key {
                Key::Vlan => Raw::Number(outer),
                _ => Raw::Number(inner),
            };
            assert_eq!(either.admits(value), expected, "{outer} {inner}");
        }
        assert_eq!(either.to_string(), "(vlan=7||vlan.inner=7)");
    }

    #[test]
    fn display_honours_width() {
        let vlan = Filter::new(Key::Vlan, [Test::Number(7, 9)]);
        assert_eq!(format!("{vlan:>12}|"), "   vlan=7..9|");
        assert_eq!(format!("{:<6}|", vlan.tests()[0]), "7..9  |");
        let either = vlan
            .clone()
            .or(Filter::exactly(Key::VlanInner, &Value::Number(1)));
        assert_eq!(format!("{either:26}|"), "(vlan=7..9||vlan.inner=1) |");
    }
}
