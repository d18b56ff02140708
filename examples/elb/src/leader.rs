//! The part of this instance in the election of a leader.
//!
//! ```text
//! lease in swarm ◄─► task of the election ─► permit ─► loop, hooks
//!                        ▲ journal            └──────► status, log
//!                        └──────────────────────────── loop
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sflow_autoscale::leader::{Election, Leadership, LeaseError, LeaseStore, Permit};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::config::Config;
use crate::docker::{Docker, EndpointError};
use crate::shared::Shared;
use crate::status::{LeaderStatus, LoopStatus};

/// Reads a monotonic clock, which all elections of a process share.
pub type Clock = fn() -> Duration;

/// Time between two updates of the status: whether the leader may write also ends without a request.
const UPDATE: Duration = Duration::from_millis(500);

/// `CLOCK_BOOTTIME`, which continues while the machine is suspended. [`Duration::MAX`], at which no
/// lease is valid, on systems other than Linux.
pub fn clock() -> Duration {
    #[cfg(target_os = "linux")]
    {
        use nix::time::{ClockId, clock_gettime};

        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
    }
    #[cfg(not(target_os = "linux"))]
    Duration::MAX
}

/// A client of the swarm whose changes end within the time limit of the lease, if a leader is elected.
///
/// # Errors
///
/// See [`Docker::connect`].
pub fn docker(config: &Config) -> Result<Docker, EndpointError> {
    let mut docker = Docker::connect(&config.docker)?;
    if config.leader.enabled {
        docker.limit_changes(config.leader.timeout);
    }
    Ok(docker)
}

/// Permission of this instance to change the cluster: that of an election, or by default that of an
/// instance that acts alone.
#[derive(Clone, Debug, Default)]
pub struct LeaderPermit(Option<Elected>);

#[derive(Clone, Debug)]
struct Elected {
    leadership: watch::Receiver<Leadership>,
    clock: Clock,
    is_closed: Arc<AtomicBool>,
    lease: Duration,
    journal: watch::Sender<Option<(u64, String)>>,
}

impl LeaderPermit {
    /// The current term; 0 without an election.
    pub fn term(&self) -> u64 {
        let elected = self.0.as_ref();
        elected.map_or(0, |it| it.leadership.borrow().term)
    }

    /// Permits no further write.
    pub fn close(&self) {
        if let Some(elected) = &self.0 {
            elected.is_closed.store(true, Ordering::Relaxed);
        }
    }

    /// Passes the orders in progress, as known to the leader of this term, to its successor.
    pub fn set_journal(&self, term: u64, journal: String) {
        let Some(elected) = &self.0 else { return };
        let journal = Some((term, journal));
        elected.journal.send_if_modified(|known| {
            let is_changed = *known != journal;
            *known = journal;
            is_changed
        });
    }

    /// Waits until a write may start.
    ///
    /// # Errors
    ///
    /// If this instance does not lead in this term, or is ending.
    pub async fn until_write(&self, term: u64) -> Result<(), String> {
        let Some(elected) = &self.0 else {
            return Ok(());
        };
        let mut leadership = elected.leadership.clone();
        loop {
            let is_leader = {
                let now = leadership.borrow_and_update();
                now.is_leader && now.term == term
            };
            if !is_leader {
                return Err("not called: this instance is not the leader".to_owned());
            }
            if elected.is_closed.load(Ordering::Relaxed) {
                return Err("not called: elb is ending".to_owned());
            }
            if self.may_write() {
                return Ok(());
            }
            if leadership.changed().await.is_err() {
                return Err("not called: the election has ended".to_owned());
            }
        }
    }
}

impl Permit for LeaderPermit {
    fn leadership(&self) -> Leadership {
        let elected = self.0.as_ref();
        elected.map_or_else(Leadership::alone, |it| it.leadership.borrow().clone())
    }

    fn may_write(&self) -> bool {
        self.0.as_ref().is_none_or(|it| {
            let now = (it.clock)();
            !it.is_closed.load(Ordering::Relaxed) && it.leadership.borrow().may_write(now)
        })
    }
}

/// An instance in an election.
#[derive(Debug)]
pub struct Candidate {
    permit: LeaderPermit,
    release: oneshot::Sender<oneshot::Sender<Result<(), LeaseError>>>,
}

