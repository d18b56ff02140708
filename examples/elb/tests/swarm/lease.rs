//! The lease of the leader on three managers: processes that end, and managers that stop.

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

    /// Waits until the condition holds for the writer.
    fn until(
        &self,
        what: &str,
        within: Duration,
        is_so: impl Fn(Option<(usize, u64)>) -> bool,
    ) -> Duration {
        let begun = Instant::now();
        while !is_so(self.writer()) {
            assert!(begun.elapsed() < within, "not within {within:?}: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    /// The time since the writer was first answered after its last error.
    fn since_answer(&self) -> Duration {
        let (place, _) = self.writer().unwrap();
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
    candidates.until("a leader is elected", seconds(5), |writer| writer.is_some());

    // The process that leads is killed.
    let (leader, term) = candidates.writer().unwrap();
    candidates.kill(leader);
    let next = |writer: Option<(usize, u64)>| writer.is_some_and(|(_, now)| now == term + 1);
    let taken = candidates.until("a takeover", seconds(10), next);
    println!("taken over after {taken:?}");
    candidates.start(1);

    // The manager that leads the swarm stops: an outage of the store, but no failure of the leader.
    let term = candidates.writer().unwrap().1;
    let same = |writer: Option<(usize, u64)>| writer.is_some_and(|(_, now)| now == term);
    let stopped = leading_manager(&lab);
    lab.ask(stopped % 3 + 1);
    let paused = lab.paused(stopped);
    let silent = candidates.until("writes end", seconds(10), |writer| writer.is_none());
    let renewed = candidates.until("the leader continues", seconds(40), same);
    let answered = candidates.since_answer();
    println!(
        "leading manager stopped: no write after {silent:?}, renewed {renewed:?} later, {answered:?} \
         after the first answer"
    );
    drop(paused);
    std::thread::sleep(seconds(5));

    // Two of three managers stop, and the process that leads ends meanwhile.
    let paused = (lab.paused(2), lab.paused(3));
    lab.ask(1);
    candidates.until("writes end", seconds(10), |writer| writer.is_none());
    let leads = |it: &Candidate| it.0.borrow().0.is_leader;
    let leader = candidates.running.iter().position(leads).unwrap();
    candidates.kill(leader);
    std::thread::sleep(seconds(20));
    assert_eq!(candidates.writer(), None);
    drop(paused);
    let next = |writer: Option<(usize, u64)>| writer.is_some_and(|(_, now)| now == term + 1);
    let taken = candidates.until("a takeover", seconds(60), next);
    let answered = candidates.since_answer();
    println!(
        "quorum lost: taken over {taken:?} after its return, {answered:?} after the first answer"
    );
}
