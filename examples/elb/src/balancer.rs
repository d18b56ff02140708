//! The control loop: telemetry, controller, node pools and status.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use sflow_metrics::{Timestamp, query};
use tracing::{debug, info, warn};

use crate::config::{self, ControlSettings, DEFAULT_OWNER, OWNER};
use crate::docker::hints;
use crate::format::{counted, duration};
use crate::handle::{Refusal, Request};
use crate::history::{Restored, RoundInput, Source, Writer};
use crate::hooks::{self, Pools};
use crate::leader::LeaderPermit;
use crate::notices;
use crate::orchestrator::Orchestrator;
use crate::policy::{Mode, Subject, SubjectKind};
use crate::shared::Shared;
use crate::status::{LoopStatus, News};
use sflow_autoscale::controller::{Controller, Discovered, Ownership, Round};
use sflow_autoscale::leader::Permit as _;
use sflow_autoscale::node_pools::{PoolRound, Reconciler};
use sflow_autoscale::observe::Telemetry;
use sflow_autoscale::problem::{Changed, Problem, ProblemReason};

/// First line of the lease's journal while a client has set the loop to `off`. The node pools ignore it.
const STOPPED: &str = "mode off\n";

/// Telemetry, controller, node pools and the status that they produce.
#[derive(Debug)]
pub struct Balancer<O> {
    telemetry: Shared<Telemetry>,
    controller: Controller<O>,
    pools: Option<Pools>,
    permit: LeaderPermit,
    /// The last term of this instance in which the mode of the last leader was read.
    led: u64,
    /// Whether a client, of this or an earlier leader, has set the loop to `off`.
    is_stopped: bool,
    status: Shared<LoopStatus>,
    history: Option<Writer>,
    /// The last mode of the loop (`None`), of each service and of each pool in the history.
    modes: BTreeMap<Option<Subject>, Mode>,
}

impl<O: Orchestrator> Balancer<O> {
    /// Creates a loop that starts at `now`.
    ///
    /// # Errors
    ///
    /// If the rule of a service uses an unknown metric.
    pub fn new(
        now: Timestamp,
        orchestrator: O,
        control: ControlSettings,
        services: &[config::ServiceSettings],
    ) -> Result<Self, query::Error> {
        let mut controller = Controller::new(orchestrator, control, services)?;
        controller.set_ownership(Some(Ownership {
            label: OWNER.to_owned(),
            owner: DEFAULT_OWNER.to_owned(),
        }));
        let balancer = Self {
            telemetry: Shared::new(Telemetry::default().with_services(swarm::service_of)),
            controller,
            pools: None,
            permit: LeaderPermit::default(),
            led: 0,
            is_stopped: false,
            status: Shared::new(LoopStatus::new(now)),
            history: None,
            modes: BTreeMap::new(),
        };
        balancer.settings_changed();
        Ok(balancer)
    }

    /// Adds node pools. `instance` makes order keys unique to this process:
    /// [`sflow_autoscale::node_pools::instance`].
    ///
    /// # Errors
    ///
    /// If the rule of a pool uses an unknown metric.
    pub fn keep(&mut self, instance: String, pools: &[config::Pool]) -> Result<(), query::Error> {
        let mut pools = hooks::pools(instance, pools)?;
        pools.provider_mut().set_permit(self.permit.clone());
        self.pools = Some(pools);
        self.settings_changed();
        Ok(())
    }

    /// Changes the cluster only while this permits it. Without this call, the loop acts alone.
    pub fn set_permit(&mut self, permit: LeaderPermit) {
        if let Some(pools) = &mut self.pools {
            pools.provider_mut().set_permit(permit.clone());
        }
        self.permit = permit;
    }

    /// The node pools.
    pub const fn pools(&self) -> Option<&Pools> {
        self.pools.as_ref()
    }

    /// The node pools, to change their settings.
    pub const fn pools_mut(&mut self) -> Option<&mut Pools> {
        self.pools.as_mut()
    }