impl Candidate {
    /// An instance, and the future that takes part in the election. It has to run in a separate task,
    /// and ends when the lease is released or the candidate is dropped.
    pub fn new<S: LeaseStore>(
        mut election: Election,
        mut store: S,
        clock: Clock,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, leadership) = watch::channel(election.leadership());
        let (journal, mut journals) = watch::channel(None);
        let (release, mut releases) = oneshot::channel::<oneshot::Sender<_>>();
        let permit = LeaderPermit(Some(Elected {
            leadership,
            clock,
            is_closed: Arc::default(),
            lease: election.settings().lease,
            journal,
        }));
        let task = async move {
            loop {
                tokio::select! {
                    Ok(()) = journals.changed() => {
                        let journal = journals.borrow_and_update().clone();
                        if let Some((term, journal)) = journal
                            && election.leadership().term == term
                        {
                            election.set_journal(journal);
                        }
                    }
                    () = sleep(election.due().saturating_sub(clock())) => {
                        election.attend(&mut store, clock).await;
                        sender.send_replace(election.leadership());
                    }
                    released = &mut releases => {
                        if let Ok(answer) = released {
                            answer.send(election.release(&mut store).await).ok();
                        }
                        return;
                    }
                }
            }
        };
        (Self { permit, release }, task)
    }

    /// The permission of this instance.
    pub const fn permit(&self) -> &LeaderPermit {
        &self.permit
    }

    /// Gives the lease back, so that a standby takes over at once. No write may be in progress.
    ///
    /// # Errors
    ///
    /// If the lease was not given back. A standby then takes over when it has expired.
    pub async fn release(self) -> Result<(), LeaseError> {
        self.permit.close();
        let (answer, answered) = oneshot::channel();
        self.release.send(answer).ok();
        let ended = || LeaseError::Unreachable("the election has ended".to_owned());
        answered.await.map_err(|_| ended())?
    }
}

/// Sets the leadership in the status and logs its changes, until the election ends.
pub async fn report(permit: LeaderPermit, instance: String, status: Shared<LoopStatus>) {
    let Some(Elected {
        mut leadership,
        clock,
        lease,
        ..
    }) = permit.0.clone()
    else {
        return;
    };
    let mut known = Leadership::default();
    loop {
        let mut now = leadership.borrow_and_update().clone();
        // Another instance may lead after that time.
        let expires = now.renewed.map(|renewed| renewed.saturating_add(lease));
        if now.is_leader && expires.is_none_or(|expires| clock() >= expires) {
            (now.is_leader, now.holder, now.address) = (false, None, None);
        }
        log_change(&known, &now);
        set_status(
            &mut status.lock(),
            &instance,
            (&now, clock()),
            permit.may_write(),
        );
        known = now;
        tokio::select! {
            changed = leadership.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = sleep(UPDATE) => {}
        }
    }
}

fn set_status(
    status: &mut LoopStatus,
    instance: &str,
    (leadership, now): (&Leadership, Duration),
    may_write: bool,
) {
    let present = status.present();
    let at = |time: Option<Duration>| time.map(|time| present - now.saturating_sub(time));
    status.set_leader(LeaderStatus {
        is_leader: leadership.is_leader,
        instance: instance.to_owned(),
        holder: leadership.holder.clone(),
        address: leadership.address.clone(),
        term: leadership.term,
        since: at(leadership.since),
        renewed: at(leadership.renewed),
        may_write,
        error: leadership.error.clone(),
    });
}

fn log_change(known: &Leadership, now: &Leadership) {
    if let (None, Some(error)) = (&known.error, &now.error) {
        warn!("{error}; nothing is changed while it is not renewed");
    }
    let state = |it: &Leadership| (it.is_leader, it.holder.clone(), it.term);
    if state(known) == state(now) {
        return;
    }
    let (term, address) = (now.term, now.address.as_deref().unwrap_or_default());
    match (&now.holder, now.is_leader) {
        (Some(holder), true) => info!(holder, term, address, "this instance leads"),
        (Some(holder), false) => info!(holder, term, address, "standby: another instance leads"),
        (None, _) if known.is_leader && known.term == term => {
            warn!(term, "standby: the lease of this instance has expired");
        }
        (None, _) => info!(term, "standby: no instance leads"),
    }
}
