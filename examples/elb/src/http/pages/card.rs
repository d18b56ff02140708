//! Card of a service or pool.

use client::segment;
use sflow_autoscale::observe::ContainerView;

use crate::charts;
use crate::format::shortened;
use crate::policy::SubjectKind;
use crate::view::{DecisionView, PoolView, ServiceView, Snapshot};

/// Number of decisions beside a chart.
const FEW: usize = 8;

pub(super) struct Card<'a> {
    /// The service, or the pool in the same form.
    pub(super) view: ServiceView,
    pub(super) pool: Option<&'a PoolView>,
    /// Path of the subject's own page, if the card is on the overview.
    pub(super) page: Option<String>,
    /// For each metric but the first, the service with its history.
    pub(super) further: Vec<ServiceView>,
    /// Decisions, oldest first.
    pub(super) decisions: Vec<DecisionView>,
    /// Start of the loop in Unix seconds, if it runs by the wall clock.
    pub(super) began: Option<i64>,
}

impl<'a> Card<'a> {
    /// A card on the subject's own page.
    pub(super) fn new(snapshot: &Snapshot, view: ServiceView, pool: Option<&'a PoolView>) -> Self {
        Self {
            view,
            pool,
            page: None,
            further: Vec::new(),
            decisions: Vec::new(),
            began: snapshot.began,
        }
    }

    /// A card on the overview, with the decisions of the snapshot.
    pub(super) fn on_overview(
        snapshot: &Snapshot,
        view: ServiceView,
        pool: Option<&'a PoolView>,
    ) -> Self {
        let card = Self::new(snapshot, view, pool);
        let (kind, name) = (card.kind(), &card.view.name);
        let is_own = |it: &&DecisionView| it.kind == kind && it.service == *name;
        Self {
            decisions: snapshot.decisions.iter().filter(is_own).cloned().collect(),
            page: Some(format!("/{}/{}", kind.name(), segment(name))),
            ..card
        }
    }

    pub(super) fn kind(&self) -> SubjectKind {
        match self.pool {
            Some(_) => SubjectKind::Pool,
            None => SubjectKind::Service,
        }
    }

    /// The last decisions, newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &DecisionView> {
        self.decisions.iter().rev().take(FEW)
    }

    /// Label, value, and whether the value is unusual.
    pub(super) fn numbers(&self) -> [(&'static str, Option<u32>, bool); 3] {
        let it = &self.view;
        let is_changing = it.running != it.wanted;
        match self.pool.map(|pool| &pool.status) {
            None => [
                ("desired", it.wanted, false),
                ("running", it.running, is_changing),
                ("seen", it.seen, it.seen != it.running),
            ],
            Some(pool) => {
                let least = &pool.minimum_size;
                let is_above = least.is_short || least.machines > pool.serving;
                [
                    ("desired", it.wanted, false),
                    ("serving", it.running, is_changing),
                    (
                        "required by services",
                        pool.known.then_some(least.machines),
                        is_above,
                    ),
                ]
            }
        }
    }

    /// CSS classes of one square per possible replica of a service, unless there are too many.
    pub(super) fn pips(&self) -> Vec<&'static str> {
        const LIMIT: u32 = 64;
        let (Some(desired), Some(running), None) = (self.view.wanted, self.view.running, self.pool)
        else {
            return Vec::new();
        };
        let most = self.view.bounds.1.max(desired).max(running);
        let class = |index| match (index < running, index < desired) {
            (true, true) => "on",
            (true, false) => "leaving",
            (false, true) => "coming",
            (false, false) => "free",
        };
        let squares = if most <= LIMIT { most } else { 0 };
        (0..squares).map(class).collect()
    }

    /// The chart in two sizes, of which the style shows one, with CSS classes.
    pub(super) fn charts(&self, view: &ServiceView) -> [(&'static str, String); 2] {
        let live = charts::Live {
            kind: self.kind(),
            service: view,
            decisions: &self.decisions,
            began: self.began,
        };
        let list = self.page.as_deref().unwrap_or_default();
        [
            ("wide", live.part(charts::WIDE, list)),
            ("narrow", live.part(charts::NARROW, list)),
        ]
    }

    /// The name of a container without its task id.
    pub(super) fn short_name(&self, container: &ContainerView) -> String {
        let service = self.view.name.as_str();
        let rest = container.name.strip_prefix(service);
        let slot = rest.and_then(|rest| rest.strip_prefix('.')?.split('.').next());
        match slot {
            Some(slot) => shortened(&format!("{service}.{slot}"), 50),
            None => shortened(&container.name, 50),
        }
    }
}
