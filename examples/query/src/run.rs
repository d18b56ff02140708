//! Passes datagrams to the registry, and prints results when they are due.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};
use sflow_collector::Received;
use sflow_collector::capture::Port;
use sflow_collector::replay::Ticks;
use sflow_collector::udp::UdpReceiver;
use sflow_metrics::{Config, HashKey, Registry};
use stop::Stop;
use untrusted::report;

use crate::input::{self, Event, Input, POLL_INTERVAL};
use crate::plot::{self, Panel};
use crate::prometheus::{self, Settings};
use crate::series::Recorder;
use crate::show::{self, Style, View, summary};
use crate::span::{Limits, Position, Span};
use crate::telemetry::{Shared, Totals};

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) view: Option<View>,
    /// The interval between results; `None` prints once, at the end.
    pub(crate) every: Option<Duration>,
    pub(crate) style: Style,
    pub(crate) prometheus: Option<Settings>,
    /// The part of captures that is used.
    pub(crate) span: Span,
    pub(crate) is_to_terminal: bool,
}

/// The time between two values of statistics over a whole capture.
const STEP: Duration = Duration::from_secs(1);

/// The result of a run, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    /// A file is damaged or cannot be read; the error is on standard error.
    Incomplete,
    NoDatagrams,
}

impl Run {
    /// Prints results to `output`, and draws them to `plot`.
    pub(crate) fn run(
        &self,
        input: &Input,
        output: Box<dyn Write>,
        plot: Option<File>,
    ) -> anyhow::Result<Outcome> {
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
        let is_summary = self.every.is_none()
            && matches!(input, Input::Captures(..))
            && matches!(self.view, Some(View::Answers(_)));
        let mut printer = Printer {
            run: self,
            shared: &shared,
            stop: &stop,
            ticks: self.every.or(is_summary.then_some(STEP)).map(Ticks::new),
            shown: None,
            is_incomplete: false,
            out: Vec::new(),
            output,
            limits: None,
            span: None,
            skipped: None,
            is_summary,
            recorder: (is_summary || plot.is_some())
                .then(|| Recorder::new(self.every.unwrap_or(STEP))),
        };
        if let Some(view) = self.view.as_ref().filter(|_| self.style.is_csv) {
            view.csv_titles(&mut printer.out);
        }
        let ended = match input {
            Input::Captures(paths, port) => printer.replay(paths, *port),
            Input::Sockets(address, workers) => printer.listen(input::bind(*address, *workers)?),
        };
        let totals = shared.totals();
        let last = match input {
            Input::Captures(..) => printer.span.map(|(_, last)| last),
            Input::Sockets(..) => totals.last,
        };
        if let Some(last) = last {
            printer.show_last(last)?;
        }
        if let Some(file) = plot {
            printer.plot(file)?;
        }
        let is_all_read = ended?.is_continue();
        report_malformed(&totals);
        if last.is_some() && self.prometheus.is_some() && is_all_read {
            report!("end of input; metrics are served until Ctrl-C");
            input::wait_for_stop(&stop);
        }
        Ok(match last {
            _ if printer.is_incomplete => Outcome::Incomplete,
            Some(_) => Outcome::Complete,
            None => {
                if let Some(limits) = printer.limits {
                    let [first, last] = [limits.first, limits.last].map(show::moment);
                    report!("no datagrams in this time; the captures are from {first} to {last}");
                }
                Outcome::NoDatagrams
            }
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
    output: Box<dyn Write>,
    /// Of a capture, after its first datagram.
    limits: Option<Limits>,
    /// The times of the first and the last datagram of a capture within the limits.
    span: Option<(SystemTime, SystemTime)>,
    /// A time at which no results are printed although they are due.
    skipped: Option<SystemTime>,
    /// Whether statistics over the whole time are printed, at the end.
    is_summary: bool,
    recorder: Option<Recorder>,
}

impl Printer<'_> {
    /// Reads captures, and prints results at the times of their datagrams. Breaks like
    /// [`listen`](Self::listen).
    fn replay(&mut self, paths: &[PathBuf], port: Port) -> anyhow::Result<ControlFlow<()>> {
        let stop = self.stop;
        let is_quiet = self.run.every.is_none() || !self.run.is_to_terminal;
        input::replay(paths, port, stop, is_quiet, |event| match event {
            Event::Datagram(received) => self.datagram(received),
            Event::Unreadable(error) => {
                report!("{error:#}");
                self.is_incomplete = true;
                Ok(ControlFlow::Continue(()))
            }
        })
    }

    /// Handles a datagram of a capture.
    fn datagram(&mut self, received: Received<'_>) -> anyhow::Result<ControlFlow<()>> {
        let at = received.received_at;
        let span = self.run.span;
        let limits = self.limits.get_or_insert_with(|| span.limits(at));
        match limits.position(at) {
            Position::After => return Ok(ControlFlow::Continue(())),
            // The losses of agents are those within the limits.
            Position::Before if matches!(self.run.view, Some(View::Agents)) => {
                return Ok(ControlFlow::Continue(()));
            }
            Position::Before => {
                self.shared.ingest(0, received);
                return Ok(ControlFlow::Continue(()));
            }
            Position::Within => {}
        }
        if let Some((_, last)) = &mut self.span {
            *last = at;
        } else {
            self.span = Some((at, at));
            self.begin(at)?;
        }
        let shown = self.show_due(at)?;
        if shown.is_continue() {
            self.shared.ingest(0, received);
        }
        Ok(shown)
    }

    /// Prepares for the first datagram of a capture within the limits.
    fn begin(&mut self, at: SystemTime) -> anyhow::Result<()> {
        let Some(View::Flows(definition)) = &self.run.view else {
            return Ok(());
        };
        self.shared.restart_flows(definition)?;
        // Intervals of flows begin at multiples of their length. A first one that would be shorter
        // than a tenth is a part of the second.
        if let (Some(every), Some(ticks)) = (self.run.every, &mut self.ticks) {
            let since_epoch = at
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            let into = since_epoch.as_nanos() % every.as_nanos();
            let into = Duration::from_nanos(u64::try_from(into).unwrap_or(0));
            let left = every.saturating_sub(into);
            self.skipped = at.checked_add(left).filter(|_| left < every / 10);
            ticks.due(at.checked_sub(into).unwrap_or(at));
        }
        Ok(())
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
            if self.skipped == Some(due) {
                continue;
            }
            if self.stop.is_requested() || self.show(due)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.shown = Some(due);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Prints the results after the last datagram, unless they are printed already.
    fn show_last(&mut self, last: SystemTime) -> anyhow::Result<()> {
        if self.shown != Some(last) {
            // The input has ended, so that a closed output changes nothing.
            let _: ControlFlow<()> = self.show(last)?;
        }
        if let (true, Some(recorder), Some(View::Answers(query)), Some((since, until))) =
            (self.is_summary, &self.recorder, &self.run.view, self.span)
        {
            summary::write(recorder, query, since, until, self.run.style, &mut self.out)?;
            let _: ControlFlow<()> = self.print()?;
        }
        Ok(())
    }

    fn show(&mut self, at: SystemTime) -> anyhow::Result<ControlFlow<()>> {
        for mut telemetry in self.shared.each() {
            telemetry.registry.expire(at.into());
        }
        let Some(view) = &self.run.view else {
            return Ok(ControlFlow::Continue(()));
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.record(at, view.values(self.shared, at)?);
        }
        if self.is_summary {
            return Ok(ControlFlow::Continue(()));
        }
        view.write(self.shared, at, self.run.style, &mut self.out)?;
        // The next interval of a capture.
        if let (View::Flows(definition), Some(_)) = (view, self.span)
            && definition.smoothing().is_none()
            && definition.window().is_none()
        {
            self.shared.restart_flows(definition)?;
        }
        self.print()
    }

    /// Writes what is formatted.
    fn print(&mut self) -> anyhow::Result<ControlFlow<()>> {
        // Without a lock: the output may be slow, and neither receivers nor scrapes must wait for it.
        let written = self.output.write_all(&self.out);
        self.out.clear();
        match written.and_then(|()| self.output.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if command::is_closed(&error) => Ok(ControlFlow::Break(())),
            Err(error) => Err(error).context("cannot write the output"),
        }
    }

    /// Draws the recorded values.
    fn plot(&self, mut file: File) -> anyhow::Result<()> {
        let style = self.run.style;
        let Some(recorder) = &self.recorder else {
            return Ok(());
        };
        let (title, panels) = match &self.run.view {
            Some(View::Answers(query)) => {
                (query.to_string(), summary::panels(recorder, query, style))
            }
            Some(View::Flows(definition)) => {
                let (factor, unit) = style.unit(&show::unit(definition));
                let lines = recorder
                    .series()
                    .map(|(name, series)| (name.group.clone().unwrap_or_default(), series));
                let lines = lines.collect();
                (
                    definition.to_string(),
                    vec![Panel {
                        unit,
                        factor,
                        lines,
                    }],
                )
            }
            _ => return Ok(()),
        };
        let svg = plot::svg(recorder, &title, panels);
        file.write_all(svg.as_bytes())
            .context("cannot write the chart")
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
