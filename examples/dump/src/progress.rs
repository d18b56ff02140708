//! How far a large file has been read.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};
use sflow_collector::capture::Capture;

/// Bytes of a file from which on it takes long enough.
const LARGE: u64 = 64 << 20;

/// A bar on standard error, for a large file, and where it disturbs nothing.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For a file of this size; `is_quiet` tells that nothing is written meanwhile.
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

    /// Shows how far a capture has been read, also where it contains no datagrams.
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
