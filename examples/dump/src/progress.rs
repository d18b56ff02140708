//! A progress bar for large files.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};
use sflow_collector::capture::Capture;

/// The size in bytes from which a progress bar is shown.
const LARGE: u64 = 64 << 20;

/// A progress bar on standard error.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows a bar for a large file, if standard error is a terminal and the output does not go to
    /// the same terminal. `is_quiet`: all output is written at the end.
    pub(crate) fn new(name: &str, size: Option<u64>, is_quiet: bool) -> Self {
        let size = size.filter(|size| {
            *size >= LARGE
                && io::stderr().is_terminal()
                && (is_quiet || !io::stdout().is_terminal())
        });
        let bar = size.map(|size| {
            let bar = ProgressBar::new(size);
            let style = ProgressStyle::with_template(
                "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            );
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar.with_prefix(untrusted::printable(name).into_owned())
        });
        Self { bar }
    }

    /// Updates the bar while a capture is read.
    pub(crate) fn watch(&self, capture: Capture) -> Capture {
        match self.bar.clone() {
            Some(bar) => capture.on_progress(move |bytes_read| bar.set_position(bytes_read)),
            None => capture,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
