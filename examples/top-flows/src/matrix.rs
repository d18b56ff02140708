//! Who talks to whom: service by service, with everything outside in a row and column of its
//! own.

use std::collections::HashMap;

use sflow_metrics::{Timestamp, flow};

use crate::picture::Picture;
use crate::question::{MOST, Question, Sort};

/// Traffic from each to each.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// When.
    pub at: Timestamp,
    /// What amounts are told in.
    pub unit: String,
    /// Who: services by their traffic, then those for which there is no room, then who is no
    /// service.
    pub parties: Vec<Party>,
    /// How much goes from each to each, by rows.
    cells: Vec<f64>,
    /// All of it.
    pub total: f64,
    /// What is in no cell: of flows too many to be told apart.
    pub beyond: f64,
}

/// One end of traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A service, or a container that is of none.
    Service(String),
    /// So many services for which there is no room.
    Others(usize),
    /// Whoever is no container that is known.
    Outside,
}

impl Party {
    /// Its name, as it was sent.
    pub fn name(&self) -> String {
        match self {
            Self::Service(name) => name.clone(),
            Self::Others(count) => format!("({count} others)"),
            Self::Outside => "(outside)".to_owned(),
        }
    }
}

/// What has to be asked for a matrix: the traffic between services that passes the filters of a
/// question, measured as it does.
pub fn question(of: &Question) -> Question {
    Question {
        keys: vec![flow::Key::ServiceSource, flow::Key::ServiceDestination],
        top: MOST,
        least: 0.0,
        sort: Sort::default(),
        ..of.clone()
    }
}

impl Matrix {
    /// From the answer to [`question`], with so many services at most in their own rows.
    pub fn new(picture: &Picture, most: usize) -> Self {
        let mut traffic: HashMap<&flow::Value, f64> = HashMap::new();
        for row in &picture.rows {
            let [from, to] = row.keys.as_slice() else {
                continue;
            };
            for end in [from, to] {
                if *end != flow::Value::Absent {
                    *traffic.entry(end).or_default() += row.value;
                }
            }
        }
        let mut services: Vec<_> = traffic.into_iter().collect();
        services.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        // One that is left out takes as much room as those that stand for it.
        let shown = match services.len() > most.max(1) {
            true => most.max(2) - 1,
            false => services.len(),
        };
        let left_out = services.len() - shown;
        let mut parties: Vec<Party> = services
            .iter()
            .take(shown)
            .map(|(service, _)| Party::Service(service.to_string()))
            .collect();
        if left_out > 0 {
            parties.push(Party::Others(left_out));
        }
        parties.push(Party::Outside);
        let places: HashMap<&flow::Value, usize> = services
            .iter()
            .zip(0..)
            .map(|((service, _), place)| (*service, place))
            .collect();
        let place = |end: &flow::Value| match places.get(end) {
            Some(place) => (*place).min(shown),
            None => parties.len() - 1,
        };
        let mut matrix = Self {
            at: picture.at,
            unit: picture.unit.clone(),
            cells: vec![0.0; parties.len() * parties.len()],
            total: picture.total,
            beyond: picture.other.unwrap_or(0.0),
            parties: Vec::new(),
        };
        for row in &picture.rows {
            if let [from, to] = row.keys.as_slice() {
                let cell = place(from) * parties.len() + place(to);
                if let Some(cell) = matrix.cells.get_mut(cell) {
                    *cell += row.value;
                }
            }
        }
        matrix.parties = parties;
        if picture.is_complete() {
            // What else there is has faded: of nobody any more.
            matrix.total = matrix.cells.iter().sum();
            matrix.beyond = 0.0;
        }
        matrix
    }

    /// How much goes from one to the other, by their places.
    pub fn cell(&self, from: usize, to: usize) -> f64 {
        self.cells
            .get(from * self.parties.len() + to)
            .copied()
            .unwrap_or(0.0)
    }

    /// How much one sends.
    pub fn sent(&self, from: usize) -> f64 {
        (0..self.parties.len()).map(|to| self.cell(from, to)).sum()
    }

    /// How much one receives.
    pub fn received(&self, to: usize) -> f64 {
        (0..self.parties.len())
            .map(|from| self.cell(from, to))
            .sum()
    }

    /// How hot a cell is, from 0 to 1: on a scale of orders of magnitude, since services differ
    /// by these.
    pub fn heat(&self, from: usize, to: usize) -> f64 {
        const DECADES: f64 = 4.0;
        let hottest = self.cells.iter().copied().fold(0.0, f64::max);
        let cell = self.cell(from, to);
        if cell <= 0.0 || hottest <= 0.0 {
            return 0.0;
        }
        (1.0 + (cell / hottest).log10() / DECADES).clamp(0.05, 1.0)
    }
}
