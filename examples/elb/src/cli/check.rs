use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use serde_json::json;
use sflow_metrics::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Log, end_requested, runtime};
use crate::check::{
    EngineFacts, Facts, Findings, Level, Listening, NotListening, Progress, TelemetryFacts,
    ask_engines,
};
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Path of the configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Maximum time to listen for agents, such as `30s` or `1m`; 0s disables listening.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    listen_for: Duration,

    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("error")?;
        let facts = runtime()?.block_on(self.collect());
        let findings = Findings::of(&facts);
        self.print(&findings, &facts)?;
        match findings.count(Level::Wrong) {
            0 => Ok(()),
            1 => bail!("1 problem found"),
            wrong => bail!("{wrong} problems found"),
        }
    }

    fn print(&self, findings: &Findings, facts: &Facts) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if !self.json {
            return write!(out, "{findings}");
        }
        let telemetry = facts
            .telemetry
            .as_ref()
            .and_then(|telemetry| telemetry.as_ref().ok());
        let whole = json!({
            "ok": findings.count(Level::Wrong) == 0,
            "listened": telemetry.map(|telemetry| telemetry.listened.as_secs_f64()),
            "findings": findings,
        });
        let whole = untrusted::json::to_string_pretty(&whole)?;
        writeln!(out, "{whole}")
    }

    async fn collect(&self) -> Facts {
        let path = self.config.display().to_string();
        let config = match Config::load(&self.config) {
            Ok(config) => config,
            Err(error) => {
                return Facts {
                    configuration: Err(error),
                    path,
                    engines: EngineFacts::default(),
                    telemetry: None,
                };
            }
        };
        let (engines, telemetry) = gather(&config, self.listen_for).await;
        Facts {
            configuration: Ok(config),
            path,
            engines,
            telemetry,
        }
    }
}

type MaybeTelemetry = Option<Result<TelemetryFacts, NotListening>>;

/// Listens while the engines are queried, until all expected data was received, the time is over,
/// or Ctrl-C.
async fn gather(config: &Config, listen_for: Duration) -> (EngineFacts, MaybeTelemetry) {
    if listen_for.is_zero() {
        return (ask_engines(config).await, None);
    }
    let mut listening = match Listening::begin(&config.collector, now()) {
        Ok(listening) => listening,
        Err(why) => return (ask_engines(config).await, Some(Err(why))),
    };
    let begun = Instant::now();
    let bar = Bar::new(listen_for);
    let mut asking = Box::pin(ask_engines(config));
    let mut answer: Option<EngineFacts> = None;
    let mut end = std::pin::pin!(end_requested());
    let mut tick = interval(Duration::from_millis(250));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            received = listening.receive() => {
                // A temporary socket error must not end the check; a permanent one ends it with the
                // time limit.
                if received.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            engines = &mut asking, if answer.is_none() => answer = Some(engines),
            _ = tick.tick() => {
                let telemetry = telemetry_facts(&listening, config, answer.as_ref());
                let progress = answer.as_ref().map(|engines| Progress::of(&telemetry, engines));
                bar.draw(begun.elapsed(), &telemetry, progress);
                let is_over = begun.elapsed() >= listen_for && answer.is_some();
                if is_over || progress.is_some_and(Progress::is_complete) {
                    break;
                }
            }
            () = &mut end => break,
        }
    }
    bar.clear();
    drop(asking);
    let telemetry = telemetry_facts(&listening, config, answer.as_ref());
    (answer.unwrap_or_default(), Some(Ok(telemetry)))
}

/// Facts about the telemetry received so far, for the services known so far.
fn telemetry_facts(
    listening: &Listening,
    config: &Config,
    engines: Option<&EngineFacts>,
) -> TelemetryFacts {
    let managed = engines.map(|engines| engines.managed_services(config));
    listening.facts(now(), &managed.unwrap_or_default(), engines)
}

/// Draws a progress bar if standard error is a terminal.
struct Bar {
    listen_for: Duration,
    is_terminal: bool,
}

impl Bar {
    fn new(listen_for: Duration) -> Self {
        Self {
            listen_for,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    fn draw(&self, passed: Duration, telemetry: &TelemetryFacts, progress: Option<Progress>) {
        if self.is_terminal {
            let line = line(passed, self.listen_for, telemetry, progress);
            eprint!("\r{line}\x1b[K");
            io::stderr().flush().ok();
        }
    }

    fn clear(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
            io::stderr().flush().ok();
        }
    }
}

fn line(
    passed: Duration,
    listen_for: Duration,
    telemetry: &TelemetryFacts,
    progress: Option<Progress>,
) -> String {
    const WIDTH: usize = 20;
    let part = passed.as_secs_f64() / listen_for.as_secs_f64();
    let full = ((part * WIDTH as f64) as usize).min(WIDTH);
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH - full));
    let left = listen_for.saturating_sub(passed).as_secs();
    let (agents, datagrams) = (telemetry.agents.len(), telemetry.datagrams);
    let seen = progress.map_or_else(
        || "querying the managers".to_owned(),
        |seen| {
            format!(
                "nodes {}/{}, containers {}/{}",
                seen.nodes, seen.of_nodes, seen.containers, seen.of_containers
            )
        },
    );
    format!("[{bar}] {left} s left: {agents} agents, {datagrams} datagrams; {seen}")
}

/// Parses a duration in the configuration's format.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("expected a number with the unit ms, s or m, such as 30s".to_owned()),
    };
    let seconds = number.parse::<f64>().map(|number| number * factor);
    let seconds = seconds.map_err(|error| error.to_string())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time <= Duration::from_secs(3600) => Ok(time),
        _ => Err("the maximum is one hour".to_owned()),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from(since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in [("30s", 30.0), ("1m", 60.0), ("500ms", 0.5), ("0s", 0.0)] {
            assert_eq!(time(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "30", "s", "1h", "-1s", "61m", "1.2.3s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn progress_is_one_short_line() {
        let telemetry = TelemetryFacts {
            datagrams: 57,
            ..TelemetryFacts::default()
        };
        let progress = Progress {
            nodes: 2,
            of_nodes: 3,
            containers: 5,
            of_containers: 6,
            is_sampled: false,
        };
        let thirty = Duration::from_secs(30);
        assert_eq!(
            line(Duration::from_secs(12), thirty, &telemetry, Some(progress)),
            "[########------------] 18 s left: 0 agents, 57 datagrams; nodes 2/3, containers 5/6"
        );
        assert!(
            line(thirty * 2, thirty, &telemetry, None).starts_with("[####################] 0 s")
        );
    }
}
