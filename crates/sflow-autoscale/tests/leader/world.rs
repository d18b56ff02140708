//! A simulated world of processes, one store and the messages between them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use sflow_autoscale::leader::{Election, LeaseError, LeaseSettings, StoredRecord, Write};

use crate::store::{Store, ready};

/// A fault of the world.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A process is stopped and continued.
    Pause {
        process: usize,
        from: Duration,
        to: Duration,
    },
    /// The store is unreachable. Requests are lost or wait until its end.
    Outage { from: Duration, to: Duration },
    /// The store is unreachable for one process.
    CutOff {
        process: usize,
        from: Duration,
        to: Duration,
    },
    /// A process is killed and started again with another instance.
    Restart { process: usize, at: Duration },
    /// A process ends in order and is started again 5 s later.
    Release { process: usize, at: Duration },
    /// The record is deleted.
    Delete { at: Duration },
}

/// A write to the cluster, from its start to its time limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteSpan {
    pub(crate) process: usize,
    pub(crate) run: u32,
    pub(crate) term: u64,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
}

#[derive(Debug)]
pub(crate) struct Process {
    election: Election,
    run: u32,
    is_alive: bool,
    is_ending: bool,
    /// Percent of real time that its clock advances.
    rate: u64,
    /// Its clock at the start of the world.
    offset: Duration,
    paused_to: Duration,
    request: Option<Request>,
}

impl Process {
    pub(crate) fn is_leader(&self) -> bool {
        self.is_alive && self.election.leadership().is_leader
    }

    fn clock(&self, now: Duration) -> Duration {
        self.offset + now * u32::try_from(self.rate).unwrap() / 100
    }

    /// The real time of a time of its clock.
    fn real(&self, clock: Duration) -> Duration {
        clock.saturating_sub(self.offset) * 100 / u32::try_from(self.rate).unwrap()
            + Duration::from_nanos(100)
    }
}

#[derive(Clone, Copy, Debug)]
struct Request {
    number: u64,
    started: Duration,
    is_write: bool,
}

#[derive(Clone, Debug)]
enum Call {
    Read,
    Write(Write),
}

#[derive(Clone, Debug)]
enum Answer {
    Read(Option<StoredRecord>),
    Written(Result<(), LeaseError>),
    Late,
}

