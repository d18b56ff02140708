//! Findings: subject, description and recommended action.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

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

/// Kind of the findings that count further ones of a kind.
const MORE: &str = "more";

/// Kinds whose `id` in the JSON of `elb check` is not the kind with hyphens.
const IDS: [(&str, &str); 17] = [
    ("agent_contested", "address-contested"),
    ("agent_lossy", "loss"),
    ("any_sender", "agents-unrestricted"),
    ("host_without_containers", "no-containers"),
    ("labels", "labels-wrong"),
    ("metric_unknown", "metric-unreported"),
    ("no_agent", "no-datagram"),
    ("node_contested", "host-twice"),
    ("node_without_agent", "node-silent"),
    ("not_scalable", "service-not-scalable"),
    ("other_protocol", "turned-away"),
    ("pool_unreported", "pool-unheard"),
    ("sender_refused", "turned-away"),
    ("service_gone", "service-missing"),
    ("service_unseen", "containers-unheard"),
    ("shared_sender", "foreign-sender"),
    ("unusable_datagrams", "strangers"),
];

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
        let known = IDS.iter().find(|(kind, _)| *kind == self.kind);
        known.map_or_else(|| self.kind.replace('_', "-"), |(_, id)| (*id).to_owned())
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
    /// Kinds of findings about missing or unusable data, which the API, the page and the metrics of a
    /// running loop contain.
    pub const INCOMPLETE: [&str; 18] = [
        "agent_contested",
        "agent_lossy",
        "agent_restarts",
        "any_sender",
        "foreign_sender",
        "host_twice",
        "host_without_containers",
        "metric_partial",
        "metric_unknown",
        MORE,
        "no_agent",
        "no_packet_samples",
        "node_contested",
        "node_without_agent",
        "sender_refused",
        "service_unseen",
        "shared_sender",
        "silent_agent",
    ];

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
        let mut more = Self(listed);
        for (kind, count) in counts {
            if let further @ 1.. = count.saturating_sub(LISTED) {
                let what = format!("{further} more findings of the kind {kind}");
                let mut subject = more.about("telemetry");
                subject.note(MORE, what, "");
                subject.with([("count", further.into())]);
            }
        }
        more.0
    }

    /// Number of findings about incomplete data by kind.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::from(Self::INCOMPLETE.map(|kind| (kind, 0)));
        for finding in self.of_incomplete_data() {
            *counts.entry(finding.kind).or_default() += 1;
        }
        counts
    }

    fn of_incomplete_data(&self) -> impl Iterator<Item = &Finding> {
        self.iter()
            .filter(|it| it.level > Level::Ok && Self::INCOMPLETE.contains(&it.kind))
    }

    /// Starts findings about one subject, such as `service apache`.
    pub(super) fn about(&mut self, subject: impl Into<String>) -> Subject<'_> {
        Subject {
            findings: &mut self.0,
            about: subject.into(),
        }
    }
}

/// Adds findings about one subject.
#[derive(Debug)]
pub(super) struct Subject<'f> {
    findings: &'f mut Vec<Finding>,
    about: String,
}

impl Subject<'_> {
    pub(super) fn ok(&mut self, kind: &'static str, what: impl Into<String>) {
        self.push(Level::Ok, kind, what, "");
    }

    pub(super) fn note(
        &mut self,
        kind: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(Level::Note, kind, what, advice);
    }

    pub(super) fn wrong(
        &mut self,
        kind: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(Level::Wrong, kind, what, advice);
    }

    pub(super) fn push(
        &mut self,
        level: Level,
        kind: &'static str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) {
        // Parser errors have several lines; a finding has one.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.findings.push(Finding {
            level,
            kind,
            about: self.about.clone(),
            what: one_line(what.into()),
            advice: Some(one_line(advice.into())).filter(|advice| !advice.is_empty()),
            details: BTreeMap::new(),
        });
    }

    /// Adds values for programs to the last finding.
    pub(super) fn with<const N: usize>(&mut self, details: [(&'static str, Value); N]) {
        if let Some(last) = self.findings.last_mut() {
            last.details.extend(details);
        }
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
