//! Types of single values in the configuration file.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::policy;

/// Parses a duration such as `10s`, `500ms` or `1h 30m`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    duration.try_into().ok()
}

/// A duration of at least `LEAST` milliseconds.
pub(crate) fn time<'de, const LEAST: u64, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: From<Duration>,
{
    let expected = "a duration such as \"10s\", \"500ms\" or \"5m\"";
    let time = text(deserializer, expected, duration)?;
    let least = Duration::from_millis(LEAST);
    if time < least {
        let (time, least) = (time.as_secs_f64(), least.as_secs_f64());
        let problem = format!("{time} s is too short, the minimum is {least} s");
        return Err(D::Error::custom(problem));
    }
    Ok(time.into())
}

/// Parses a duration such as `12h` or `30d`.
pub(crate) fn long_duration(text: &str) -> Option<Duration> {
    const DAY: f64 = 24.0 * 3600.0;
    match text.trim().strip_suffix('d') {
        Some(days) => Duration::try_from_secs_f64(days.trim_end().parse::<f64>().ok()? * DAY).ok(),
        None => duration(text),
    }
}

/// The maximum age of records, at least a minute.
pub(super) fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let age = text(
        deserializer,
        "an age such as \"12h\" or \"30d\"",
        long_duration,
    )?;
    if age < Duration::from_secs(60) {
        return Err(D::Error::custom("too short, the minimum is 1 minute"));
    }
    Ok(age)
}

/// A size of at least 1 MiB.
pub(super) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    const UNITS: [(&str, u64); 5] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let size = |text: &str| {
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.trim().strip_suffix(name)?, unit)))?;
        number.trim_end().parse::<u64>().ok()?.checked_mul(*unit)
    };
    let size = text(deserializer, "a size such as \"64 MiB\" or \"1 GiB\"", size)?;
    if size < 1 << 20 {
        return Err(D::Error::custom("too small, the minimum is 1 MiB"));
    }
    Ok(size)
}

/// A number above 0.
pub(super) fn positive<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let is_valid = |value: f64| value.is_finite() && value > 0.0;
    number(deserializer, is_valid, "is not positive")
}

/// A number above 0 and below 1.
pub(super) fn fraction<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let is_valid = |value: f64| value > 0.0 && value < 1.0;
    let problem = "is not between 0 and 1; 0.3 means 30 %";
    number(deserializer, is_valid, problem)
}

/// A number from 0, below 1.
pub(super) fn tolerance<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let is_valid = |value: f64| (0.0..1.0).contains(&value);
    let problem = "is not between 0 and 1; 0.1 means 10 %";
    number(deserializer, is_valid, problem)
}

fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    is_valid: impl Fn(f64) -> bool,
    problem: &str,
) -> Result<Option<f64>, D::Error> {
    let value = f64::deserialize(deserializer)?;
    match is_valid(value) {
        true => Ok(Some(value)),
        false => Err(D::Error::custom(format!("{value} {problem}"))),
    }
}

/// A number of replicas or machines.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let size = u32::deserialize(deserializer)?;
    if size == 0 {
        return Err(D::Error::custom(
            "must be at least 1: without replicas or machines the load is unknown, and the size \
             would never grow again",
        ));
    }
    Ok(Some(size))
}

/// An address with a port.
pub(super) fn listener<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let expected = "an address with a port such as \"0.0.0.0:6343\"";
    text(deserializer, expected, |text| text.parse().ok())
}

pub(super) fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Weekday>, D::Error> {
    let expected = "days such as \"mon-fri\", \"sat,sun\" or \"daily\"";
    text(deserializer, expected, policy::days)
}

pub(super) fn time_of_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    text(deserializer, "a time such as \"08:00\"", |text| {
        text.parse().ok()
    })
}

/// A time zone. They are compiled into the program; no file is read.
pub(super) fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    text(
        deserializer,
        "a time zone such as \"Europe/Berlin\"",
        |text| TimeZoneDatabase::bundled().get(text).ok(),
    )
}

/// Networks and addresses.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let networks = Vec::<Network>::deserialize(deserializer)?;
    Ok(networks.into_iter().map(|network| network.0).collect())
}

/// Networks and addresses by name.
pub(super) fn networks_by_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<IpNet>>, D::Error> {
    let named = BTreeMap::<String, Networks>::deserialize(deserializer)?;
    Ok(named
        .into_iter()
        .map(|(name, Networks(it))| (name, it))
        .collect())
}

#[derive(Deserialize)]
struct Networks(#[serde(deserialize_with = "networks")] Vec<IpNet>);

struct Network(IpNet);

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "an address or a network such as \"10.0.0.0/8\"";
        let network = |text: &str| {
            let alone = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse().or_else(|_| alone()).ok()
        };
        text(deserializer, expected, network).map(Self)
    }
}

/// A text that `parse` accepts. The error for other texts and types names what is `expected`.
fn text<'de, D, T>(
    deserializer: D,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    struct Text<'e, P> {
        expected: &'e str,
        parse: P,
    }

    impl<T, P: FnOnce(&str) -> Option<T>> Visitor<'_> for Text<'_, P> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.expected)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            let Self { expected, parse } = self;
            parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &expected))
        }
    }

    deserializer.deserialize_str(Text { expected, parse })
}