#[derive(Debug)]
enum Event {
    Wake(usize, u32),
    Work(usize, u32),
    Arrival(usize, u64, Call),
    Answer(usize, u64, bool, Answer),
    Start(usize),
    Kill(usize),
    Stop(usize, Duration),
    Release(usize),
    Released(usize, u32),
    Delete,
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    now: Duration,
    store: Store,
    processes: Vec<Process>,
    faults: Vec<Fault>,
    /// Percent of messages that are lost; as many are late.
    loss: u64,
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, Event>,
    number: u64,
    random: u64,
    writes: Vec<WriteSpan>,
    answers: Vec<(usize, Duration)>,
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl World {
    pub(crate) fn new(seed: u64, rates: &[u64], loss: u64, faults: Vec<Fault>) -> Self {
        let mut world = Self {
            now: Duration::ZERO,
            store: Store::default(),
            processes: Vec::new(),
            faults: faults.clone(),
            loss,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            number: 0,
            random: seed,
            writes: Vec::new(),
            answers: Vec::new(),
        };
        for (process, rate) in rates.iter().enumerate() {
            let offset = Duration::from_secs(world.below(10_000_000));
            world.processes.push(Process {
                election: election(process, 0),
                run: 0,
                is_alive: false,
                is_ending: false,
                rate: *rate,
                offset,
                paused_to: Duration::ZERO,
                request: None,
            });
            world.at(Duration::ZERO, Event::Start(process));
        }
        let count = rates.len();
        for fault in faults {
            match fault {
                Fault::Pause { process, from, to } => {
                    world.at(from, Event::Stop(process % count, to));
                }
                Fault::Restart { process, at } => {
                    world.at(at, Event::Kill(process % count));
                    world.at(at + ms(1), Event::Start(process % count));
                }
                Fault::Release { process, at } => {
                    world.at(at, Event::Release(process % count));
                    world.at(at + ms(5_000), Event::Start(process % count));
                }
                Fault::Delete { at } => world.at(at, Event::Delete),
                Fault::Outage { .. } | Fault::CutOff { .. } => {}
            }
        }
        world
    }

    pub(crate) fn run_to(&mut self, end: Duration) {
        while let Some(Reverse((at, number))) = self.queue.peek().copied() {
            if at > end {
                break;
            }
            self.queue.pop();
            self.now = at;
            if let Some(event) = self.events.remove(&number) {
                self.happen(event);
            }
        }
        self.now = end;
    }

    /// Ends all faults and starts all processes.
    pub(crate) fn heal(&mut self) {
        self.faults.clear();
        self.loss = 0;
        for process in 0..self.processes.len() {
            self.processes[process].paused_to = self.now;
            self.at(self.now, Event::Start(process));
        }
    }

    pub(crate) fn kill(&mut self, process: usize) {
        self.at(self.now, Event::Kill(process));
    }

    pub(crate) fn pause(&mut self, process: usize, to: Duration) {
        self.at(self.now, Event::Stop(process, to));
    }

    pub(crate) fn release(&mut self, process: usize) {
        self.at(self.now, Event::Release(process));
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter()
    }

    /// The leader of the last term and the term.
    pub(crate) fn leader(&self) -> Option<(usize, u64)> {
        let processes = self.processes.iter().enumerate();
        let leaders = processes.filter(|(_, process)| process.is_leader());
        let leaders = leaders.map(|(place, it)| (place, it.election.leadership().term));
        leaders.max_by_key(|(_, term)| *term)
    }

    pub(crate) fn may_write(&self, process: usize) -> bool {
        let process = &self.processes[process];
        let clock = process.clock(self.now);
        process.is_alive && process.election.leadership().may_write(clock)
    }

    pub(crate) fn writes(&self) -> &[WriteSpan] {
        &self.writes
    }

    /// When a process received the first answer after `after`.
    pub(crate) fn first_answer(&self, process: usize, after: Duration) -> Option<Duration> {
        let mut answers = self.answers.iter();
        let is_it = |(who, at): &&(usize, Duration)| *who == process && *at >= after;
        answers.find(is_it).map(|(_, at)| *at)
    }

    /// When a process last saw the record change.
    pub(crate) fn last_change(&self, process: usize) -> Duration {
        let process = &self.processes[process];
        let renewed = process.election.leadership().renewed;
        process.real(renewed.unwrap_or_default())
    }

    /// At most one writer at a time and per term, and terms that do not decrease.
    pub(crate) fn check(&self) {
        let mut holders = BTreeMap::new();
        let mut last: Option<WriteSpan> = None;
        for write in &self.writes {
            let who = (write.process, write.run);
            assert_eq!(*holders.entry(write.term).or_insert(who), who, "{write:?}");
            if let Some(before) = last {
                assert!(write.term >= before.term, "{before:?} {write:?}");
                let is_same = (before.process, before.run) == who;
                assert!(is_same || write.from >= before.to, "{before:?} {write:?}");
            }
            last = Some(*write);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start(process) => self.start(process),
            Event::Kill(process) => self.processes[process].is_alive = false,
            Event::Stop(process, to) => {
                let process = &mut self.processes[process];
                process.paused_to = process.paused_to.max(to);
            }
            Event::Release(process) => {
                let it = &mut self.processes[process];
                it.is_ending = true;
                let run = it.run;
                let own = self.writes.iter().filter(|write| write.process == process);
                let ended = own.map(|write| write.to).max().unwrap_or_default();
                self.at(ended.max(self.now), Event::Released(process, run));
            }
            Event::Released(process, run) => {
                if !self.runs(process, run) {
                    return;
                }
                self.store.is_down = self.is_unreachable(process);
                let it = &mut self.processes[process];
                ready(it.election.release(&mut self.store)).ok();
                it.is_alive = false;
            }
            Event::Delete => self.store.delete(),
            Event::Arrival(process, number, call) => self.arrive(process, number, call),
            Event::Wake(process, run) => {
                if self.runs(process, run) && !self.resumes(process, Event::Wake(process, run)) {
                    self.wake(process);
                }
            }
            Event::Work(process, run) => {
                if self.runs(process, run) && !self.resumes(process, Event::Work(process, run)) {
                    self.work(process);
                }
            }
            Event::Answer(process, number, is_on_the_way, answer) => {
                if is_on_the_way && self.is_unreachable(process) {
                    return;
                }
                let it = &self.processes[process];
                if it.request.is_none_or(|request| request.number != number) {
                    return;
                }
                if self.now < it.paused_to {
                    // It has been received, and is processed later.
                    let to = it.paused_to;
                    self.at(to, Event::Answer(process, number, false, answer));
                } else {
                    self.answer(process, answer);
                }
            }
        }
    }

    fn start(&mut self, process: usize) {
        let it = &mut self.processes[process];
        if it.is_alive && !it.is_ending {
            return;
        }
        it.run += 1;
        it.election = election(process, it.run);
        (it.is_alive, it.is_ending, it.request) = (true, false, None);
        let run = it.run;
        self.at(self.now, Event::Wake(process, run));
        self.at(self.now, Event::Work(process, run));
    }

    fn runs(&self, process: usize, run: u32) -> bool {
        let it = &self.processes[process];
        it.is_alive && it.run == run
    }

    /// Whether the process is paused; the event then happens when it continues.
    fn resumes(&mut self, process: usize, event: Event) -> bool {
        let to = self.processes[process].paused_to;
        let is_paused = self.now < to;
        if is_paused {
            self.at(to, event);
        }
        is_paused
    }

    fn wake(&mut self, process: usize) {
        let it = &self.processes[process];
        if it.request.is_none() && !it.is_ending && it.clock(self.now) >= it.election.due() {
            self.send(process, Call::Read);
        }
    }

    /// Writes to the cluster if that is permitted.
    fn work(&mut self, process: usize) {
        let it = &self.processes[process];
        let (run, leadership) = (it.run, it.election.leadership());
        if !it.is_ending && leadership.may_write(it.clock(self.now)) {
            let limit = LeaseSettings::default().timeout * 100 / u32::try_from(it.rate).unwrap();
            self.writes.push(WriteSpan {
                process,
                run,
                term: leadership.term,
                from: self.now,
                to: self.now + limit,
            });
        }
        let pause = ms(20 + self.below(180));
        self.at(self.now + pause, Event::Work(process, run));
    }

    fn send(&mut self, process: usize, call: Call) {
        self.number += 1;
        let number = self.number;
        let it = &mut self.processes[process];
        let started = it.clock(self.now);
        let is_write = matches!(call, Call::Write(_));
        it.request = Some(Request {
            number,
            started,
            is_write,
        });
        let limit = it.real(started + LeaseSettings::default().timeout);
        self.at(limit, Event::Answer(process, number, false, Answer::Late));
        if let Some(delay) = self.delay()
            && !self.is_cut_off(process)
        {
            self.at(self.now + delay, Event::Arrival(process, number, call));
        }
    }

    /// A request arrives at the store.
    fn arrive(&mut self, process: usize, number: u64, call: Call) {
        if let Some(end) = self.outage() {
            if self.below(2) == 0 {
                let delay = ms(1 + self.below(200));
                self.at(end + delay, Event::Arrival(process, number, call));
            }
            return;
        }
        if self.is_cut_off(process) {
            return;
        }
        self.store.is_down = false;
        let answer = match call {
            Call::Read => Answer::Read(self.store.record()),
            Call::Write(write) => Answer::Written(ready(write.send(&mut self.store))),
        };
        if let Some(delay) = self.delay() {
            self.at(
                self.now + delay,
                Event::Answer(process, number, true, answer),
            );
        }
    }

    fn answer(&mut self, process: usize, answer: Answer) {
        let it = &mut self.processes[process];
        let Some(request) = it.request.take() else {
            return;
        };
        if !it.is_alive {
            return;
        }
        let (started, ended) = (request.started, it.clock(self.now));
        let late = || LeaseError::Unreachable("no answer".to_owned());
        let write = match answer {
            Answer::Read(found) => {
                self.answers.push((process, self.now));
                it.election.record_read(started, ended, Ok(found))
            }
            Answer::Late if !request.is_write => {
                it.election.record_read(started, ended, Err(late()))
            }
            Answer::Late => {
                it.election.record_write(started, ended, Err(late()));
                None
            }
            Answer::Written(written) => {
                it.election.record_write(started, ended, written);
                None
            }
        };
        if let Some(write) = write {
            self.send(process, Call::Write(write));
            return;
        }
        let it = &self.processes[process];
        let (due, run) = (it.real(it.election.due()).max(self.now), it.run);
        self.at(due, Event::Wake(process, run));
    }

    /// The delay of a message; `None` if it is lost.
    fn delay(&mut self) -> Option<Duration> {
        match self.below(100) {
            chance if chance < self.loss => None,
            chance if chance < 2 * self.loss => Some(ms(self.below(6_000))),
            _ => Some(ms(1 + self.below(50))),
        }
    }

    fn outage(&self) -> Option<Duration> {
        let mut faults = self.faults.iter();
        faults.find_map(|fault| match fault {
            Fault::Outage { from, to } if (*from..*to).contains(&self.now) => Some(*to),
            _ => None,
        })
    }

    fn is_cut_off(&self, process: usize) -> bool {
        let count = self.processes.len();
        let mut faults = self.faults.iter();
        faults.any(|fault| {
            matches!(fault, Fault::CutOff { process: it, from, to }
                if it % count == process && (*from..*to).contains(&self.now))
        })
    }

    fn is_unreachable(&self, process: usize) -> bool {
        self.outage().is_some() || self.is_cut_off(process)
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.number += 1;
        self.queue.push(Reverse((at, self.number)));
        self.events.insert(self.number, event);
    }

    /// A random number (SplitMix64).
    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn election(process: usize, run: u32) -> Election {
    let instance = format!("elb{process}-{run}");
    let address = format!("http://10.0.0.{process}:8080");
    Election::new(LeaseSettings::default(), instance, address).unwrap()
}
