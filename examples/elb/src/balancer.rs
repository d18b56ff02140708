//! The whole loop as one value: telemetry in, decisions out, and what a person sees of it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use sflow_metrics::{QueryError, Timestamp};
use tracing::{info, warn};

use crate::config::{self, Control};
use crate::controller::{Controller, Managed, Round};
use crate::orchestrator::{Orchestrator, Scaling, Service};
use crate::policy::{Decision, Mode};
use crate::telemetry::Telemetry;
use crate::view::{DecisionView, Point, ServiceView, SignalView, Snapshot};

/// Points of a service's past that are kept: an hour at one every two seconds.
const PAST: usize = 1_800;
/// Decisions that are kept.
const DECISIONS: usize = 500;

/// Telemetry, controller and the recent past.
#[derive(Debug)]
pub struct Balancer<O> {
    telemetry: Telemetry,
    controller: Controller<O>,
    started: Timestamp,
    past: BTreeMap<String, VecDeque<Point>>,
    decisions: VecDeque<DecisionView>,
    troubles: Vec<String>,
}

impl<O: Orchestrator> Balancer<O> {
    /// A loop that starts at `now`.
    ///
    /// # Errors
    ///
    /// If a service is to be balanced by a metric that is not known.
    pub fn new(
        now: Timestamp,
        orchestrator: O,
        control: Control,
        services: &[config::Service],
    ) -> Result<Self, QueryError> {
        Ok(Self {
            telemetry: Telemetry::default(),
            controller: Controller::new(orchestrator, control, services)?,
            started: now,
            past: BTreeMap::new(),
            decisions: VecDeque::new(),
            troubles: Vec::new(),
        })
    }

    /// Takes one datagram.
    pub fn receive(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        self.telemetry.receive(received_at, source, bytes);
    }

    /// One round of the loop.
    pub async fn round(&mut self, now: Timestamp) -> Round {
        let round = self.controller.round(now, &self.telemetry).await;
        let at = self.seconds(now);
        for decision in &round.decisions {
            let mut before = self.decisions.iter().rev();
            let last = before.find(|last| last.service == decision.service);
            let is_news = last.is_none_or(|last| is_news(decision, last));
            if is_news {
                if decision.is_change() {
                    info!(mode = decision.mode.name(), "{decision}");
                }
                if self.decisions.len() == DECISIONS {
                    self.decisions.pop_front();
                }
                self.decisions.push_back(DecisionView {
                    at,
                    service: decision.service.clone(),
                    from: decision.replicas,
                    to: decision.result,
                    reasons: decision.reasons(),
                });
            }
        }
        for managed in self.controller.managed() {
            let past = self.past.entry(managed.name.clone()).or_default();
            if past.len() == PAST {
                past.pop_front();
            }
            past.push_back(point(at, managed));
        }
        for trouble in &round.troubles {
            if !self.troubles.contains(trouble) {
                warn!("{trouble}");
            }
        }
        self.troubles.clone_from(&round.troubles);
        round
    }

    /// The telemetry.
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// Takes one more service under control.
    ///
    /// # Errors
    ///
    /// If it is to be balanced by a metric that is not known.
    pub fn manage(&mut self, service: &config::Service) -> Result<(), QueryError> {
        self.controller.manage(service)
    }

    /// The controller.
    pub const fn controller(&self) -> &Controller<O> {
        &self.controller
    }

    /// The orchestrator, to be driven by who simulates it.
    pub const fn orchestrator_mut(&mut self) -> &mut O {
        self.controller.orchestrator_mut()
    }

    /// A service's past, oldest first.
    pub fn past(&self, service: &str) -> Vec<Point> {
        self.past
            .get(service)
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }

    /// What a person sees now. The caller adds what only the caller knows: title, page, speed.
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let mut decisions: Vec<DecisionView> = self.decisions.iter().cloned().collect();
        decisions.extend(self.troubles.iter().map(|trouble| DecisionView {
            at: self.seconds(now),
            reasons: vec![trouble.clone()],
            ..DecisionView::default()
        }));
        Snapshot {
            elapsed: self.seconds(now),
            speed: 1.0,
            services: self
                .controller
                .managed()
                .iter()
                .map(|managed| self.service_view(managed))
                .collect(),
            decisions,
            intake: self.telemetry.intake(),
            ..Snapshot::default()
        }
    }

    fn service_view(&self, managed: &Managed) -> ServiceView {
        let settings = managed.policy.settings();
        let inputs = managed
            .last
            .as_ref()
            .map_or(&[][..], |decision| &decision.inputs);
        let signals = inputs.iter().enumerate().map(|(index, input)| {
            let (lower, upper) = settings.rule.band(index).unwrap_or_default();
            SignalView {
                metric: input.metric.clone(),
                unit: managed.question.unit(index),
                value: input.value,
                upper,
                lower,
                contributing: input.contributing,
                matched: input.matched,
            }
        });
        let newest = point(0.0, managed);
        ServiceView {
            name: managed.name.clone(),
            mode: settings.mode.name().to_owned(),
            wanted: newest.wanted,
            running: newest.running,
            seen: inputs.iter().map(|input| input.matched).max().unwrap_or(0),
            bounds: (settings.min, settings.max),
            signals: signals.collect(),
            past: self.past(&managed.name),
        }
    }

    fn seconds(&self, now: Timestamp) -> f64 {
        (now - self.started).as_secs_f64()
    }
}

/// How a service stands after a round.
fn point(at: f64, managed: &Managed) -> Point {
    let decision = managed.last.as_ref();
    let wanted = decision.map(|decision| decision.result).unwrap_or_else(|| {
        match managed.state.as_ref().map(|state| state.scaling) {
            Some(Scaling::Replicated { replicas }) => replicas,
            _ => 0,
        }
    });
    let is_advice = decision.is_some_and(|decision| decision.mode != Mode::Act);
    Point {
        at,
        load: decision.and_then(|decision| decision.inputs.first()?.value),
        wanted: if is_advice {
            decision.map_or(wanted, |decision| decision.replicas)
        } else {
            wanted
        },
        running: managed.state.as_ref().map_or(0, Service::running),
    }
}

/// Whether a decision says something that the one shown before did not. Numbers move all the
/// time; that they did is no news.
fn is_news(decision: &Decision, last: &DecisionView) -> bool {
    let kinds = |reasons: &[String]| -> Vec<String> {
        let is_word = |character: &char| !character.is_ascii_digit() && *character != '.';
        reasons
            .iter()
            .map(|reason| reason.chars().filter(is_word).collect())
            .collect()
    };
    (decision.replicas, decision.result) != (last.from, last.to)
        || (decision.is_change() && decision.mode == Mode::Act)
        || kinds(&decision.reasons()) != kinds(&last.reasons)
}
