use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The time after which progress is shown.
const DELAY: Duration = Duration::from_secs(2);

/// The progress of reading a file, on standard error: shown after two seconds, and only if standard
/// error is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    start: Instant,
}

impl Progress {
    /// `size` is in bytes, `None` if unknown. `start` is that of the first of several files.
    /// `is_quiet`: nothing else is written to the terminal meanwhile.
    pub fn new(name: &str, size: Option<u64>, start: Instant, is_quiet: bool) -> Self {
        if !io::stderr().is_terminal() || !is_quiet {
            return Self { bar: None, start };
        }
        let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::hidden());
        let template = match size {
            Some(_) => "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{prefix} {spinner} {bytes} {bytes_per_sec} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let bar = bar.with_prefix(untrusted::printable(name).into_owned());
        Self {
            bar: Some(bar),
            start,
        }
    }

    /// A function that updates the progress with the number of bytes read; `None` if it is never
    /// shown.
    pub fn reporter(&self) -> Option<impl FnMut(u64) + Send + use<>> {
        let bar = self.bar.clone()?;
        let start = self.start;
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
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
