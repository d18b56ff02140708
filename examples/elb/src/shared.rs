//! A value that several tasks look into, each for a moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sflow_autoscale::observe::{Telemetry, TelemetryAccess};

/// One value with several owners. Whoever holds the guard keeps the others waiting: never
/// across an `await`.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Shares it.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// The value, for as long as the guard lives. What a panic elsewhere left is as good as
    /// anything: no value here is ever half written.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TelemetryAccess for Shared<Telemetry> {
    fn with<R>(&mut self, f: impl FnOnce(&mut Telemetry) -> R) -> R {
        f(&mut self.lock())
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
