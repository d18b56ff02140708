//! From the feed, through the registry, to what is shown.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sflow_metrics::{Config, Registry, Timestamp};
use sflow_v5::Datagram;

use crate::feed::{Event, Feed};
use crate::show::View;

/// The work of one call.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) view: View,
    /// How often to show it; only at the end if nothing is said.
    pub(crate) every: Option<Duration>,
    pub(crate) is_json: bool,
}

/// Whether anything was there to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Something,
    Nothing,
}

impl Run {
    pub(crate) fn run(&self, feed: &Feed) -> anyhow::Result<Heard> {
        let mut registry = Registry::new(Config::default());
        self.view.prepare(&mut registry)?;
        let mut last: Option<SystemTime> = None;
        let mut next: Option<SystemTime> = None;
        let mut refused = 0u64;
        let mut out = Vec::new();
        let ended = feed.each(|event| {
            let now = match &event {
                Event::Datagram(received) => received.received_at,
                Event::Silence(now) => *now,
            };
            if let Some(every) = self.every {
                let due = next.get_or_insert_with(|| now + every);
                while *due <= now {
                    if self.show(&mut registry, *due, &mut out)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    *due += every;
                }
            }
            if let Event::Datagram(received) = event {
                last = Some(now);
                match Datagram::parse(received.bytes) {
                    Ok(datagram) => {
                        registry.ingest(timestamp(now), received.source.ip(), &datagram);
                    }
                    Err(_) => refused += 1,
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        if let Some(last) = last
            && (self.every.is_none() || next.is_some_and(|next| next > last))
        {
            // Whether somebody still reads makes no difference any more.
            let _: ControlFlow<()> = self.show(&mut registry, last, &mut out)?;
        }
        ended?;
        if refused > 0 {
            complain(&format_args!(
                "{refused} datagrams were not sFlow version 5"
            ));
        }
        Ok(last.map_or(Heard::Nothing, |_| Heard::Something))
    }

    fn show(
        &self,
        registry: &mut Registry,
        at: SystemTime,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<ControlFlow<()>> {
        let now = timestamp(at);
        registry.expire(now);
        out.clear();
        self.view.write(registry, now, at, self.is_json, out)?;
        let mut stdout = io::stdout().lock();
        match stdout.write_all(out).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            // Who reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error).context("cannot write to standard output"),
        }
    }
}

/// A line on standard error; that nobody reads it changes nothing.
pub(crate) fn complain(what: &dyn std::fmt::Display) {
    writeln!(io::stderr(), "query: {what}").ok();
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::from(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
