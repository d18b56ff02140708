//! One judgement each, in a line that says what to do.

use std::fmt;

use serde::Serialize;

use untrusted::printable;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could, or not as one might think.
    Note,
    /// It does not work.
    Wrong,
}

impl Level {
    /// The word that a line begins with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// One judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What kind of finding it is, for programs: `service-missing`.
    pub id: &'static str,
    /// What it is about: `service apache`.
    pub about: String,
    /// What is the case.
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl fmt::Display for Finding {
    /// One line. Much in it was written by others: what would steer a terminal is replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, what, .. } = self;
        let level = self.level.name();
        write!(f, "{level:<5}  {}: {}", printable(about), printable(what))?;
        if let Some(advice) = &self.advice {
            write!(f, "; {}", printable(advice))?;
        }
        Ok(())
    }
}

/// All judgements, in the order in which one would look: configuration, managers, services,
/// telemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// The judgements.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// How many there are of this level.
    pub fn count(&self, level: Level) -> usize {
        self.0
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    pub(super) fn ok(&mut self, id: &'static str, about: &str, what: impl Into<String>) {
        self.push(Level::Ok, id, about, what.into(), None);
    }

    pub(super) fn note(
        &mut self,
        id: &'static str,
        about: &str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(Level::Note, id, about, what.into(), Some(advice.into()));
    }

    pub(super) fn wrong(
        &mut self,
        id: &'static str,
        about: &str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(Level::Wrong, id, about, what.into(), Some(advice.into()));
    }

    fn push(
        &mut self,
        level: Level,
        id: &'static str,
        about: &str,
        what: String,
        advice: Option<String>,
    ) {
        // Errors of parsers are drawings of several lines; a finding is one.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.0.push(Finding {
            level,
            id,
            about: about.to_owned(),
            what: one_line(what),
            advice: advice.filter(|advice| !advice.is_empty()).map(one_line),
        });
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_whatever_is_in_it() {
        let mut findings = Findings::default();
        findings.wrong(
            "x",
            "service a\u{1b}[2J",
            "two\nlines\r\nand  more",
            "do\tthis",
        );
        findings.ok("y", "configuration", "fine");
        assert_eq!(
            findings.to_string(),
            "wrong  service a\u{fffd}[2J: two lines and more; do this\n\
             ok     configuration: fine\n"
        );
        assert_eq!(findings.count(Level::Wrong), 1);
    }

    #[test]
    fn advice_is_left_out_where_there_is_none() {
        let mut findings = Findings::default();
        findings.note("x", "node n", "is drained", "");
        let json = serde_json::to_value(&findings).unwrap();
        let expected = serde_json::json!([
            { "level": "note", "id": "x", "about": "node n", "what": "is drained" }
        ]);
        assert_eq!(json, expected);
    }
}
