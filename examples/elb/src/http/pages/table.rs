//! Table of all services.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;

use super::signal::State;
use crate::charts::series::Series;
use crate::format::shortened;
use crate::view::{DecisionView, ServiceView, SignalView};

/// Maximum number of rows; services with problems come first.
const ROWS: usize = 200;
/// With more services than this, a search field is shown.
const FEW: usize = 15;

pub(super) struct Table<'a> {
    pub(super) services: &'a [ServiceView],
    pub(super) sought: &'a str,
    /// Number of services whose names contain the search text.
    pub(super) found: usize,
    pub(super) rows: Vec<Row<'a>>,
}

pub(super) struct Row<'a> {
    pub(super) service: &'a ServiceView,
    pub(super) need: Need,
    pub(super) last: Option<&'a DecisionView>,
}

/// Priority of a service in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    Off,
    Calm,
    Changing,
    Above,
    Unknown,
}

/// Points of a small chart: load per container with its upper threshold, over the replicas.
pub(super) struct Sparkline {
    pub(super) replicas: String,
    /// Height of the upper threshold.
    pub(super) upper: Option<f64>,
    /// The load as segments without gaps.
    pub(super) load: Vec<String>,
}

impl Need {
    fn of(service: &ServiceView) -> Self {
        let states = service.signals.iter().map(SignalView::state);
        match states.max() {
            _ if service.mode == "off" => Self::Off,
            None | Some(State::Unknown) => Self::Unknown,
            Some(State::Above) => Self::Above,
            _ if service.running != service.wanted => Self::Changing,
            Some(State::Below | State::Within) => Self::Calm,
        }
    }

    /// CSS class and label.
    pub(super) const fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::Off => ("off", "off"),
            Self::Calm => ("calm", "calm"),
            Self::Changing => ("changing", "replicas are changing"),
            Self::Above => ("above", "above its upper threshold"),
            Self::Unknown => ("unknown", "incomplete data"),
        }
    }
}

impl<'a> Table<'a> {
    /// The services whose names contain `sought`, and the last decision about each service.
    pub(super) fn new(
        services: &'a [ServiceView],
        last: &'a HashMap<String, DecisionView>,
        sought: &'a str,
    ) -> Self {
        let meant = services.iter().filter(|it| it.name.contains(sought));
        let row = |service: &'a ServiceView| Row {
            service,
            need: Need::of(service),
            last: last.get(&service.name),
        };
        let mut rows: Vec<Row<'_>> = meant.map(row).collect();
        let found = rows.len();
        if found > ROWS {
            rows.sort_by_key(|row| Reverse(row.need));
            rows.truncate(ROWS);
        }
        Self {
            services,
            sought,
            found,
            rows,
        }
    }

    pub(super) fn has_search(&self) -> bool {
        self.services.len() > FEW
    }

    /// Running and desired replicas of all services; `None` if they are unknown.
    pub(super) fn replicas(&self) -> Option<(u64, u64)> {
        let known = self
            .services
            .iter()
            .filter_map(|it| it.running.zip(it.wanted));
        known
            .map(|(running, desired)| (u64::from(running), u64::from(desired)))
            .reduce(|all, one| (all.0 + one.0, all.1 + one.1))
    }

    /// Numbers of services by mode and by need, with CSS class and label.
    pub(super) fn counts(&self) -> Vec<(usize, &'static str, &'static str)> {
        let modes = ["act", "advise", "off"].map(|mode| {
            let is_meant = |it: &&ServiceView| it.mode == mode;
            (self.services.iter().filter(is_meant).count(), mode, mode)
        });
        let needs = [
            (Need::Above, "above the upper threshold"),
            (Need::Unknown, "with incomplete data"),
            (Need::Changing, "changing"),
        ];
        let needs = needs.map(|(need, label)| {
            let is_meant = |it: &&ServiceView| Need::of(it) == need;
            let count = self.services.iter().filter(is_meant).count();
            (count, need.text().0, label)
        });
        let all = modes.into_iter().chain(needs);
        all.filter(|(count, ..)| *count > 0).collect()
    }
}

impl Row<'_> {
    /// Running and desired replicas.
    pub(super) fn replicas(&self) -> Option<(u32, u32)> {
        self.service.running.zip(self.service.wanted)
    }

    /// A number of replicas relative to the largest.
    pub(super) fn percent(&self, replicas: &u32) -> f64 {
        let it = self.service;
        let numbers = [it.bounds.1, it.wanted.unwrap_or(0), it.running.unwrap_or(0)];
        let full = numbers.into_iter().fold(1, u32::max);
        f64::from(*replicas) / f64::from(full) * 100.0
    }

    /// The signal closest to its upper threshold, or an unknown signal.
    pub(super) fn busiest(&self) -> Option<&SignalView> {
        let rank = |signal: &SignalView| match signal.value {
            Some(value) if signal.upper > 0.0 => value / signal.upper,
            _ => f64::INFINITY,
        };
        let signals = self.service.signals.iter();
        signals.max_by(|a, b| rank(a).total_cmp(&rank(b)))
    }

    /// The first reason of the last decision.
    pub(super) fn reason(&self) -> String {
        let reason = self.last.and_then(|last| last.reasons.first());
        reason.map_or_else(String::new, |reason| shortened(reason, 160))
    }

    /// A chart of 120 × 28 units; `None` without data.
    pub(super) fn sparkline(&self) -> Option<Sparkline> {
        const WIDTH: f64 = 120.0;
        const HEIGHT: f64 = 28.0;
        let series = Series::new(&self.service.past);
        let upper = self.service.signals.first().map(|signal| signal.upper);
        let upper = upper.filter(|upper| upper.is_finite() && *upper > 0.0);
        let largest = series.largest_load().max(upper.unwrap_or(0.0) * 1.25);
        let (first, last) = series.span().filter(|_| largest > 0.0)?;
        let span = (last - first).max(60.0);
        let x = |at: f64| (at - first) / span * WIDTH;
        let y = |part: f64| HEIGHT - 1.0 - part.clamp(0.0, 1.0) * (HEIGHT - 2.0);
        let line = |points: &[(f64, f64)], largest: f64| {
            points.iter().fold(String::new(), |mut line, (at, value)| {
                let _ = write!(line, "{:.1},{:.1} ", x(*at), y(value / largest));
                line
            })
        };
        let most = f64::from(series.most_replicas().max(1));
        let stairs = line(&series.stairs(|point| point.running), most);
        Some(Sparkline {
            replicas: format!("0,{HEIGHT} {stairs}{:.1},{HEIGHT}", x(last)),
            upper: upper.map(|upper| y(upper / largest)),
            load: series.load().iter().map(|run| line(run, largest)).collect(),
        })
    }
}
