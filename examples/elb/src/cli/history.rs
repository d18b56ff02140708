use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use serde_json::Value;
use sflow_metrics::Timestamp;
use untrusted::printable;

use super::say;
use crate::config::{Config, long_duration};
use crate::format::{log_time, unix};
use crate::history::Reader;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File of the history; this or --config is required.
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    path: Option<PathBuf>,

    /// Configuration that names the file of the history.
    #[arg(long, value_name = "FILE", conflicts_with = "path")]
    config: Option<PathBuf>,

    /// Maximum age of the records, such as 90m, 1h or 7d.
    #[arg(long, value_name = "AGE", value_parser = age)]
    since: Option<Duration>,

    /// Only records about this service or node pool.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Print one JSON object per record.
    #[arg(long)]
    json: bool,

    /// Print what each round observed, as JSON: the input of the decisions.
    #[arg(long)]
    observations: bool,

    /// Maximum number of records; the newest are printed.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = at_least_one)]
    limit: usize,
}

impl Args {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let path = match (self.path, &self.config) {
            (Some(path), _) => path,
            (None, Some(path)) => {
                let config = Config::load(path).with_context(|| path.display().to_string())?;
                let Some(history) = config.history else {
                    bail!("{}: no [history], so nothing is stored", path.display());
                };
                history.path
            }
            (None, None) => bail!("--path FILE or --config FILE is needed"),
        };
        let now = Timestamp::from(SystemTime::now());
        let since = self.since.map_or(Timestamp::ZERO, |age| now - age);
        let name = self.service.as_deref();
        let reader = Reader::open(&path).with_context(|| path.display().to_string())?;
        if self.observations {
            let inputs = reader.inputs(since)?.into_iter();
            let is_meant = |name: &str| self.service.iter().all(|wanted| wanted == name);
            let inputs = inputs.filter(|it| is_meant(&it.observation.subject.name));
            let inputs: Vec<_> = inputs.collect();
            for inputs in inputs.iter().rev().take(self.limit).rev() {
                say!("{}", serde_json::to_string(inputs)?)?;
            }
            return Ok(());
        }
        let records = reader.records(since, name, self.limit)?;
        if records.is_empty() && !self.json {
            say!("no records")?;
        }
        for record in &records {
            match self.json {
                true => say!("{record}")?,
                false => say!("{}", printable(&line(record)))?,
            }
        }
        Ok(())
    }
}

/// A record as a line: time, kind, outcome or source, explanation.
fn line(record: &Value) -> String {
    let text = |key: &str| record[key].as_str().unwrap_or_default();
    let time = log_time(unix(Timestamp::from_nanos(
        record["time"].as_u64().unwrap_or(0),
    )));
    if text("record") == "decision" {
        let outcome = text("outcome");
        let why = match text("why") {
            "" => String::new(),
            why => format!(": {why}"),
        };
        return format!("{time}  {outcome:<7}  {}{why}", text("words"));
    }
    let subject = match (text("kind"), text("service")) {
        (_, "") => "all services".to_owned(),
        ("pool", name) => format!("pool {name}"),
        (_, name) => name.to_owned(),
    };
    let (mode, source) = (text("mode"), text("source"));
    format!("{time}  mode     {subject}: {mode} ({source})")
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or("expected a number of at least 1")
}

fn age(text: &str) -> Result<Duration, String> {
    long_duration(text).ok_or_else(|| "not an age such as 90m, 1h or 7d".to_owned())
}