    /// Stores the history, and shows what was stored before: the result of [`Writer::start`].
    pub fn store_history(&mut self, now: Timestamp, (writer, mut restored): (Writer, Restored)) {
        self.modes = std::mem::take(&mut restored.modes);
        self.history = Some(writer);
        let interval = self.controller.interval();
        self.status.lock().restore(restored, interval);
        self.record_modes(now, Source::Start);
    }

    /// Adds the modes that differ from the last ones to the history.
    fn record_modes(&mut self, now: Timestamp, source: Source) {
        let Some(history) = &self.history else {
            return;
        };
        let services = self.controller.managed().iter();
        let services = services.map(|it| (Some(Subject::service(&it.name)), it.mode));
        let pools = self.pools.iter().flat_map(Pools::reconcilers);
        let pools = pools.map(|it| (Some(Subject::pool(&it.pool().name)), it.mode()));
        let present = [(None, self.controller.mode())].into_iter();
        for (subject, mode) in present.chain(services).chain(pools) {
            if self.modes.insert(subject.clone(), mode) != Some(mode) {
                history.record_mode(now, subject, mode, source);
            }
        }
    }

    /// Adds the news of a round to the history.
    fn record_history(&mut self, now: Timestamp, news: &News, is_discovered: bool) {
        if is_discovered {
            self.record_modes(now, Source::Labels);
        }
        let Some(history) = &self.history else {
            return;
        };
        let services = self.controller.managed().iter();
        let services = services.map(|it| (it.last.as_ref(), it.observed.as_ref()));
        let pools = self.pools.iter().flat_map(Pools::reconcilers);
        let pools = pools.map(|it| (it.last(), it.observed()));
        let decided = services.chain(pools);
        let inputs = decided.filter_map(|(last, input)| RoundInput::of(now, last, input));
        history.record_round(&news.entries, inputs);
    }

    /// Processes one datagram.
    pub fn receive(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        let mut telemetry = self.telemetry.lock();
        telemetry.receive(received_at, source, bytes);
        notices::log(&mut telemetry);
    }

    /// At a takeover, sets the loop to `off` if a client of an earlier leader did.
    fn read_mode(&mut self, now: Timestamp) {
        let leadership = self.permit.leadership();
        if !leadership.is_leader || leadership.term == self.led {
            return;
        }
        self.led = leadership.term;
        self.is_stopped = leadership.journal.starts_with(STOPPED);
        if self.is_stopped {
            self.controller.set_mode(None, Mode::Off);
            warn!("mode off for all services, as set over the API of an earlier leader");
            self.record_modes(now, Source::Takeover);
            self.settings_changed();
        }
    }

    /// Stores orders in progress, and whether the loop is stopped, for the next leader.
    fn set_journal(&self) {
        let leadership = self.permit.leadership();
        if !leadership.is_leader || leadership.term != self.led {
            return;
        }
        let term = leadership.term;
        let orders = self.pools.as_ref().and_then(|pools| pools.journal(term));
        // Orders of the last leader, if the pools have not read them yet.
        let orders = orders.unwrap_or_else(|| {
            let journal = leadership.journal;
            journal.strip_prefix(STOPPED).unwrap_or(&journal).to_owned()
        });
        let stopped = if self.is_stopped { STOPPED } else { "" };
        self.permit.set_journal(term, format!("{stopped}{orders}"));
    }

