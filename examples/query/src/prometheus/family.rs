//! Numbers of one name, and how many there may be.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::labels::{Labels, OfMetric};

/// One number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// Only grows, until it starts again.
    Count(u64),
    Level(f64),
}

impl Number {
    /// What is not a number is none.
    pub(super) fn level(level: f64) -> Option<Self> {
        level.is_finite().then_some(Self::Level(level))
    }

    /// Of so many things.
    pub(super) fn of(count: usize) -> Self {
        Self::Level(count as f64)
    }

    fn encode(self, encoder: &mut MetricEncoder<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(&count, None),
            Self::Level(level) => encoder.encode_gauge(&level),
        }
    }
}

/// All numbers of one name, either counts or levels.
#[derive(Debug)]
pub(super) struct Family {
    name: String,
    help: String,
    series: Vec<Series>,
}

/// Its labels, the name of an application's own metric, and the number.
type Series = (Rc<Labels>, Option<Box<str>>, Number);

/// Bytes of a number, and of what stands around the labels.
const AROUND: usize = 40;

impl Family {
    pub(super) fn new(name: &str, help: &str) -> Self {
        Self {
            name: name.to_owned(),
            help: help.to_owned(),
            series: Vec::new(),
        }
    }

    /// A family of one number that needs no labels.
    pub(super) fn single(name: &str, help: &str, number: Number) -> Self {
        Self {
            series: vec![(Rc::default(), None, number)],
            ..Self::new(name, help)
        }
    }

    pub(super) fn push(&mut self, labels: &Rc<Labels>, number: Number) {
        self.series.push((labels.clone(), None, number));
    }

    /// The same of an application's own metric.
    pub(super) fn push_custom(&mut self, labels: &Rc<Labels>, metric: &str, number: Number) {
        self.series
            .push((labels.clone(), Some(metric.into()), number));
    }

    /// Bytes of a series with these labels in an answer.
    pub(super) fn encoded_len(&self, labels: &Labels, metric: &str) -> usize {
        self.name.len() + labels.encoded_len() + metric.len() + AROUND
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> std::fmt::Result {
        let kind = match self.series.first() {
            None => return Ok(()),
            Some((_, _, Number::Count(_))) => MetricType::Counter,
            Some((_, _, Number::Level(_))) => MetricType::Gauge,
        };
        let mut metric = encoder.encode_descriptor(&self.name, &self.help, None, kind)?;
        for (labels, custom, number) in &self.series {
            if labels.is_empty() {
                number.encode(&mut metric)?;
            } else {
                let labels = OfMetric(labels, custom.as_deref());
                number.encode(&mut metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// What may still be told.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    bytes_left: usize,
    left_out: usize,
    hasher: RandomState,
    /// Hashes of the labels of series.
    told: HashSet<u64>,
}

impl Room {
    /// For so many series of so many bytes in all.
    pub(super) fn new(left: usize, bytes_left: usize) -> Self {
        Self {
            left,
            bytes_left,
            left_out: 0,
            hasher: RandomState::new(),
            told: HashSet::new(),
        }
    }

    /// Whether there is room, and nobody else has these labels: a series must not stand there
    /// twice.
    pub(super) fn admits(&mut self, labels: &Labels, metric: &str) -> bool {
        self.left > 0 && self.told.insert(self.hasher.hash_one((labels, metric)))
    }

    /// Takes the place of one series of so many bytes, if it is admitted and there is still one.
    pub(super) fn take(&mut self, is_admitted: bool, bytes: usize) -> bool {
        let is_told = is_admitted && self.left > 0 && bytes <= self.bytes_left;
        if is_told {
            self.left -= 1;
            self.bytes_left -= bytes;
        } else {
            self.left_out += 1;
        }
        is_told
    }

    /// How many series had no place.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}
