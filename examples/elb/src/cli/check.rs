use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::{Log, end_requested, runtime};
use crate::config::{Config, duration};
use crate::diagnose::{EngineFacts, Facts, Finding, Findings, Level, collect, progress};

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
        let whole = json!({
            "ok": findings.count(Level::Wrong) == 0,
            "listened": facts.received().map(|it| it.listened.as_secs_f64()),
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
                    leader: None,
                    telemetry: None,
                };
            }
        };
        let is_terminal = io::stderr().is_terminal();
        let show = |facts: &Facts, elapsed| {
            if is_terminal {
                eprint!("\r{}\x1b[K", progress(facts, elapsed, self.listen_for));
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

/// Parses a duration of at most one hour.
fn time(text: &str) -> Result<Duration, &'static str> {
    match duration(text) {
        Some(time) if time <= Duration::from_secs(3600) => Ok(time),
        Some(_) => Err("the maximum is one hour"),
        None => Err("expected a duration such as 30s or 1m"),
    }
}
