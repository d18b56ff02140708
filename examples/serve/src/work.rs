//! Runs long work on other threads, so that it does not block the thread of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use crate::Problem;

/// The maximum number of concurrent jobs of a server.
const JOBS: usize = 2;
/// The maximum time that a request waits for the jobs of others.
const WAIT: Duration = Duration::from_secs(5);

/// The work that one request costs. [`limit_clients`](crate::limit_clients) adds it to each request's
/// extensions and charges the client for it.
#[derive(Clone, Debug)]
pub struct Work {
    jobs: Arc<Semaphore>,
    nanoseconds: Arc<AtomicU64>,
}

impl Work {
    pub(crate) fn new(jobs: Arc<Semaphore>) -> Self {
        Self {
            jobs,
            nanoseconds: Arc::default(),
        }
    }

    /// The limit that all requests of one server share.
    pub(crate) fn jobs() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(JOBS))
    }

    /// Runs a job on another thread; at most two run at a time. A job runs to its end even if the
    /// client disconnects.
    ///
    /// # Errors
    ///
    /// If other jobs take longer than five seconds to end (503), or if the job panics.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.jobs).acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?;
        let nanoseconds = Arc::clone(&self.nanoseconds);
        let job = move || {
            let begun = Instant::now();
            let result = job();
            let taken = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            nanoseconds.fetch_add(taken, Ordering::Relaxed);
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| failed())
    }

    pub(crate) fn taken(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The server is busy with other requests.",
        "Try again later.",
    )
    .header(RETRY_AFTER, HeaderValue::from(WAIT.as_secs()))
}

fn failed() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The request failed because of an error in this program.",
        "Report it with the log of this program.",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use axum::response::IntoResponse as _;

    use super::*;

    /// Virtual time does not pass while a job runs, so that none runs here.
    #[tokio::test(start_paused = true)]
    async fn job_is_rejected_with_retry_after_while_two_run() {
        let work = Work::new(Work::jobs());
        let _running = work.jobs.acquire_many(2).await.unwrap();
        let response = work.run(|| 3).await.unwrap_err().into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "5");
    }

    /// On one thread, other tasks run while a job blocks, and a third job waits.
    #[tokio::test]
    async fn blocking_job_does_not_block_other_tasks() {
        let work = Work::new(Work::jobs());
        let (release, released) = mpsc::channel::<()>();
        let (other_release, other_released) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let work = work.clone();
            async move { work.run(move || released.recv()).await }
        });
        let second = tokio::spawn({
            let work = work.clone();
            async move { work.run(move || other_released.recv()).await }
        });
        while work.jobs.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let third = tokio::spawn({
            let work = work.clone();
            async move { work.run(|| 3).await }
        });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        release.send(()).unwrap();
        assert_eq!(third.await.unwrap().unwrap(), 3);
        other_release.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        second.await.unwrap().unwrap().unwrap();
        assert!(work.taken() > Duration::ZERO);
        assert!(
            work.run(|| panic!("a failing job"))
                .await
                .map(|(): ()| ())
                .is_err()
        );
    }
}
