use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::{Log, end_requested, runtime};
use crate::config::{Config, duration};
use crate::diagnose::{EngineFacts, Facts, Finding, Findings, Level, Progress, collect};

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
        let entry = |finding: &Finding| {
            let mut entry = json!({
                "level": finding.level,
                "id": finding.id(),
                "kind": finding.kind,
                "about": finding.about,
                "what": finding.what,
            });
            if let Some(advice) = &finding.advice {
                entry["advice"] = advice.as_str().into();
            }
            entry
        };
        let listened = facts.received().map(|it| it.listened.as_secs_f64());
        let whole = json!({
            "ok": findings.count(Level::Wrong) == 0,
            "listened": listened,
            "findings": findings.iter().map(entry).collect::<Vec<_>>(),
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
        let is_terminal = io::stderr().is_terminal();
        let show = |progress: &Progress| {
            if is_terminal {
                eprint!("\r{}\x1b[K", line(self.listen_for, progress));
                io::stderr().flush().ok();
            }
        };
        let facts = collect(path, config, self.listen_for, end_requested(), show).await;
        if is_terminal {
            eprint!("\r\x1b[K");
        }
        facts
    }
}

/// A progress bar with what was received.
fn line(listen_for: Duration, progress: &Progress) -> String {
    const WIDTH: usize = 20;
    let part = progress.elapsed.as_secs_f64() / listen_for.as_secs_f64();
    let full = ((part * WIDTH as f64) as usize).min(WIDTH);
    let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDTH - full));
    let left = listen_for.saturating_sub(progress.elapsed).as_secs();
    let Progress {
        agents, datagrams, ..
    } = progress;
    let seen = match progress.is_answered {
        false => "querying the managers".to_owned(),
        true => format!(
            "nodes {}/{}, containers {}/{}",
            progress.nodes, progress.of_nodes, progress.containers, progress.of_containers
        ),
    };
    format!("[{bar}] {left} s left: {agents} agents, {datagrams} datagrams; {seen}")
}

/// Parses a duration of at most one hour.
fn time(text: &str) -> Result<Duration, String> {
    match duration(text) {
        Some(time) if time <= Duration::from_secs(3600) => Ok(time),
        Some(_) => Err("the maximum is one hour".to_owned()),
        None => Err("expected a duration such as 30s or 1m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_unit_or_beyond_one_hour_is_refused() {
        for (text, seconds) in [("30s", 30.0), ("1m", 60.0), ("500ms", 0.5), ("0s", 0.0)] {
            assert_eq!(time(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["", "30", "s", "2h", "-1s", "61m", "1.2.3s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn progress_is_one_short_line() {
        let mut progress = Progress {
            elapsed: Duration::from_secs(12),
            datagrams: 57,
            is_answered: true,
            nodes: 2,
            of_nodes: 3,
            containers: 5,
            of_containers: 6,
            ..Progress::default()
        };
        let thirty = Duration::from_secs(30);
        assert_eq!(
            line(thirty, &progress),
            "[########------------] 18 s left: 0 agents, 57 datagrams; nodes 2/3, containers 5/6"
        );
        progress.elapsed = thirty * 2;
        progress.is_answered = false;
        let over = line(thirty, &progress);
        assert!(over.starts_with("[####################] 0 s"), "{over}");
        assert!(over.ends_with("querying the managers"), "{over}");
    }
}
