//! Findings: one line each, with advice.

use std::fmt;

use serde::Serialize;

use untrusted::printable;

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Correct.
    Ok,
    /// Works, but with a limitation.
    Note,
    /// Does not work.
    Wrong,
}

impl Level {
    /// First word of a line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Severity.
    pub level: Level,
    /// Machine-readable kind, such as `service-missing`.
    pub id: &'static str,
    /// Subject: `service apache`.
    pub about: String,
    /// Description of the finding.
    pub what: String,
    /// Recommended action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl fmt::Display for Finding {
    /// One line. Control characters of external text are replaced.
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

/// All findings in order: configuration, managers, services, telemetry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// The findings.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// Number of findings of a severity.
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
        // Parser errors have several lines; a finding has one.
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
