use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What `look` finds, as soon as it finds something.
pub(crate) fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        sleep(Duration::from_millis(200));
    }
}

/// Waits until something has held for so long without a break.
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

/// Looks again and again for so long; `look` is to assert what must hold all the time.
pub(crate) fn throughout(lasting: Duration, mut look: impl FnMut()) {
    let begun = Instant::now();
    while begun.elapsed() < lasting {
        look();
        sleep(Duration::from_millis(250));
    }
}
