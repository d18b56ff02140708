//! The lease of the leader on three managers: processes that end, and managers that stop.

use std::thread::sleep;
use std::time::{Duration, Instant};

use elb::docker::{Lease, Settings};
use sflow_autoscale::leader::{Election, Leadership, LeaseSettings};
use tokio::runtime;
use tokio::sync::watch;

use crate::lab::Lab;
use crate::managers::Managers;
use crate::wait::seconds;

const NAME: &str = "elb-test-lease";

/// What a process knows that takes part in the election, with the manager of its node as the first one.
/// The process ends when this is dropped.
struct Candidate(watch::Receiver<(Leadership, Duration)>);

/// The candidates, and all changes of the leader.
struct Candidates<'a> {
    lab: &'a Lab,
    begun: Instant,
    running: Vec<Candidate>,
}

impl<'a> Candidates<'a> {
    fn new(lab: &'a Lab) -> Self {
        remove_lease(lab);
        let mut candidates = Self {
            lab,
            begun: Instant::now(),
            running: Vec::new(),
        };
        for node in 1..=3 {
            candidates.start(node);
        }
        candidates
    }

    fn start(&mut self, node: u32) {
        let settings = LeaseSettings::default();
        let managers = (0..3).map(|next| (node - 1 + next) % 3 + 1);
        let endpoints = managers.map(|node| format!("tcp://{}:2375", Lab::address(node)));
        let access = Settings {
            endpoints: endpoints.collect(),
            ..Settings::default()
        };
        let begun = self.begun;
        let instance = format!("node{node}-{:?}", begun.elapsed());
        let mut election = Election::new(settings, instance, "http://127.0.0.1:1").unwrap();
        let mut lease = Lease::connect(&access, NAME, settings.timeout).unwrap();
        let (sender, view) = watch::channel(Default::default());
        std::thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut answered = Duration::ZERO;
                while !sender.is_closed() {
                    let failed = election.leadership().error.is_some();
                    election.attend(&mut lease, || begun.elapsed()).await;
                    let view = election.leadership();
                    if failed && view.error.is_none() {
                        answered = begun.elapsed();
                    }
                    sender.send_replace((view, answered));
                    let wait = election.due().saturating_sub(begun.elapsed());
                    tokio::time::sleep(wait).await;
                }
            });
        });
        self.running.push(Candidate(view));
    }

    /// The candidate that may write and its term.
    fn writer(&self) -> Option<(usize, u64)> {
        let now = self.begun.elapsed();
        let writers = self.running.iter().enumerate().filter_map(|(place, it)| {
            let (view, _) = &*it.0.borrow();
            view.may_write(now).then_some((place, view.term))
        });
        let writers: Vec<(usize, u64)> = writers.collect();
        assert!(writers.len() <= 1, "{writers:?}");
        writers.first().copied()
    }

    /// Waits until a process may write whose term meets the condition. Returns the waiting time, and the
    /// candidate and its term.
    fn until_writes(
        &self,
        what: &str,
        within: Duration,
        is_so: impl Fn(u64) -> bool,
    ) -> (Duration, usize, u64) {
        let begun = Instant::now();
        loop {
            if let Some((place, term)) = self.writer()
                && is_so(term)
            {
                return (begun.elapsed(), place, term);
            }
            assert!(begun.elapsed() < within, "not within {within:?}: {what}");
            sleep(Duration::from_millis(20));
        }
    }

    fn until_silent(&self) -> Duration {
        let begun = Instant::now();
        while self.writer().is_some() {
            assert!(begun.elapsed() < seconds(10), "writes do not end");
            sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    /// The time since a candidate was first answered after its last error.
    fn since_answer(&self, place: usize) -> Duration {
        self.begun.elapsed() - self.running[place].0.borrow().1
    }

    fn kill(&mut self, place: usize) {
        self.running.remove(place);
    }
}

impl Drop for Candidates<'_> {
    fn drop(&mut self) {
        self.running.clear();
        remove_lease(self.lab);
    }
}

fn remove_lease(lab: &Lab) {
    let path = format!("/configs/{NAME}");
    lab.engine().request("DELETE", &path, None).ok();
}

/// The node whose manager leads the swarm.
fn leading_manager(lab: &Lab) -> u32 {
    let nodes = lab.engine().get("/nodes");
    let mut nodes = nodes.as_array().unwrap().iter();
    let leader = nodes.find(|node| node["ManagerStatus"]["Leader"] == true);
    let name = leader.unwrap()["Description"]["Hostname"].as_str().unwrap();
    name.strip_prefix("node").unwrap().parse().unwrap()
}

#[test]
fn lease_has_one_writer_while_processes_and_managers_stop() {
    let Some(lab) = Lab::of_the_environment() else {
        return;
    };
    let _managers = Managers::promoted(&lab);
    let mut candidates = Candidates::new(&lab);
    let (_, leader, term) = candidates.until_writes("an election", seconds(10), |_| true);

    // The process that leads is killed.
    candidates.kill(leader);
    let (taken, _, term) =
        candidates.until_writes("a takeover", seconds(15), |now| now == term + 1);
    println!("taken over after {taken:?}");
    candidates.start(1);

    // The manager that leads the swarm stops: an outage of the store. Afterwards the leader continues, unless
    // its requests wait for the stopped manager for longer than a standby waits.
    let stopped = leading_manager(&lab);
    lab.ask(stopped % 3 + 1);
    let paused = lab.paused(stopped);
    let silent = candidates.until_silent();
    let (renewed, leader, now) = candidates.until_writes("a leader writes", seconds(60), |now| {
        now == term || now == term + 1
    });
    let answered = candidates.since_answer(leader);
    println!(
        "leading manager stopped: no write after {silent:?}, renewed {renewed:?} later, {answered:?} \
         after the first answer, {} takeovers",
        now - term
    );
    drop(paused);
    sleep(seconds(5));

    // Two of three managers stop, and the process that leads ends meanwhile.
    let (_, _, term) = candidates.until_writes("a leader writes", seconds(20), |_| true);
    let paused = (lab.paused(2), lab.paused(3));
    lab.ask(1);
    candidates.until_silent();
    let leads = |it: &Candidate| it.0.borrow().0.is_leader;
    let leader = candidates.running.iter().position(leads).unwrap();
    candidates.kill(leader);
    sleep(seconds(20));
    assert_eq!(candidates.writer(), None);
    drop(paused);
    let (taken, leader, _) =
        candidates.until_writes("a takeover", seconds(60), |now| now == term + 1);
    let answered = candidates.since_answer(leader);
    println!(
        "quorum lost: taken over {taken:?} after its return, {answered:?} after the first answer"
    );
}
