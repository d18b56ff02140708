//! Passes datagrams to the registry, and prints results when they are due.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use sflow_collector::capture::Port;
use sflow_collector::replay::Ticks;
use sflow_collector::udp::UdpReceiver;
use sflow_metrics::{Config, HashKey, Registry};
use stop::Stop;
use untrusted::report;

use crate::input::{self, Event, Input, POLL_INTERVAL};
use crate::prometheus::{self, Settings};
use crate::show::View;
use crate::telemetry::{Shared, Totals};

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) view: Option<View>,
    /// The interval between results; `None` prints once, at the end.
    pub(crate) every: Option<Duration>,
    pub(crate) is_json: bool,
    pub(crate) prometheus: Option<Settings>,
}

/// The result of a run, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    /// A file is damaged or cannot be read; the error is on standard error.
    Incomplete,
    NoDatagrams,
}

impl Run {
    pub(crate) fn run(&self, input: &Input) -> anyhow::Result<Outcome> {
        let workers = match input {
            Input::Captures(..) => 1,
            Input::Sockets(_, workers) => *workers,
        };
        let config = bounds();
        let registries = (0..workers).map(|_| self.registry(config.clone()));
        let shared = Shared::new(registries.collect::<anyhow::Result<_>>()?);
        if let Some(settings) = &self.prometheus {
            let listening = prometheus::serve(settings.clone(), shared.clone())?;
            report!("metrics on http://{listening}/metrics");
        }
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        let mut printer = Printer {
            run: self,
            shared: &shared,
            stop: &stop,
            ticks: self.every.map(Ticks::new),
            shown: None,
            is_incomplete: false,
            out: Vec::new(),
        };
        let ended = match input {
            Input::Captures(paths, port) => printer.replay(paths, *port),
            Input::Sockets(address, workers) => printer.listen(input::bind(*address, *workers)?),
        };
        let totals = shared.totals();
        printer.show_last(&totals)?;
        let is_all_read = ended?.is_continue();
        report_malformed(&totals);
        if totals.last.is_some() && self.prometheus.is_some() && is_all_read {
            report!("end of input; metrics are served until Ctrl-C");
            input::wait_for_stop(&stop);
        }
        Ok(match totals.last {
            _ if printer.is_incomplete => Outcome::Incomplete,
            Some(_) => Outcome::Complete,
            None => Outcome::NoDatagrams,
        })
    }

    fn registry(&self, config: Config) -> anyhow::Result<Registry> {
        let mut registry = Registry::new(config);
        registry.group_containers_by(swarm::service_of);
        if let Some(view) = &self.view {
            view.prepare(&mut registry)?;
        }
        Ok(registry)
    }
}

/// Prints results when they are due.
struct Printer<'r> {
    run: &'r Run,
    shared: &'r Shared,
    stop: &'r Stop,
    ticks: Option<Ticks>,
    /// Time of the last results.
    shown: Option<SystemTime>,
    /// Whether a file could not be read completely.
    is_incomplete: bool,
    out: Vec<u8>,
}

