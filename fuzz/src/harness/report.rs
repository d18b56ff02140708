use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde::Serialize;

use super::Input;

/// The number of findings of one kind that a text shows.
const SHOWN: usize = 5;

/// The result for one decoder.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The name of the decoder.
    pub decoder: String,
    /// Valid datagrams.
    pub valid: usize,
    /// Valid datagrams that the decoder accepted.
    pub accepted: usize,
    /// Valid datagrams that the decoder rejected.
    pub rejected: usize,
    /// Malformed and damaged datagrams, for which only panics count.
    pub damaged: usize,
    /// Datagrams, valid or malformed, for which the decoder panicked.
    pub panics: usize,
    /// Whether the decoder returned values, and not only numbers of samples and records.
    pub compares_values: bool,
    /// CPU time for one datagram in nanoseconds, if measured.
    pub nanoseconds: Option<f64>,
    /// Allocations for one datagram, if measured.
    pub allocations: Option<f64>,
    /// Fields with wrong values in accepted datagrams, as `structure.field`.
    pub wrong_fields: BTreeMap<String, Finding>,
    /// Published structures that the decoder returned as bytes.
    pub not_decoded: BTreeMap<String, Finding>,
    /// Rejected valid datagrams, by the decoder's reason.
    pub rejections: BTreeMap<String, Finding>,
    /// Panics, by message and place.
    pub panic_places: BTreeMap<String, Finding>,
}

/// A problem that occurred at least once.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// How often it occurred.
    pub times: usize,
    /// The first time: what was found.
    pub example: String,
    /// The first time: the name of the datagram.
    pub input: String,
    /// The datagram in hexadecimal.
    pub bytes: String,
}

impl Report {
    pub(super) fn new(decoder: &str) -> Self {
        Self {
            decoder: decoder.to_owned(),
            valid: 0,
            accepted: 0,
            rejected: 0,
            damaged: 0,
            panics: 0,
            compares_values: false,
            nanoseconds: None,
            allocations: None,
            wrong_fields: BTreeMap::new(),
            not_decoded: BTreeMap::new(),
            rejections: BTreeMap::new(),
            panic_places: BTreeMap::new(),
        }
    }

    pub(super) fn add_panic(&mut self, place: String, input: &Input) {
        self.panics += 1;
        add(&mut self.panic_places, place, &"", input);
    }

    pub(super) fn add_rejection(&mut self, reason: String, input: &Input) {
        self.rejected += 1;
        add(&mut self.rejections, reason, &"", input);
    }

    pub(super) fn add_not_decoded(&mut self, structure: &str, input: &Input) {
        add(&mut self.not_decoded, structure.to_owned(), &"", input);
    }

    pub(super) fn add_wrong_field(&mut self, name: String, what: &dyn Display, input: &Input) {
        add(&mut self.wrong_fields, name, what, input);
    }

    /// Why the decoder fails: it accepted no valid datagram, or it panicked. `None` if it passes;
    /// rejections and wrong fields are results, not failures.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let Self {
            decoder,
            accepted,
            valid,
            panics,
            ..
        } = self;
        if *accepted == 0 {
            let reason = self.rejections.keys().next();
            let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
            return Some(format!(
                "{decoder} accepts none of the {valid} valid datagrams{reason}"
            ));
        }
        (*panics > 0).then(|| format!("{decoder} panics for {panics} datagrams"))
    }
}

fn add(
    findings: &mut BTreeMap<String, Finding>,
    name: String,
    example: &dyn Display,
    input: &Input,
) {
    let finding = findings.entry(name).or_insert_with(|| Finding {
        times: 0,
        example: example.to_string(),
        input: input.name.clone(),
        bytes: input
            .bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    });
    finding.times += 1;
}

/// The reports as a JSON document.
///
/// # Errors
///
/// If a report cannot be serialised.
pub fn json(reports: &[Report]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&serde_json::json!({ "decoders": reports }))
}

/// The reports as a table in Markdown, followed by the findings of each decoder.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let mut out = String::from(
        "| decoder | accepted | rejected | wrong fields | panics | ns per datagram | allocations per datagram |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for report in reports {
        let measured = |number: Option<f64>, digits| {
            number.map_or("–".to_owned(), |number| format!("{number:.digits$}"))
        };
        let wrong = if report.accepted == 0 {
            "–".to_owned()
        } else if report.compares_values {
            report.wrong_fields.len().to_string()
        } else {
            format!("{} (numbers only)", report.wrong_fields.len())
        };
        let cells = [
            report.decoder.clone(),
            format!("{} of {}", report.accepted, report.valid),
            report.rejected.to_string(),
            wrong,
            format!("{} of {}", report.panics, report.valid + report.damaged),
            measured(report.nanoseconds, 0),
            measured(report.allocations, 1),
        ];
        out += &format!("| {} |\n", cells.join(" | "));
    }
    for report in reports {
        out += &format!("{}", Findings(report));
    }
    out
}

/// The findings of one decoder.
struct Findings<'r>(&'r Report);

impl Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let name = &report.decoder;
        if !report.rejections.is_empty() {
            writeln!(f, "\n{name}, rejected valid datagrams:")?;
            list(f, &report.rejections, SHOWN)?;
        }
        if !report.wrong_fields.is_empty() {
            writeln!(f, "\n{name}, wrong fields:")?;
            list(f, &report.wrong_fields, usize::MAX)?;
        }
        if !report.not_decoded.is_empty() {
            let names: Vec<&str> = report.not_decoded.keys().map(String::as_str).collect();
            writeln!(f, "\n{name}, structures not decoded: {}", names.join(", "))?;
        }
        if !report.panic_places.is_empty() {
            writeln!(f, "\n{name}, panics:")?;
            list(f, &report.panic_places, usize::MAX)?;
        }
        Ok(())
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    findings: &BTreeMap<String, Finding>,
    most: usize,
) -> fmt::Result {
    for (name, finding) in findings.iter().take(most) {
        let Finding {
            times,
            example,
            input,
            ..
        } = finding;
        let example = match &example[..] {
            "" => String::new(),
            example => format!(": {example}"),
        };
        let times = match times {
            1 => String::new(),
            times => format!("{times} times, first in "),
        };
        writeln!(f, "- {name}{example} ({times}{input})")?;
    }
    match findings.len().checked_sub(most) {
        Some(more @ 1..) => writeln!(f, "- and {more} more: see --json"),
        _ => Ok(()),
    }
}
