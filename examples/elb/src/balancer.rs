//! The whole loop as one value: telemetry in, decisions out, and what a person sees of it.

use std::net::SocketAddr;
use std::time::Instant;

use sflow_metrics::{Timestamp, query};
use tracing::{debug, info, warn};

use crate::board::Board;
use crate::config::{self, ControlSettings, DEFAULT_OWNER, OWNER};
use crate::docker::hints;
use crate::handle::{Refusal, Request};
use crate::notices;
use crate::orchestrator::Orchestrator;
use crate::policy::Mode;
use crate::pool::pools::Pools;
use crate::shared::Shared;
use crate::view::{Point, Snapshot};
use crate::words::{counted, duration};
use sflow_autoscale::controller::{Controller, Discovered, Ownership, Round};
use sflow_autoscale::node_pools::PoolRound;
use sflow_autoscale::node_pools::Reconciler;
use sflow_autoscale::observe::Telemetry;
use sflow_autoscale::problem::{Changed, Problem, ProblemReason};

/// Telemetry, controller and what they came to.
#[derive(Debug)]
pub struct Balancer<O> {
    telemetry: Shared<Telemetry>,
    controller: Controller<O>,
    pools: Option<Pools>,
    board: Shared<Board>,
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
        control: ControlSettings,
        services: &[config::ServiceSettings],
    ) -> Result<Self, query::Error> {
        let mut controller = Controller::new(orchestrator, control, services)?;
        controller.set_ownership(Some(Ownership {
            label: OWNER.to_owned(),
            owner: DEFAULT_OWNER.to_owned(),
        }));
        let balancer = Self {
            telemetry: Shared::default(),
            controller,
            pools: None,
            board: Shared::new(Board::new(now)),
        };
        balancer.use_policies();
        let (mode, managed) = (balancer.controller.mode(), balancer.controller.managed());
        balancer.board.lock().stand(mode, managed);
        Ok(balancer)
    }

    /// Keeps these pools of machines as well. The instance makes the keys of orders those of this
    /// run: [`sflow_autoscale::node_pools::instance`].
    ///
    /// # Errors
    ///
    /// If one is to be kept by a metric that is not known.
    pub fn keep(&mut self, instance: String, pools: &[config::Pool]) -> Result<(), query::Error> {
        let pools = Pools::new(instance, pools)?;
        let mode = self.controller.mode();
        let mut board = self.board.lock();
        let now = board.now();
        board.stand_pools(now, mode, pools.reconcilers());
        drop(board);
        self.pools = Some(pools);
        self.use_policies();
        Ok(())
    }

    /// The pools of machines.
    pub const fn pools(&self) -> Option<&Pools> {
        self.pools.as_ref()
    }

    /// The pools of machines, to be told something else.
    pub const fn pools_mut(&mut self) -> Option<&mut Pools> {
        self.pools.as_mut()
    }

    /// Takes one datagram.
    pub fn receive(&mut self, received_at: Timestamp, source: SocketAddr, bytes: &[u8]) {
        let mut telemetry = self.telemetry.lock();
        telemetry.receive(received_at, source, bytes);
        notices::log(&mut telemetry);
    }

    /// One round of the loop.
    pub async fn round(&mut self, now: Timestamp) -> Round {
        self.telemetry.lock().expire(now);
        let mut last = Instant::now();
        let lap = move || {
            let before = std::mem::replace(&mut last, Instant::now());
            last - before
        };
        let telemetry = &mut self.telemetry;
        let mut round = self.controller.round(now, telemetry, lap).await;
        log_discovered(&round.discovered);
        self.use_policies();
        let machines = self.keep_machines(now, round.reached).await;
        if let Some(machines) = &machines {
            round.problems.extend(machines.problems.iter().cloned());
        }
        round.problems.iter_mut().for_each(hints::add);
        round.problems.extend(self.mode_unset());
        let mut board = self.board.lock();
        let mode = self.controller.mode();
        let mut news = board.note(now, mode, self.controller.managed(), &round);
        if let (Some(pools), Some(machines)) = (&self.pools, &machines) {
            let more = board.note_pools(now, mode, pools.reconcilers(), machines);
            news.entries.extend(more.entries);
            news.machines = more.machines;
        }
        drop(board);
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
        log_problems(now, &news.troubles);
        round
    }

    /// Reports services and pools that would act if the mode of the loop were set, before the first
    /// round, which may have to wait for the orchestrator.
    pub fn report_mode(&self, now: Timestamp) {
        let trouble: Vec<Problem> = self.mode_unset().into_iter().collect();
        let changed = self.board.lock().record_problems(now, &trouble, false);
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

    /// Updates the questions of policies in the telemetry.
    fn use_policies(&self) {
        let services = self.controller.managed().iter();
        let services = services.map(|managed| &managed.query);
        let pools = self.pools.iter().flat_map(Pools::reconcilers);
        let pools = pools.map(Reconciler::query);
        self.telemetry
            .lock()
            .set_policy_queries(services.chain(pools));
    }

    /// One round of the pools, if the orchestrator can be read at all.
    async fn keep_machines(&mut self, now: Timestamp, is_reached: bool) -> Option<PoolRound> {
        let pools = self.pools.as_mut().filter(|_| is_reached)?;
        let mode = self.controller.mode();
        let (orchestrator, managed) = self.controller.parts();
        let telemetry = &mut self.telemetry;
        pools
            .round(now, mode, orchestrator, managed, telemetry)
            .await
    }

    /// Finds further services by their labels, and respects their owners.
    pub fn discover(&mut self, discovery: &config::Discovery) {
        self.controller.set_ownership(Some(discovery.ownership()));
        self.controller.discover(discovery.search());
    }

    /// The telemetry, for who fills it or asks it.
    pub const fn telemetry(&self) -> &Shared<Telemetry> {
        &self.telemetry
    }

    /// What the loop has come to, for who shows it.
    pub const fn board(&self) -> &Shared<Board> {
        &self.board
    }

    /// Takes one more service under control.
    ///
    /// # Errors
    ///
    /// If it is to be balanced by a metric that is not known.
    pub fn manage(&mut self, service: &config::ServiceSettings) -> Result<(), query::Error> {
        self.controller.manage(service)
    }

    /// Does what somebody asks of the loop.
    ///
    /// # Errors
    ///
    /// If it cannot be done; then nothing has changed.
    pub fn obey(&mut self, request: &Request) -> Result<(), Refusal> {
        match request {
            Request::SetMode { service, mode } => {
                if !self.controller.set_mode(service.as_deref(), *mode) {
                    let service = service.clone().unwrap_or_default();
                    return Err(Refusal::UnknownService(service));
                }
                let service = service.as_deref().unwrap_or("all services");
                info!("mode {} for {service}", mode.name());
            }
            Request::SetPoolMode { pool, mode } => {
                let pools = self.pools.as_mut();
                match pools.and_then(|pools| pools.set_mode(pool, *mode)) {
                    None => return Err(Refusal::UnknownPool(pool.clone())),
                    Some(Err(why)) => return Err(Refusal::Impossible(why)),
                    Some(Ok(())) => info!("mode {} for pool {pool}", mode.name()),
                }
            }
            Request::Configure(config) => {
                if let Some(pools) = &mut self.pools {
                    let configured = pools.configure(&config.pools);
                    configured.map_err(|error| Refusal::Impossible(error.to_string()))?;
                }
                let configured = self.controller.configure(
                    config.control,
                    &config.services,
                    config.discovery.search(),
                    Some(config.discovery.ownership()),
                );
                configured.map_err(|error| Refusal::Impossible(error.to_string()))?;
                self.telemetry
                    .lock()
                    .set_node_senders(config.collector.nodes.clone());
                let services = counted(config.services.len(), "service");
                info!("another configuration, of {services}");
            }
        }
        self.use_policies();
        let mode = self.controller.mode();
        let mut board = self.board.lock();
        board.stand(mode, self.controller.managed());
        if let Some(pools) = &self.pools {
            let now = board.now();
            board.stand_pools(now, mode, pools.reconcilers());
        }
        Ok(())
    }

    /// The controller.
    pub const fn controller(&self) -> &Controller<O> {
        &self.controller
    }

    /// The controller, to be told something else.
    pub const fn controller_mut(&mut self) -> &mut Controller<O> {
        &mut self.controller
    }

    /// The orchestrator, to be driven by who simulates it.
    pub const fn orchestrator_mut(&mut self) -> &mut O {
        self.controller.orchestrator_mut()
    }

    /// A service's past, oldest first.
    pub fn past(&self, service: &str) -> Vec<Point> {
        self.board.lock().past(service)
    }

    /// What a person sees now.
    pub fn snapshot(&self) -> Snapshot {
        let intake = self.telemetry.lock().ingest_stats();
        self.board.lock().snapshot(intake, usize::MAX)
    }
}

/// One line for each service that is added, changed or removed by its labels.
fn log_discovered(discovered: &[Discovered]) {
    for change in discovered {
        match change {
            Discovered::Added(service) => info!(service, "found by its labels"),
            Discovered::Changed(service) => info!(service, "its labels have changed"),
            Discovered::Removed(service) => info!(service, "not scaled any more, by its labels"),
        }
    }
}

/// One line for each problem that begins or ends.
fn log_problems(now: Timestamp, changed: &Changed<(ProblemReason, String)>) {
    for ((reason, about), trouble) in &changed.begun {
        warn!(reason = reason.name(), about, "{}", trouble.message);
    }
    for ((reason, about), trouble) in &changed.ended {
        let lasted = duration((now - trouble.since).as_secs_f64());
        let reason = reason.name();
        info!(reason, about, "Ended after {lasted}: {}", trouble.message);
    }
}
