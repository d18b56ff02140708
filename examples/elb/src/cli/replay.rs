use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use stop::Stop;

use super::{Log, is_closed, runtime};
use crate::config::Config;
use crate::replay::replay;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Capture file (pcap or pcapng, also compressed with gzip, zstd, xz, bzip2 or LZ4), or a
    /// directory of captures, which are read in the order of their names.
    file: PathBuf,

    /// Only this service (repeatable); default: all services in the capture.
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,

    /// Configuration of the policies; default: two thresholds.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Interval between decisions, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    every: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err("must be between 0.1 and 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("warn")?;
        let config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::article(),
        };
        let mut out = BufWriter::new(io::stdout().lock());
        let mut write = |line: &crate::replay::Line| -> anyhow::Result<()> {
            untrusted::json::to_writer(&mut out, line)?;
            out.write_all(b"\n")?;
            Ok(())
        };
        let stop = Stop::watch().context("cannot watch for Ctrl-C")?;
        let played = runtime()?.block_on(replay(
            &stop,
            &self.file,
            &config,
            &self.service,
            self.every,
            &mut write,
        ));
        match played.and_then(|()| Ok(out.flush()?)) {
            // A closed output ends the replay.
            Err(error) if is_closed(&error) => Ok(()),
            result => result,
        }
    }
}
