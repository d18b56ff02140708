//! Passes datagrams to the registry, and prints results when they are due.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sflow_collector::OtherProtocol;
use sflow_collector::replay::Ticks;
use sflow_metrics::{Config, Registry, Timestamp};
use sflow_v5::Datagram;
use stop::Stop;

use crate::input::{self, Event, Input};
use crate::prometheus::{self, Settings, Shared};
use crate::show::View;

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
        let mut registry = Registry::new(bounds());
        if let Some(view) = &self.view {
            view.prepare(&mut registry)?;
        }
        let shared = Shared::new(registry);
        if let Some(settings) = &self.prometheus {
            let listening = prometheus::serve(settings.clone(), shared.clone())?;
            complain(&format_args!("metrics on http://{listening}/metrics"));
        }
        let mut last: Option<SystemTime> = None;
        let mut shown: Option<SystemTime> = None;
        let mut ticks = self.every.map(Ticks::new);
        let mut out = Vec::new();
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        let mut is_incomplete = false;
        let ended = input.each(&stop, |event| {
            let now = match &event {
                Event::Unreadable(error) => {
                    complain(&format_args!("{error:#}"));
                    is_incomplete = true;
                    return Ok(ControlFlow::Continue(()));
                }
                Event::Datagram(received) => received.received_at,
                Event::Idle(now) => *now,
                Event::KernelDrops(drops) => {
                    shared.lock().kernel_drops = Some(*drops);
                    return Ok(ControlFlow::Continue(()));
                }
            };
            while let Some(due) = ticks.as_mut().and_then(|ticks| ticks.due(now)) {
                if stop.is_requested() || self.show(&shared, due, &mut out)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                shown = Some(due);
            }
            let telemetry = &mut *shared.lock();
            telemetry.now = timestamp(now);
            if let Event::Datagram(received) = event {
                last = Some(now);
                match Datagram::parse(received.bytes) {
                    Ok(datagram) => {
                        let sender = received.source;
                        telemetry
                            .registry
                            .ingest_from(telemetry.now, sender, &datagram);
                    }
                    Err(_) => {
                        telemetry.malformed += 1;
                        if let Some(protocol) = OtherProtocol::detect(received.bytes) {
                            telemetry.protocols.add(protocol, 1);
                        }
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        if let Some(last) = last
            && shown != Some(last)
        {
            // The input has ended, so that a closed output changes nothing.
            let _: ControlFlow<()> = self.show(&shared, last, &mut out)?;
        }
        let is_all_read = ended?.is_continue();
        let (malformed, protocols) = {
            let telemetry = shared.lock();
            (telemetry.malformed, telemetry.protocols)
        };
        if malformed > 0 {
            let names = match protocols.total() {
                0 => String::new(),
                _ => format!(": {protocols}"),
            };
            let what = match malformed {
                1 => "datagram was",
                _ => "datagrams were",
            };
            complain(&format_args!(
                "{malformed} {what} not sFlow version 5{names}"
            ));
        }
        if last.is_some() && self.prometheus.is_some() && is_all_read {
            complain(&"end of input; metrics are served until Ctrl-C");
            input::wait_for_stop(&stop);
        }
        Ok(match last {
            _ if is_incomplete => Outcome::Incomplete,
            Some(_) => Outcome::Complete,
            None => Outcome::NoDatagrams,
        })
    }

    fn show(
        &self,
        shared: &Shared,
        at: SystemTime,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<ControlFlow<()>> {
        out.clear();
        self.render(&mut shared.lock().registry, at, out)?;
        // Without the lock: standard output may be slow, and scrapes must not wait for it.
        let mut stdout = io::stdout().lock();
        match stdout.write_all(out).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // The reader has closed the pipe.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error).context("cannot write to standard output"),
        }
    }

    fn render(
        &self,
        registry: &mut Registry,
        at: SystemTime,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let now = timestamp(at);
        registry.expire(now);
        match &self.view {
            Some(view) => view.write(registry, now, at, self.is_json, out),
            None => Ok(()),
        }
    }
}

/// Writes a line to standard error, without control characters: file names may contain these.
/// Write errors are ignored.
pub(crate) fn complain(what: &dyn std::fmt::Display) {
    let line = what.to_string();
    writeln!(io::stderr(), "query: {}", untrusted::printable(&line)).ok();
}

/// Limits of the registry, with which the program uses less than 128 MiB, responses to scrapes
/// included.
fn bounds() -> Config {
    Config::default().with(|config| {
        config.max_bytes = 44 << 20;
        config.max_bytes_per_sender = 32 << 20;
        config.max_bytes_per_agent = 16 << 20;
        config.max_flow_bytes = 16 << 20;
        config.max_flow_addresses = 50_000;
        config.max_flow_sources = 50_000;
    })
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
