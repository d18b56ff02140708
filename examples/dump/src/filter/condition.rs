use std::str::FromStr;

use sflow_v5::DataFormat;
use thiserror::Error;

use super::agents::Agents;
use crate::record::Space;

/// One condition, as it is given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The datagram is of one of these agents.
    Agent(Agents),
    /// The number of a sample or record.
    Format(DataFormat),
    /// The name of a sample or record, perhaps with `*` and `?`.
    Name(String),
}

/// Why something is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unclear {
    #[error("there is no filter by `{0}`; there are agent=, format= and name=")]
    Kind(String),
    #[error("`{0}` is no address; give one, as in 10.0.0.1, or a network, as in 10.0.0.0/8")]
    Agent(String),
    #[error(
        "`{0}` is no format; give ENTERPRISE:NUMBER, as in 0:2101, with an enterprise of at most \
         1048575 and a number of at most 4095"
    )]
    Format(String),
    #[error("no sample or record is called `{0}`{like}", like = suggestion(.0))]
    Name(String),
}

impl FromStr for Condition {
    type Err = Unclear;

    /// `agent=10.0.0.1`, `format=0:2101`, `name=virt_*`, or what is behind the equals sign
    /// alone.
    fn from_str(text: &str) -> Result<Self, Unclear> {
        match text.split_once('=') {
            Some(("agent", agent)) => Self::agent(agent),
            Some(("format", number)) => Self::format(number),
            Some(("name", pattern)) => Self::name(pattern),
            Some((kind, _)) => Err(Unclear::Kind(kind.to_owned())),
            None => Self::bare(text),
        }
    }
}

impl Condition {
    fn bare(text: &str) -> Result<Self, Unclear> {
        if let Ok(agents) = text.parse() {
            return Ok(Self::Agent(agents));
        }
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match text.split_once(':') {
            Some((enterprise, number)) if is_number(enterprise) && is_number(number) => {
                Self::format(text)
            }
            // No name has such signs.
            _ if text.contains([':', '/']) || text.starts_with(|c: char| c.is_ascii_digit()) => {
                Self::agent(text)
            }
            _ => Self::name(text),
        }
    }

    fn agent(text: &str) -> Result<Self, Unclear> {
        let agents = text.parse().map_err(|()| Unclear::Agent(text.to_owned()))?;
        Ok(Self::Agent(agents))
    }

    fn format(text: &str) -> Result<Self, Unclear> {
        let format = text.split_once(':').and_then(|(enterprise, number)| {
            let (enterprise, number) = (enterprise.parse().ok()?, number.parse().ok()?);
            let format = DataFormat::new(enterprise, number);
            // What does not fit has been cut off.
            ((format.enterprise(), format.format()) == (enterprise, number)).then_some(format)
        });
        format
            .map(Self::Format)
            .ok_or_else(|| Unclear::Format(text.to_owned()))
    }

    fn name(pattern: &str) -> Result<Self, Unclear> {
        if names().any(|name| matches(pattern, name)) {
            Ok(Self::Name(pattern.to_owned()))
        } else {
            Err(Unclear::Name(pattern.to_owned()))
        }
    }
}

/// Whether a name is as the pattern says, in which `*` is any text and `?` any one character;
/// capitals do not matter.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    fn bytes_match(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            ([b'*', rest @ ..], name) => {
                (0..=name.len()).any(|start| bytes_match(rest, &name[start..]))
            }
            ([b'?', pattern @ ..], [_, name @ ..]) => bytes_match(pattern, name),
            ([sign, pattern @ ..], [letter, name @ ..]) => {
                sign.eq_ignore_ascii_case(letter) && bytes_match(pattern, name)
            }
            (_, []) => false,
        }
    }
    // Stars in a row mean the same as one, and would take time.
    let mut short = String::with_capacity(pattern.len());
    for sign in pattern.chars() {
        if sign != '*' || !short.ends_with('*') {
            short.push(sign);
        }
    }
    bytes_match(short.as_bytes(), name.as_bytes())
}

/// Every name there is.
fn names() -> impl Iterator<Item = &'static str> {
    let spaces = Space::ALL.into_iter();
    spaces.flat_map(Space::names).map(|(_, name)| name)
}

/// The name that was meant, if one is like it.
fn suggestion(text: &str) -> String {
    let wanted = text.to_ascii_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&wanted, &name.to_ascii_lowercase());
    let nearest = names()
        .map(|name| (likeness(name), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((likeness, name)) if likeness > 0.7 => format!("; did you mean `{name}`?"),
        _ => "; the names are those of the specification, as in virt_cpu or sampled_header; \
              `*` and `?` stand for what is left out"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Condition, Unclear> {
        text.parse()
    }

    #[test]
    fn kinds_are_told_or_seen() {
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
    fn what_cannot_match_says_why() {
        for (text, expected) in [
            (
                "port=6343",
                "there is no filter by `port`; there are agent=, format= and name=",
            ),
            ("agent=web", "`web` is no address"),
            ("10.0.0.300", "`10.0.0.300` is no address"),
            ("format=2101", "`2101` is no format; give ENTERPRISE:NUMBER"),
            ("0:4096", "`0:4096` is no format"),
            ("1048576:1", "`1048576:1` is no format"),
            (
                "virt_cpus",
                "no sample or record is called `virt_cpus`; did you mean `virt_cpu`?",
            ),
            ("name=virtcpu", "did you mean `virt_cpu`?"),
            ("HostCpu", "did you mean `host_cpu`?"),
            ("zzz*", "the names are those of the specification"),
            ("", "no sample or record is called ``"),
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn patterns() {
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