    /// Runs one round: observe, decide, apply.
    pub async fn round(&mut self, now: Timestamp) -> Round {
        self.read_mode(now);
        self.telemetry.lock().expire(now);
        let mut last = Instant::now();
        let lap = move || {
            let before = std::mem::replace(&mut last, Instant::now());
            last - before
        };
        let (permit, telemetry) = (&self.permit, &mut self.telemetry);
        let mut round = self.controller.round(now, permit, telemetry, lap).await;
        log_discovered(&round.discovered);
        self.use_policies();
        let machines = self.keep_machines(now, round.reached).await;
        if let Some(machines) = &machines {
            round.problems.extend(machines.problems.iter().cloned());
        }
        round.problems.iter_mut().for_each(hints::add);
        round.problems.extend(self.mode_unset());
        let stored = self.history.as_ref().map(Writer::health);
        let unstored = stored.as_ref().and_then(|it| it.problem.clone());
        let unstored = unstored.map(|why| Problem::new(ProblemReason::History, "", why));
        round.problems.extend(unstored);
        let mut status = self.status.lock();
        stored.into_iter().for_each(|it| status.set_stored(it));
        let mode = self.controller.mode();
        let mut news = status.record_round(now, mode, self.controller.managed(), &round);
        if let (Some(pools), Some(machines)) = (&self.pools, &machines) {
            let more = status.record_pools(now, mode, pools.reconcilers(), machines);
            news.entries.extend(more.entries);
            news.machines = more.machines;
        }
        drop(status);
        self.record_history(now, &news, !round.discovered.is_empty());
        for entry in &news.entries {
            let (id, decision) = (entry.id, &entry.decision);
            let (mode, outcome) = (decision.mode.name(), entry.outcome.name());
            if decision.is_change() {
                let (service, from, to) =
                    (&decision.subject.name, decision.replicas, decision.result);
                let fast = decision.is_fast();
                info!(
                    id,
                    mode, outcome, service, from, to, fast, "{}", entry.words
                );
            } else {
                debug!(id, mode, outcome, "{}", entry.words);
            }
        }
        for event in &news.machines {
            info!("{}", event.words);
        }
        log_problems(now, &news.problems);
        round
    }

    /// Reports services and pools that would act if the mode of the loop were set, before the first
    /// round, which may have to wait for the orchestrator.
    pub fn report_mode(&self, now: Timestamp) {
        let problems: Vec<Problem> = self.mode_unset().into_iter().collect();
        let changed = self.status.lock().record_problems(now, &problems, false);
        log_problems(now, &changed);
    }

    /// Services and pools whose own mode is `act`, while no mode of the loop is set.
    fn mode_unset(&self) -> Option<Problem> {
        if self.controller.is_mode_set() {
            return None;
        }
        let services = self.controller.managed().iter();
        let services = services.filter(|managed| managed.mode == Mode::Act);
        let pools = self.pools.iter().flat_map(Pools::reconcilers);
        let pools = pools.filter(|reconciler| reconciler.mode() == Mode::Act);
        let names: Vec<String> = services
            .map(|managed| managed.name.clone())
            .chain(pools.map(|reconciler| format!("pool {}", reconciler.pool().name)))
            .collect();
        let message = (!names.is_empty()).then(|| config::mode_unset(&names))?;
        Some(Problem::new(ProblemReason::ModeUnset, "", message))
    }

    /// Passes the metric queries of the policies to the telemetry.
    fn use_policies(&self) {
        let services = self.controller.managed().iter();
        let services = services.map(|managed| &managed.query);
        let pools = self.pools.iter().flat_map(Pools::reconcilers);
        let pools = pools.map(Reconciler::query);
        self.telemetry
            .lock()
            .set_policy_queries(services.chain(pools));
    }

    /// Runs one round of the node pools, unless the orchestrator cannot be read.
    async fn keep_machines(&mut self, now: Timestamp, is_reached: bool) -> Option<PoolRound> {
        let pools = self.pools.as_mut().filter(|_| is_reached)?;
        let mode = self.controller.mode();
        let (orchestrator, managed) = self.controller.parts();
        let (permit, telemetry) = (&self.permit, &mut self.telemetry);
        let round = pools.round(now, (mode, permit), orchestrator, managed, telemetry);
        let round = round.await;
        self.set_journal();
        round
    }

    /// Enables discovery of services by their labels. Services of other owners are not changed.
    pub fn discover(&mut self, discovery: &config::Discovery) {
        self.controller.set_ownership(Some(discovery.ownership()));
        self.controller.discover(discovery.search());
    }

    /// The telemetry.
    pub const fn telemetry(&self) -> &Shared<Telemetry> {
        &self.telemetry
    }

    /// The status of the loop.
    pub const fn status(&self) -> &Shared<LoopStatus> {
        &self.status
    }

    /// Adds a service.
    ///
    /// # Errors
    ///
    /// If its rule uses an unknown metric.
    pub fn manage(&mut self, service: &config::ServiceSettings) -> Result<(), query::Error> {
        self.controller.manage(service)
    }

