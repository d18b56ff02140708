//! Panics and endless loops of a decoder.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The maximum time of a decoder for one datagram.
const TIMEOUT: Duration = Duration::from_secs(10);

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `work`. If it panics, returns the message and the place of the panic instead of printing
/// them.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_CAUGHT.get() {
                return print(panic);
            }
            let payload = panic.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let message = text.or_else(|| payload.downcast_ref().map(String::as_str));
            let message = message.unwrap_or("panic").to_owned();
            let place = panic.location().map(|place| format!(" at {place}"));
            MESSAGE.replace(message + &place.unwrap_or_default());
        }));
    });
    IS_CAUGHT.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(false);
    result.map_err(|_| MESSAGE.take())
}

/// Ends the process if a decoder does not return.
pub(super) struct Watch(Arc<Mutex<Current>>);

enum Current {
    Idle,
    Decodes { since: Instant, input: String },
    Finished,
}

impl Watch {
    pub(super) fn new(decoder: &str) -> Self {
        let current = Arc::new(Mutex::new(Current::Idle));
        let watched = Arc::clone(&current);
        let decoder = decoder.to_owned();
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(500));
                match &*watched.lock().unwrap_or_else(PoisonError::into_inner) {
                    Current::Decodes { since, input } if since.elapsed() > TIMEOUT => {
                        eprintln!("{decoder}: no result after {TIMEOUT:?} for {input}");
                        process::exit(1);
                    }
                    Current::Finished => break,
                    _ => {}
                }
            }
        });
        Self(current)
    }

    pub(super) fn begin(&self, input: &str) {
        self.set(Current::Decodes {
            since: Instant::now(),
            input: input.to_owned(),
        });
    }

    pub(super) fn end(&self) {
        self.set(Current::Idle);
    }

    fn set(&self, current: Current) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = current;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.set(Current::Finished);
    }
}
