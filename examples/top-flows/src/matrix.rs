//! The matrix of traffic between services.

use std::collections::HashMap;

use sflow_metrics::{Timestamp, flow};

use crate::picture::Picture;
use crate::question::{MOST, Question, Sort};

/// The range of the colours, in powers of ten.
const DECADES: u8 = 4;

/// Traffic between services.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The time.
    pub at: Timestamp,
    /// The unit of all amounts.
    pub unit: String,
    /// Services by descending traffic, then the other services as one, then the outside.
    pub parties: Vec<Party>,
    /// Traffic from each party to each, by rows.
    cells: Vec<f64>,
    /// The sum over all traffic.
    pub total: f64,
    /// Traffic of flows beyond the limit, which is not in any cell.
    pub beyond: f64,
}

/// A row and column of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A service, or a container without one.
    Service(String),
    /// This number of services without a row of their own.
    Others(usize),
    /// Everything except known containers.
    Outside,
}

impl Party {
    /// The name as it was received.
    pub fn name(&self) -> String {
        match self {
            Self::Service(name) => name.clone(),
            Self::Others(count) => format!("({count} others)"),
            Self::Outside => "(outside)".to_owned(),
        }
    }
}

/// The question whose answer a matrix needs: traffic between services with the filters and measure
/// of a question.
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
    /// Creates the matrix from the answer to [`question`], with at most `most` services in rows of
    /// their own.
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
        // The row for the other services is one of the rows.
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
            // The rest of the total belongs to flows that have decayed.
            matrix.total = matrix.cells.iter().sum();
            matrix.beyond = 0.0;
        }
        matrix
    }

    /// The traffic from one party to another, by their indices.
    pub fn cell(&self, from: usize, to: usize) -> f64 {
        self.cells
            .get(from * self.parties.len() + to)
            .copied()
            .unwrap_or(0.0)
    }

    /// The traffic that a party sends.
    pub fn sent(&self, from: usize) -> f64 {
        (0..self.parties.len()).map(|to| self.cell(from, to)).sum()
    }

    /// The traffic that a party receives.
    pub fn received(&self, to: usize) -> f64 {
        (0..self.parties.len())
            .map(|from| self.cell(from, to))
            .sum()
    }

    /// The intensity of a cell from 0 to 1 on a logarithmic scale of four decades.
    pub fn heat(&self, from: usize, to: usize) -> f64 {
        let hottest = self.hottest();
        let cell = self.cell(from, to);
        if cell <= 0.0 || hottest <= 0.0 {
            return 0.0;
        }
        (1.0 + (cell / hottest).log10() / f64::from(DECADES)).clamp(0.05, 1.0)
    }

    /// The legend of [`heat`](Self::heat): the largest values with the intensities ¼, ½, ¾ and 1.
    pub fn scale(&self) -> [f64; DECADES as usize] {
        let hottest = self.hottest();
        [1e-3, 1e-2, 1e-1, 1.0].map(|part| part * hottest)
    }

    fn hottest(&self) -> f64 {
        self.cells.iter().copied().fold(0.0, f64::max)
    }
}
