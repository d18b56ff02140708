//! Findings: subject, description and recommended action.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::kinds::{INCOMPLETE, MORE, OTHER, one_line};
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
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Severity.
    pub level: Level,
    /// Stable name of the kind, such as `silent_agent`. Problems that a control loop also detects
    /// have the name of their [`ProblemReason`](sflow_autoscale::problem::ProblemReason).
    pub kind: &'static str,
    /// Subject: `service apache`.
    pub about: String,
    /// Description of the finding.
    pub what: String,
    /// Recommended action.
    pub advice: Option<String>,
    /// Further values for programs, by name.
    pub details: BTreeMap<&'static str, Value>,
}

impl Finding {
    /// Name of the finding in the JSON of `elb check`, such as `service-missing`.
    pub fn id(&self) -> String {
        let mut kinds = [INCOMPLETE, OTHER].into_iter().flatten();
        let own = kinds.find(|kind| kind.name == self.kind && !kind.id.is_empty());
        own.map_or_else(|| self.kind.replace('_', "-"), |kind| kind.id.to_owned())
    }

    /// Sets the severity.
    pub(super) fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Sets the recommended action.
    pub(super) fn advise(self, advice: impl AsRef<str>) -> Self {
        let advice = Some(one_line(advice.as_ref())).filter(|advice| !advice.is_empty());
        Self { advice, ..self }
    }

    /// Adds a value for programs.
    pub(super) fn detail(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.insert(name, value.into());
        self
    }

    /// Description and recommended action as sentences.
    pub fn sentences(&self) -> String {
        let mut text = sentence(&format!("{}: {}", self.about, self.what));
        if let Some(advice) = &self.advice {
            text.push(' ');
            text.push_str(&sentence(advice));
        }
        text
    }

    /// Whether no instance can change anything until the lease is renewed.
    pub fn is_no_leader(&self) -> bool {
        matches!(self.kind, "lease_unreachable" | "no_leader")
    }

    /// Whether senders are refused that the configuration could allow.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self.kind,
            "foreign_sender" | "shared_sender" | "sender_refused"
        )
    }
}

/// The text with a capital letter at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(rest).collect();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

impl fmt::Display for Finding {
    /// One line. Control characters of external text are replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { about, what, .. } = self;
        let level = self.level.name();
        write!(f, "{level:<5}  {}: {}", printable(about), printable(what))?;
        match &self.advice {
            Some(advice) if what.ends_with('?') => {
                let advice = sentence(advice);
                write!(f, " {}", printable(advice.trim_end_matches('.')))
            }
            Some(advice) => write!(f, "; {}", printable(advice)),
            None => Ok(()),
        }
    }
}

/// All findings in order: configuration, managers, services, pools, telemetry, agents.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Kinds of findings about missing or unusable data and leadership, which the API, the page and the
    /// metrics of a running loop contain.
    pub fn incomplete_kinds() -> impl Iterator<Item = &'static str> {
        INCOMPLETE.iter().map(|kind| kind.name)
    }

    /// The findings.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    /// Number of findings of a severity.
    pub fn count(&self, level: Level) -> usize {
        self.iter().filter(|finding| finding.level == level).count()
    }

    /// Incomplete data, the most important first. Of each kind the first 20 are listed; further
    /// ones are counted in a finding of the kind `more`.
    pub fn incomplete(&self) -> Vec<Finding> {
        const LISTED: usize = 20;
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut listed: Vec<Finding> = Vec::new();
        for finding in self.of_incomplete_data() {
            let count = counts.entry(finding.kind).or_default();
            *count += 1;
            if *count <= LISTED {
                listed.push(finding.clone());
            }
        }
        listed.sort_by_key(|finding| Reverse(finding.level));
        for (kind, count) in counts {
            if let further @ 1.. = count.saturating_sub(LISTED) {
                let what = format!("{further} more findings of the kind {kind}");
                listed.push(MORE.of("telemetry", what).detail("count", further));
            }
        }
        listed
    }

    /// Number of findings about incomplete data by kind.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts: BTreeMap<_, _> = Self::incomplete_kinds().map(|kind| (kind, 0)).collect();
        for finding in self.of_incomplete_data() {
            *counts.entry(finding.kind).or_default() += 1;
        }
        counts
    }

    fn of_incomplete_data(&self) -> impl Iterator<Item = &Finding> {
        let is_incomplete = |kind| Self::incomplete_kinds().any(|it| it == kind);
        self.iter()
            .filter(move |it| it.level > Level::Ok && is_incomplete(it.kind))
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }
}

impl FromIterator<Finding> for Findings {
    fn from_iter<T: IntoIterator<Item = Finding>>(findings: T) -> Self {
        Self(findings.into_iter().collect())
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|finding| writeln!(f, "{finding}"))
    }
}
