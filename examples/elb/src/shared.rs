//! A value that several tasks use, each for a short time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sflow_autoscale::observe::{Telemetry, TelemetryAccess};

/// A shared value behind a mutex. The guard must not be held across an `await`.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// Shares a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// Locks the value. A poisoned lock is used like any other: values are never left partially
    /// updated.
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
