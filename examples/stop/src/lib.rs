//! The request to end a program, by SIGINT (Ctrl-C) or SIGTERM.
//!
//! The first signal is recorded, and loops look at it: output is finished, and what was received
//! is still shown. A program that has not ended [in time](GRACE), because its output is not read or
//! a device does not respond, or that receives a second signal, ends with exit code 128 plus the
//! signal's number.
//!
//! SIGHUP is left as it is: it ends a program at once when its terminal is closed, unless the
//! program was started by `nohup`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a program may take to end by itself after the first signal.
pub const GRACE: Duration = Duration::from_millis(700);

/// Whether the end of the program was requested.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Records requests from now on.
    ///
    /// # Errors
    ///
    /// If signals cannot be handled, or there can be no thread.
    pub fn watch() -> io::Result<Self> {
        Self::watch_with(|| {})
    }

    /// The same; `before_exit` is called if the program has not ended in time, for example to
    /// restore the terminal.
    ///
    /// # Errors
    ///
    /// If signals cannot be handled, or there can be no thread.
    pub fn watch_with(before_exit: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let stop = Self::default();
        let requested = stop.flag();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let wait = move || {
            let Some(signal) = signals.forever().next() else {
                return;
            };
            requested.store(true, Ordering::Relaxed);
            let began = Instant::now();
            while began.elapsed() < GRACE && signals.pending().next().is_none() {
                thread::sleep(Duration::from_millis(20));
            }
            before_exit();
            std::process::exit(128 + signal);
        };
        thread::Builder::new().name("stop".to_owned()).spawn(wait)?;
        Ok(stop)
    }

    /// Whether the end was requested.
    #[inline]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag that a request sets.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
