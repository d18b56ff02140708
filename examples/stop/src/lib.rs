//! The request to end a program, by SIGINT (Ctrl-C) or SIGTERM.
//!
//! The first signal sets a flag, which loops check, so that the program can complete its output. A
//! program that has not ended [in time](GRACE), because its output is not read or a device does not
//! respond, or that receives a second signal, exits with code 128 plus the number of the signal.
//!
//! SIGHUP is not handled: it ends a program when its terminal is closed, unless the program was
//! started by `nohup`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The time after the first signal in which the program must end.
pub const GRACE: Duration = Duration::from_millis(700);

/// Whether the end of the program was requested.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Starts handling signals.
    ///
    /// # Errors
    ///
    /// If signals cannot be handled, or the thread cannot be started.
    pub fn watch() -> io::Result<Self> {
        Self::watch_with(|| {})
    }

    /// Starts handling signals. `before_exit` is called before the program is ended, for example to
    /// restore the terminal.
    ///
    /// # Errors
    ///
    /// If signals cannot be handled, or the thread cannot be started.
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

    /// The flag that a signal sets.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
