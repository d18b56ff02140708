use agent::{Settings, run};

use super::{Log, end_requested, runtime};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    settings: Settings,
}

impl Args {
    pub(super) fn run(self, log: &Log) -> anyhow::Result<()> {
        log.to_stderr("info")?;
        runtime()?.block_on(async { run(self.settings, end_requested()).await })
    }
}
