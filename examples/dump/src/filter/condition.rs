use std::str::FromStr;

use sflow_v5::DataFormat;
use thiserror::Error;

use super::agents::Agents;
use crate::record::Space;

/// A condition of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The agent of the datagram.
    Agent(Agents),
    /// The format of a sample or record.
    Format(DataFormat),
    /// The name of a sample or record, with wildcards `*` and `?`.
    Name(String),
}

/// An invalid condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvalidCondition {
    #[error("unknown filter `{0}=`; expected agent=, format= or name=")]
    Kind(String),
    #[error(
        "`{0}` is not an address; expected an address such as 10.0.0.1 or a network such as 10.0.0.0/8"
    )]
    Agent(String),
    #[error(
        "`{0}` is not a format; expected ENTERPRISE:NUMBER, such as 0:2101, with an enterprise up to \
         1048575 and a number up to 4095"
    )]
    Format(String),
    #[error("unknown sample or record `{0}`{like}", like = suggestion(.0))]
    Name(String),
}

impl FromStr for Condition {
    type Err = InvalidCondition;

    /// Parses `agent=10.0.0.1`, `format=0:2101` or `name=virt_*`, or only the part after the
    /// equals sign.
    fn from_str(text: &str) -> Result<Self, InvalidCondition> {
        match text.split_once('=') {
            Some(("agent", agent)) => Self::agent(agent),
            Some(("format", number)) => Self::format(number),
            Some(("name", pattern)) => Self::name(pattern),
            Some((kind, _)) => Err(InvalidCondition::Kind(kind.to_owned())),
            None => Self::bare(text),
        }
    }
}

impl Condition {
    fn bare(text: &str) -> Result<Self, InvalidCondition> {
        if let Ok(agents) = text.parse() {
            return Ok(Self::Agent(agents));
        }
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once(':') {
            Some((enterprise, number)) if is_number(enterprise) && is_number(number) => {
                Self::format(text)
            }
            // Names do not contain these characters.
            _ if text.contains([':', '/']) || text.starts_with(|c: char| c.is_ascii_digit()) => {
                Self::agent(text)
            }
            _ => Self::name(text),
        }
    }

    fn agent(text: &str) -> Result<Self, InvalidCondition> {
        let agents = text
            .parse()
            .map_err(|()| InvalidCondition::Agent(text.to_owned()))?;
        Ok(Self::Agent(agents))
    }

    fn format(text: &str) -> Result<Self, InvalidCondition> {
        let format = text.split_once(':').and_then(|(enterprise, number)| {
            let (enterprise, number) = (enterprise.parse().ok()?, number.parse().ok()?);
            let format = DataFormat::new(enterprise, number);
            // Numbers that are too large were truncated.
            ((format.enterprise(), format.format()) == (enterprise, number)).then_some(format)
        });
        format
            .map(Self::Format)
            .ok_or_else(|| InvalidCondition::Format(text.to_owned()))
    }

    fn name(pattern: &str) -> Result<Self, InvalidCondition> {
        if names().any(|name| matches(pattern, name)) {
            Ok(Self::Name(pattern.to_owned()))
        } else {
            Err(InvalidCondition::Name(pattern.to_owned()))
        }
    }
}

/// Whether a name matches a pattern, in which `*` is any text and `?` any character. Case is
/// ignored.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    fn bytes_match(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            ([b'*', rest @ ..], name) => {
                (0..=name.len()).any(|start| bytes_match(rest, &name[start..]))
            }
            ([b'?', pattern @ ..], [_, name @ ..]) => bytes_match(pattern, name),
            ([expected, pattern @ ..], [found, name @ ..]) => {
                expected.eq_ignore_ascii_case(found) && bytes_match(pattern, name)
            }
            (_, []) => false,
        }
    }
    // Several stars in a row are equivalent to one, which takes less time.
    let mut short = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        if character != '*' || !short.ends_with('*') {
            short.push(character);
        }
    }
    bytes_match(short.as_bytes(), name.as_bytes())
}

/// All known names.
fn names() -> impl Iterator<Item = &'static str> {
    let spaces = Space::ALL.into_iter();
    spaces.flat_map(Space::names).map(|(_, name)| name)
}

/// Suggests a similar name.
fn suggestion(text: &str) -> String {
    let wanted = text.to_ascii_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&wanted, &name.to_ascii_lowercase());
    let nearest = names()
        .map(|name| (likeness(name), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((likeness, name)) if likeness > 0.7 => format!("; did you mean `{name}`?"),
        _ => {
            "; expected a name of the specification, such as virt_cpu or sampled_header, in which \
              `*` and `?` are wildcards"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Condition, InvalidCondition> {
        text.parse()
    }

    #[test]
    fn kind_is_given_or_detected() {
        let agent = |text: &str| Ok(Condition::Agent(text.parse().unwrap()));
        let format = |a, b| Ok(Condition::Format(DataFormat::new(a, b)));
        let name = |text: &str| Ok(Condition::Name(text.to_owned()));
        for (text, expected) in [
            ("agent=10.0.0.1", agent("10.0.0.1")),
            ("10.0.0.1", agent("10.0.0.1")),
            ("10.0.0.0/8", agent("10.0.0.0/8")),
            ("fd00::1", agent("fd00::1")),
            ("format=0:2101", format(0, 2101)),
            ("4413:1", format(4413, 1)),
            ("1048575:4095", format(1_048_575, 4095)),
            ("name=virt_cpu", name("virt_cpu")),
            ("virt_*", name("virt_*")),
            ("extended_mpls_ftn", name("extended_mpls_ftn")),
            ("?f_counters", name("?f_counters")),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn invalid_condition_contains_cause() {
        for (text, expected) in [
            (
                "port=6343",
                "unknown filter `port=`; expected agent=, format= or name=",
            ),
            ("agent=web", "`web` is not an address"),
            ("10.0.0.300", "`10.0.0.300` is not an address"),
            (
                "format=2101",
                "`2101` is not a format; expected ENTERPRISE:NUMBER",
            ),
            ("0:4096", "`0:4096` is not a format"),
            ("1048576:1", "`1048576:1` is not a format"),
            (
                "virt_cpus",
                "unknown sample or record `virt_cpus`; did you mean `virt_cpu`?",
            ),
            ("name=virtcpu", "did you mean `virt_cpu`?"),
            ("HostCpu", "did you mean `host_cpu`?"),
            ("zzz*", "expected a name of the specification"),
            ("", "unknown sample or record ``"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("virt_cpu", "virt_cpu", true),
            ("virt_cpu", "virt_cpu2", false),
            ("*", "", true),
            ("*_cpu", "virt_cpu", true),
            ("v*t*u", "virt_cpu", true),
            ("v?rt_cpu", "virt_cpu", true),
            ("?virt_cpu", "virt_cpu", false),
            ("VIRT_*", "virt_net_io", true),
            (
                "a**************************b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                false,
            ),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
