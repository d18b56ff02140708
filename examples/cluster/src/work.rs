//! Reads partitions of the log into registries.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use sflow_collector::kafka::{Envelope, Event, Source, SourceSettings, SourceStats, Start};
use sflow_metrics::query::{Query, Window};
use sflow_metrics::{Config, HashKey, flow};
use stop::Stop;
use untrusted::report;

use crate::partitions::Partitions;
use crate::server;

/// The maximum time in which a request to stop is noticed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How often the number of partitions is requested until it is known.
const METADATA_INTERVAL: Duration = Duration::from_secs(1);
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// The minimum replay: agents are removed after ten minutes without a datagram.
const SHORTEST_REPLAY: Duration = Duration::from_secs(600);
/// Added to every replay, for agents whose clocks and intervals differ.
const REPLAY_MARGIN: Duration = Duration::from_secs(60);

/// How much of a partition is read again when it is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    All,
    Last(Duration),
}

#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) group: String,
    pub(crate) member: Option<String>,
    pub(crate) envelope: Envelope,
    /// `None`: what the queries and flows need.
    pub(crate) replay: Option<Replay>,
    pub(crate) flows: Vec<flow::Definition>,
    pub(crate) watched: Vec<Query>,
    pub(crate) hash_key: HashKey,
    pub(crate) http: SocketAddr,
}

impl Work {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let start = match self.replay {
            Some(Replay::All) => Start::Oldest,
            Some(Replay::Last(duration)) => Start::Before(duration),
            None => Start::Before(needed_replay(&self.flows, &self.watched)),
        };
        let settings = SourceSettings::new(&self.brokers, &self.topic, &self.group);
        let settings = settings.with(|settings| {
            settings.member.clone_from(&self.member);
            settings.envelope = self.envelope;
            settings.start = start;
            settings.options.clone_from(&self.options);
        });
        let config = Config::default().with(|config| config.hash_key = Some(self.hash_key));
        let partitions = Partitions::new(config, self.flows, self.watched)?;
        let listener = TcpListener::bind(self.http)
            .with_context(|| format!("cannot answer on {}", self.http))?;
        let listening = listener.local_addr()?;
        server::serve(listener, partitions.clone())?;
        report!("answering on {listening}");
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        read(Source::subscribe(&settings)?, &partitions, &stop)
    }
}

fn read(mut source: Source, partitions: &Partitions, stop: &Stop) -> anyhow::Result<()> {
    let mut is_total_known = false;
    let mut next_total = Instant::now();
    let mut next_report = Instant::now() + REPORT_INTERVAL;
    let mut reported = SourceStats::default();
    while !stop.is_requested() {
        if !is_total_known && Instant::now() >= next_total {
            // The brokers may not respond yet.
            if let Ok(total) = source.partitions(METADATA_INTERVAL) {
                partitions.set_total(total);
                is_total_known = true;
            }
            next_total = Instant::now() + METADATA_INTERVAL;
        }
        let mut result = Ok(());
        source.poll(POLL_INTERVAL, |event| match event {
            Event::Assigned { partition } => {
                report!("partition {partition} assigned");
                result = partitions.assign(partition, SystemTime::now());
            }
            Event::Revoked { partition } => {
                report!("partition {partition} revoked");
                partitions.revoke(partition);
            }
            Event::Datagram {
                partition,
                received,
            } => partitions.ingest(partition, received, SystemTime::now()),
            Event::End { partition } => partitions.reach_end(partition),
            _ => {}
        })?;
        result?;
        if Instant::now() >= next_report {
            next_report += REPORT_INTERVAL;
            let stats = source.stats();
            report_losses(&stats, &reported);
            reported = stats;
        }
    }
    report_losses(&source.stats(), &reported);
    Ok(())
}

/// Prints new losses and errors.
fn report_losses(stats: &SourceStats, reported: &SourceStats) {
    if stats.rejected != reported.rejected {
        report!("rejected records: {}", stats.rejected);
    }
    if stats.skipped != reported.skipped {
        report!("{} records expired before they were read", stats.skipped);
    }
    if stats.errors != reported.errors
        && let Some(last) = &stats.errors.last
    {
        report!("{} errors of the log, last: {last}", stats.errors.count);
    }
}

/// The time after which the state of a registry no longer depends on earlier datagrams.
fn needed_replay(flows: &[flow::Definition], watched: &[Query]) -> Duration {
    // Of an exponential decay, after 16 time constants a ten-millionth is left.
    let smoothing = flows.iter().filter_map(flow::Definition::smoothing);
    let smoothing = smoothing.map(|constant| constant.saturating_mul(16));
    let windows = flows.iter().filter_map(flow::Definition::window);
    let windows = windows.chain(watched.iter().filter_map(Query::window).map(Window::length));
    // The last complete one, and the current one.
    let windows = windows.map(|length| length.saturating_mul(2));
    let longest = smoothing.chain(windows).max().unwrap_or_default();
    longest.max(SHORTEST_REPLAY).saturating_add(REPLAY_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replay_covers_smoothing_and_windows() {
        let needed = |flows: &[&str], watched: &[&str]| {
            let flows: Vec<_> = flows.iter().map(|it| it.parse().unwrap()).collect();
            let watched: Vec<_> = watched.iter().map(|it| it.parse().unwrap()).collect();
            needed_replay(&flows, &watched).as_secs()
        };
        assert_eq!(needed(&[], &[]), 660);
        assert_eq!(
            needed(&["keys=ip.src;value=bytes"], &["avg:load_one[1m]"]),
            660
        );
        assert_eq!(needed(&["keys=ip.src;value=bytes;smooth=60s"], &[]), 1_020);
        assert_eq!(
            needed(&["keys=ip.src;value=bytes[10m tumbling]"], &[]),
            1_260
        );
        assert_eq!(
            needed(&[], &["avg:load_one[1m]", "avg:load_one[30m]"]),
            3_660
        );
    }
}
