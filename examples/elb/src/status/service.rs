//! Status of a service.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::view::{Point, ServiceView, SignalView};
use crate::orchestrator::{Scaling, Service};
use crate::policy::{Band, Decision, Mode, Signal};
use sflow_autoscale::controller::ManagedService;

/// Status of a service after a round.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServiceStatus {
    /// Name of the service.
    pub name: String,
    /// Id in the orchestrator; `None` if the orchestrator does not know the service.
    pub id: Option<String>,
    /// Effective mode: the more restrictive of the service's mode and the loop's mode.
    pub mode: Mode,
    /// The service's own mode.
    pub own_mode: Mode,
    /// Services with larger values are served first when the capacity budget is exhausted.
    pub priority: i32,
    /// Replicas configured in the orchestrator; `None` if unknown, or if the service is not
    /// replicated.
    pub replicas: Option<u32>,
    /// Running tasks; `None` if the last round did not read the service.
    pub running: Option<u32>,
    /// Tasks of the service; `None` if the last round did not read it.
    pub tasks: Option<u32>,
    /// Replicas that the last decision would set in mode `act`; `None` if the last round made no
    /// decision.
    pub recommended: Option<u32>,
    /// Minimum number of replicas.
    pub min: u32,
    /// Maximum number of replicas.
    pub max: u32,
    /// Metrics of the rule, with the values between which the size does not change.
    pub signals: Vec<Band>,
    /// The last decision.
    pub last: Option<Arc<Decision>>,
    /// The service and its tasks as last read from the orchestrator.
    #[serde(skip)]
    pub state: Option<Arc<Service>>,
}

impl ServiceStatus {
    pub(super) fn of(managed: &ManagedService, mode: Mode, is_current: bool) -> Self {
        let settings = managed.policy.settings();
        let mode = managed.mode.least(mode);
        let state = managed.state.as_ref().filter(|_| is_current);
        let last = managed.last.as_ref();
        let last = last.filter(|_| state.is_some() && mode != Mode::Off);
        Self {
            name: managed.name.clone(),
            id: managed.state.as_ref().map(|state| state.id.0.clone()),
            mode,
            own_mode: managed.mode,
            priority: managed.priority,
            replicas: state.and_then(|state| match state.scaling {
                Scaling::Replicated { replicas } => Some(replicas),
                Scaling::Global | Scaling::Job => None,
            }),
            running: state.map(|state| state.running()),
            tasks: state.map(|state| u32::try_from(state.tasks.len()).unwrap_or(u32::MAX)),
            recommended: last.map(|last| last.result),
            min: settings.min,
            max: settings.max,
            signals: managed.query.bands(&settings.rule),
            last: managed.last.clone(),
            state: managed.state.clone(),
        }
    }

    /// Metrics of the rule.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.signals.iter().map(|band| band.metric.as_str())
    }

    /// Replicas configured in the orchestrator; `None` if the last round did not read them.
    fn wanted(&self) -> Option<u32> {
        self.running?;
        match &self.last {
            Some(decision) if decision.mode == Mode::Act => Some(decision.result),
            Some(decision) => Some(decision.replicas),
            None => self.replicas,
        }
    }

    /// Signals of the last decision; empty if the service could not be read.
    pub(super) fn inputs(&self) -> &[Signal] {
        match &self.last {
            Some(last) if self.recommended.is_some() => &last.inputs,
            _ => &[],
        }
    }

    /// The current point of the history. An unknown number of replicas is drawn like the previous
    /// one.
    pub(super) fn point(&self, at: f64, before: Option<&Point>) -> Point {
        let before = before.copied().unwrap_or_default();
        let wanted = self.wanted().unwrap_or(before.wanted);
        let running = self.running.unwrap_or(before.running);
        Point::new(at, self.inputs(), wanted, running)
    }

    pub(super) fn view(&self, past: Vec<Point>) -> ServiceView {
        let inputs = self.inputs();
        let signals = SignalView::all(&self.signals, inputs);
        ServiceView {
            name: self.name.clone(),
            mode: self.mode.name().to_owned(),
            wanted: self.wanted(),
            running: self.running,
            seen: inputs.iter().map(|input| input.matched).max(),
            recommended: self.recommended,
            bounds: (self.min, self.max),
            signals,
            past,
        }
    }
}
