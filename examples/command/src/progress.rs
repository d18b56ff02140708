use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The time after which progress is shown.
const DELAY: Duration = Duration::from_secs(2);

/// The progress of reading a file, on standard error: shown after two seconds, and only if standard
/// error is a terminal.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// `size` is in bytes, `None` if unknown. `is_quiet`: nothing else is written to the terminal
    /// meanwhile.
    pub fn new(name: &str, size: Option<u64>, is_quiet: bool) -> Self {
        if !io::stderr().is_terminal() || !is_quiet {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::hidden());
        let template = match size {
            Some(_) => "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{prefix} {spinner} {bytes} {bytes_per_sec} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(Some(
            bar.with_prefix(untrusted::printable(name).into_owned()),
        ))
    }

    /// A function that updates the progress with the number of bytes read; `None` if it is never
    /// shown.
    pub fn reporter(&self) -> Option<impl FnMut(u64) + Send + use<>> {
        let bar = self.0.clone()?;
        let start = Instant::now();
        Some(move |bytes_read| {
            if bar.is_hidden() && start.elapsed() >= DELAY {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            bar.set_position(bytes_read);
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
