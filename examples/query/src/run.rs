//! From the feed, through the registry, to what is shown.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sflow_collector::OtherProtocol;
use sflow_collector::replay::Ticks;
use sflow_metrics::{Config, Registry, Timestamp};
use sflow_v5::Datagram;
use stop::Stop;

use crate::feed::{self, Event, Feed};
use crate::prometheus::{self, Shared, Wish};
use crate::show::View;

/// The work of one call.
#[derive(Debug)]
pub(crate) struct Run {
    /// What to print, if anything.
    pub(crate) view: Option<View>,
    /// How often to show it; only at the end if nothing is said.
    pub(crate) every: Option<Duration>,
    pub(crate) is_json: bool,
    /// Who else may look.
    pub(crate) prometheus: Option<Wish>,
}

/// Whether datagrams were received, and whether all files could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Something,
    /// A file is broken or cannot be read; the error is on standard error.
    Incomplete,
    Nothing,
}

impl Run {
    pub(crate) fn run(&self, feed: &Feed) -> anyhow::Result<Heard> {
        let mut registry = Registry::new(bounds());
        if let Some(view) = &self.view {
            view.prepare(&mut registry)?;
        }
        let shared = Shared::new(registry);
        if let Some(wish) = &self.prometheus {
            let listening = prometheus::serve(wish.clone(), shared.clone())?;
            complain(&format_args!("metrics on http://{listening}/metrics"));
        }
        let mut last: Option<SystemTime> = None;
        let mut shown: Option<SystemTime> = None;
        let mut ticks = self.every.map(Ticks::new);
        let mut out = Vec::new();
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        let mut is_incomplete = false;
        let ended = feed.each(&stop, |event| {
            let now = match &event {
                Event::Unreadable(error) => {
                    complain(&format_args!("{error:#}"));
                    is_incomplete = true;
                    return Ok(ControlFlow::Continue(()));
                }
                Event::Datagram(received) => received.received_at,
                Event::Silence(now) => *now,
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
            let world = &mut *shared.lock();
            world.now = timestamp(now);
            if let Event::Datagram(received) = event {
                last = Some(now);
                match Datagram::parse(received.bytes) {
                    Ok(datagram) => {
                        let sender = received.source;
                        world.registry.ingest_from(world.now, sender, &datagram);
                    }
                    Err(_) => {
                        world.malformed += 1;
                        if let Some(protocol) = OtherProtocol::detect(received.bytes) {
                            world.protocols.add(protocol, 1);
                        }
                    }
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        if let Some(last) = last
            && shown != Some(last)
        {
            // Whether somebody still reads makes no difference any more.
            let _: ControlFlow<()> = self.show(&shared, last, &mut out)?;
        }
        let is_all_read = ended?.is_continue();
        let (malformed, protocols) = {
            let world = shared.lock();
            (world.malformed, world.protocols)
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
            complain(&"all is read; metrics stay until Ctrl-C");
            feed::wait_for_stop(&stop);
        }
        Ok(match last {
            _ if is_incomplete => Heard::Incomplete,
            Some(_) => Heard::Something,
            None => Heard::Nothing,
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
        // Whoever reads may be slow; scrapes need not wait for that.
        let mut stdout = io::stdout().lock();
        match stdout.write_all(out).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // Who reads has seen enough.
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

/// Writes a line to standard error, without control characters: names of files may contain these.
/// Errors of writing are ignored.
pub(crate) fn complain(what: &dyn std::fmt::Display) {
    let line = what.to_string();
    writeln!(io::stderr(), "query: {}", untrusted::printable(&line)).ok();
}

/// What senders may make the program keep, so that it stays below 128 MiB with answers to scrapes.
fn bounds() -> Config {
    Config {
        max_bytes: 44 << 20,
        max_bytes_per_sender: 32 << 20,
        max_bytes_per_agent: 16 << 20,
        max_flow_bytes: 16 << 20,
        max_flow_addresses: 50_000,
        max_flow_sources: 50_000,
        ..Config::default()
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
