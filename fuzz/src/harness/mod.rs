//! Checks decoders with valid and damaged datagrams: see "Other decoders" in the README.

mod catch;
mod inputs;
mod report;

use std::hint::black_box;

use crate::compare::{Kind, compare};
use crate::decoder::{Decoder, Values};
use crate::model;

pub use inputs::{Input, corpus, damage};
pub use report::{Finding, Report, json, table};

use catch::{Watch, catch};

/// Any [`Decoder`].
pub trait Candidate {
    /// The name in tables.
    fn label(&self) -> &str;

    /// Whether time and allocations of [`decode_all`](Self::decode_all) can be measured.
    fn is_measured(&self) -> bool;

    /// The content of one datagram.
    ///
    /// # Errors
    ///
    /// The reason of the decoder if it rejects the datagram.
    fn read(&self, bytes: &[u8]) -> Result<Values, String>;

    /// Decodes all datagrams, and drops the results.
    fn decode_all(&self, datagrams: &[&[u8]]);
}

impl<D: Decoder> Candidate for D {
    fn label(&self) -> &str {
        self.name()
    }

    fn is_measured(&self) -> bool {
        D::IS_MEASURED
    }

    fn read(&self, bytes: &[u8]) -> Result<Values, String> {
        let datagram = self.decode(bytes).map_err(|error| error.to_string())?;
        Ok(self.values(&datagram))
    }

    fn decode_all(&self, datagrams: &[&[u8]]) {
        for datagram in datagrams {
            drop(black_box(self.decode(black_box(datagram))));
        }
    }
}

/// Whether the second parser accepts a datagram: all announced samples and records are present, and
/// all published structures are complete.
#[must_use]
pub fn is_valid(datagram: &[u8]) -> bool {
    model::values(datagram).is_some()
}

/// Whether a decoder accepts a datagram without a panic.
#[must_use]
pub fn accepts(candidate: &dyn Candidate, datagram: &[u8]) -> bool {
    matches!(catch(|| candidate.read(datagram)), Ok(Ok(_)))
}

/// Checks one decoder, datagram by datagram. Panics of the decoder are caught and counted.
///
/// If the decoder does not return within 10 s, the process prints the datagram's name and exits
/// with status 1.
pub struct Checker<'c> {
    candidate: &'c dyn Candidate,
    report: Report,
    watch: Option<Watch>,
}

impl std::fmt::Debug for Checker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Checker").field(&self.report).finish()
    }
}

impl<'c> Checker<'c> {
    /// Starts to check a decoder.
    #[must_use]
    pub fn new(candidate: &'c dyn Candidate) -> Self {
        let label = candidate.label();
        Self {
            report: Report::new(label),
            // Programs have a time limit of their own.
            watch: candidate.is_measured().then(|| Watch::new(label)),
            candidate,
        }
    }

    /// Checks a datagram. If [`is_valid`], the decoder should accept it, and all values are compared;
    /// otherwise only panics count.
    pub fn check(&mut self, input: &Input) {
        let Some(expected) = model::values(&input.bytes) else {
            return self.check_damaged(input);
        };
        self.report.valid += 1;
        let found = match self.read(input) {
            Some(Ok(found)) => found,
            Some(Err(error)) => return self.report.add_rejection(error, input),
            None => return,
        };
        self.report.accepted += 1;
        self.report.compares_values |= matches!(found, Values::Fields { .. });
        for difference in compare(&expected, &found) {
            let name = format!("{}.{}", difference.structure, difference.field);
            match difference.kind {
                Kind::NotDecoded => self.report.add_not_decoded(difference.structure, input),
                kind => self.report.add_wrong_field(name, &kind, input),
            }
        }
    }

    /// Checks a damaged datagram: only panics count, even if the damage left it valid.
    pub fn check_damaged(&mut self, input: &Input) {
        self.report.damaged += 1;
        self.read(input);
    }

    /// `None` if the decoder panicked.
    fn read(&mut self, input: &Input) -> Option<Result<Values, String>> {
        if let Some(watch) = &self.watch {
            watch.begin(&input.name);
        }
        let result = catch(|| self.candidate.read(&input.bytes));
        if let Some(watch) = &self.watch {
            watch.end();
        }
        result
            .map_err(|panic| self.report.add_panic(panic, input))
            .ok()
    }

    /// The result.
    #[must_use]
    pub fn finish(self) -> Report {
        self.report
    }
}