impl Printer<'_> {
    /// Reads captures, and prints results at the times of their datagrams. Breaks like
    /// [`listen`](Self::listen).
    fn replay(&mut self, paths: &[PathBuf], port: Port) -> anyhow::Result<ControlFlow<()>> {
        let stop = self.stop;
        input::replay(paths, port, stop, |event| match event {
            Event::Datagram(received) => {
                let shown = self.show_due(received.received_at)?;
                if shown.is_continue() {
                    self.shared.ingest(0, received);
                }
                Ok(shown)
            }
            Event::Unreadable(error) => {
                report!("{error:#}");
                self.is_incomplete = true;
                Ok(ControlFlow::Continue(()))
            }
        })
    }

    /// Receives with one thread for each socket, and prints results in this thread. Breaks when the
    /// program is requested to stop, or the output is closed.
    fn listen(&mut self, receivers: Vec<UdpReceiver>) -> anyhow::Result<ControlFlow<()>> {
        let is_ended = AtomicBool::new(false);
        let (shared, stop) = (self.shared, self.stop);
        let is_ended = &is_ended;
        thread::scope(|scope| {
            let receive = |(worker, receiver): (usize, UdpReceiver)| {
                let until = || stop.is_requested() || is_ended.load(Ordering::Relaxed);
                let receive = move || input::receive(receiver, worker, shared, until);
                let name = format!("worker {worker}");
                thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, receive)
            };
            let workers: io::Result<Vec<_>> =
                receivers.into_iter().enumerate().map(receive).collect();
            let printed = workers.map_err(anyhow::Error::from).and_then(|workers| {
                let printed =
                    self.print_until(|| workers.iter().any(ScopedJoinHandle::is_finished));
                is_ended.store(true, Ordering::Relaxed);
                for worker in workers {
                    worker.join().map_err(|_| anyhow!("a worker panicked"))??;
                }
                printed
            });
            // Also if a thread could not be started.
            is_ended.store(true, Ordering::Relaxed);
            printed
        })
    }

    fn print_until(&mut self, is_ended: impl Fn() -> bool) -> anyhow::Result<ControlFlow<()>> {
        while !self.stop.is_requested() && !is_ended() {
            let now = SystemTime::now();
            if self.show_due(now)?.is_break() {
                break;
            }
            let next = self.ticks.as_ref().and_then(Ticks::next);
            let until_next = next.and_then(|next| next.duration_since(now).ok());
            thread::sleep(until_next.map_or(POLL_INTERVAL, |until| until.min(POLL_INTERVAL)));
        }
        Ok(ControlFlow::Break(()))
    }

    /// Prints the results that are due at this time of the stream.
    fn show_due(&mut self, now: SystemTime) -> anyhow::Result<ControlFlow<()>> {
        while let Some(due) = self.ticks.as_mut().and_then(|ticks| ticks.due(now)) {
            if self.stop.is_requested() || self.show(due)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.shown = Some(due);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Prints the results after the last datagram, unless they are printed already.
    fn show_last(&mut self, totals: &Totals) -> anyhow::Result<()> {
        if let Some(last) = totals.last
            && self.shown != Some(last)
        {
            // The input has ended, so that a closed output changes nothing.
            let _: ControlFlow<()> = self.show(last)?;
        }
        Ok(())
    }

    fn show(&mut self, at: SystemTime) -> anyhow::Result<ControlFlow<()>> {
        self.out.clear();
        for mut telemetry in self.shared.each() {
            telemetry.registry.expire(at.into());
        }
        if let Some(view) = &self.run.view {
            view.write(self.shared, at, self.run.is_json, &mut self.out)?;
        }
        // Without a lock: standard output may be slow, and neither receivers nor scrapes must wait
        // for it.
        let mut stdout = io::stdout().lock();
        match stdout.write_all(&self.out).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // The reader has closed the pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error).context("cannot write to standard output"),
        }
    }
}

fn report_malformed(totals: &Totals) {
    let names = match totals.protocols.total() {
        0 => String::new(),
        _ => format!(": {}", totals.protocols),
    };
    match totals.malformed {
        0 => {}
        1 => report!("1 datagram was not sFlow version 5{names}"),
        number => report!("{number} datagrams were not sFlow version 5{names}"),
    }
}

/// Limits of a registry, with which the program uses less than 128 MiB, responses to scrapes included,
/// and less than 80 MiB for each further worker.
fn bounds() -> Config {
    Config::default().with(|config| {
        config.max_bytes = 44 << 20;
        config.max_bytes_per_sender = 32 << 20;
        config.max_bytes_per_agent = 16 << 20;
        config.max_flow_bytes = 16 << 20;
        config.max_flow_addresses = 50_000;
        config.max_flow_sources = 50_000;
        // Shared by the workers, whose distinct counts are merged.
        config.hash_key = Some(HashKey::random());
    })
}