    /// Applies a request of a client.
    ///
    /// # Errors
    ///
    /// If the request cannot be applied; then nothing has changed.
    pub fn apply(&mut self, request: &Request) -> Result<(), Refusal> {
        let now = self.status.lock().present();
        self.read_mode(now);
        let source = match request {
            Request::SetMode {
                subject,
                mode,
                source,
            } => {
                self.set_mode(subject.as_ref(), *mode)?;
                if subject.is_none() {
                    self.is_stopped = *mode == Mode::Off;
                }
                *source
            }
            Request::Configure(config, source) => {
                let impossible = |error: query::Error| Refusal::Impossible(error.to_string());
                if let Some(pools) = &mut self.pools {
                    hooks::configure(pools, &config.pools).map_err(impossible)?;
                }
                let configured = self.controller.configure(
                    config.control,
                    &config.services,
                    config.discovery.search(),
                    Some(config.discovery.ownership()),
                );
                configured.map_err(impossible)?;
                self.is_stopped = false;
                self.telemetry
                    .lock()
                    .set_node_senders(config.collector.nodes.clone());
                let services = counted(config.services.len(), "service");
                info!("configuration reloaded: {services}");
                *source
            }
        };
        self.record_modes(now, source);
        self.set_journal();
        self.settings_changed();
        Ok(())
    }

    /// Updates telemetry and status after a change of settings.
    fn settings_changed(&self) {
        self.use_policies();
        let mode = self.controller.mode();
        let mut status = self.status.lock();
        status.update_services(mode, self.controller.managed());
        if let Some(pools) = &self.pools {
            let now = status.now();
            status.update_pools(now, mode, pools.reconcilers());
        }
    }

    /// Sets the mode of a service or pool, or of the loop.
    fn set_mode(&mut self, subject: Option<&Subject>, mode: Mode) -> Result<(), Refusal> {
        let name = subject.map(|subject| subject.name.as_str());
        let (set, what) = match (subject.map(|subject| subject.kind), name) {
            (Some(SubjectKind::Pool), Some(name)) => {
                let pools = self.pools.as_mut();
                let set = pools.and_then(|pools| pools.set_mode(name, mode));
                (set, format!("pool {name}"))
            }
            _ => {
                let set = self.controller.set_mode(name, mode).then_some(Ok(()));
                (set, name.unwrap_or("all services").to_owned())
            }
        };
        let unknown = || Refusal::Unknown(subject.cloned().unwrap_or_default());
        set.ok_or_else(unknown)?.map_err(Refusal::Impossible)?;
        info!("mode {} for {what}", mode.name());
        Ok(())
    }

    /// The controller.
    pub const fn controller(&self) -> &Controller<O> {
        &self.controller
    }

    /// The controller, to change its settings.
    pub const fn controller_mut(&mut self) -> &mut Controller<O> {
        &mut self.controller
    }

    /// The orchestrator, to advance a simulation.
    pub const fn orchestrator_mut(&mut self) -> &mut O {
        self.controller.orchestrator_mut()
    }
}

/// Logs each service that is added, changed or removed by its labels.
fn log_discovered(discovered: &[Discovered]) {
    for change in discovered {
        match change {
            Discovered::Added(service) => info!(service, "discovered by its labels"),
            Discovered::Changed(service) => info!(service, "labels changed"),
            Discovered::Removed(service) => {
                info!(service, "no longer scaled: its labels were removed");
            }
        }
    }
}

/// Logs each problem that begins or ends.
fn log_problems(now: Timestamp, changed: &Changed<(ProblemReason, String)>) {
    for ((reason, about), problem) in &changed.begun {
        warn!(
            reason = reason.name(),
            about = named(about),
            "{}",
            problem.message
        );
    }
    for ((reason, about), problem) in &changed.ended {
        let lasted = duration((now - problem.since).as_secs_f64());
        let reason = reason.name();
        info!(
            reason,
            about = named(about),
            "ended after {lasted}: {}",
            problem.message
        );
    }
}

/// The subject of a problem; `None` if it concerns all.
fn named(about: &str) -> Option<&str> {
    (!about.is_empty()).then_some(about)
}
