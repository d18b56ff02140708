use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Polls `probe` until it returns a value; fails after `within`.
pub(crate) fn until<T>(what: &str, within: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        sleep(Duration::from_millis(200));
    }
}

/// Waits until a condition has held without a break for `lasting`.
pub(crate) fn until_steady(
    what: &str,
    lasting: Duration,
    within: Duration,
    mut holds: impl FnMut() -> bool,
) {
    let mut since: Option<Instant> = None;
    until(what, within, || {
        since = match (holds(), since) {
            (true, None) => Some(Instant::now()),
            (true, since) => since,
            (false, _) => None,
        };
        (since?.elapsed() >= lasting).then_some(())
    });
}

/// Runs the assertions in `probe` repeatedly for `lasting`.
pub(crate) fn throughout(lasting: Duration, mut probe: impl FnMut()) {
    let begun = Instant::now();
    while begun.elapsed() < lasting {
        probe();
        sleep(Duration::from_millis(250));
    }
}
