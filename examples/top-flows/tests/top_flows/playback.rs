//! A capture starts with its first packets, ends with its last full view, and continues at other times.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sflow_metrics::{Timestamp, flow};
use top_flows::model::{Client, Model, Shared};
use top_flows::question::Question;
use top_flows::source::{Playback, Source};

use crate::{NAMED, SWARM, TIMEOUT};

struct Playing {
    model: Shared,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Playing {
    fn new(capture: &str, speed: f64, is_looped: bool) -> Self {
        let source = Source::open(Path::new(capture)).unwrap();
        let model = Shared::new(source.model(Some(&capture.into()), speed));
        let is_over = Arc::new(AtomicBool::new(false));
        let playback = Playback {
            path: Some(capture.into()),
            is_looped,
            ..Playback::default()
        };
        let thread = source.play(playback, model.clone(), Arc::clone(&is_over));
        let thread = Some(thread.unwrap());
        Self {
            model,
            is_over,
            thread,
        }
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&mut Model) -> bool) {
        let begin = Instant::now();
        while !is_there(&mut self.model.lock()) {
            assert!(
                begin.elapsed() < TIMEOUT,
                "{what}: {:?}",
                self.model.lock().status
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// The number of flows now.
fn flows(model: &mut Model) -> usize {
    let question = Question::new([flow::Key::EndSource]);
    let picture = model.ask(&question, Client::Local, Instant::now());
    picture.unwrap().map_or(0, |picture| picture.rows.len())
}

fn seconds(model: &Model) -> u64 {
    model.clock().map_or(0, |clock| clock.as_secs_f64() as u64)
}

/// Its first packets are 45 s after its start.
#[test]
fn first_flows_are_shown_at_once() {
    let begin = Instant::now();
    let playing = Playing::new(SWARM, 1.0, false);
    playing.wait_for("flows", |model| flows(model) > 0);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

/// In the last 20 s of the capture there are no packets.
#[test]
fn capture_ends_with_its_last_full_view() {
    let playing = Playing::new(SWARM, 1e6, false);
    playing.wait_for("the end", |model| model.status.has_ended);
    assert!(flows(&mut playing.model.lock()) > 0);
}

#[test]
fn capture_continues_at_other_times() {
    let playing = Playing::new(NAMED, 1e6, false);
    playing.wait_for("the end", |model| model.status.has_ended);
    {
        let mut model = playing.model.lock();
        // So that it stays there.
        model.status.is_paused = true;
        model.seek_to(Timestamp::from_secs(1_796_011_170));
    }
    playing.wait_for("an earlier time", |model| {
        seconds(model).abs_diff(1_796_011_170) < 3
    });
    assert!(!playing.model.lock().status.has_ended);
    assert!(flows(&mut playing.model.lock()) > 3);
    playing.model.lock().seek(10);
    playing.wait_for("later", |model| seconds(model).abs_diff(1_796_011_180) < 3);
    playing.model.lock().seek_to(Timestamp::ZERO);
    playing.wait_for("its start", |model| {
        (1..1_796_011_165).contains(&seconds(model))
    });
}

#[test]
fn capture_is_played_again() {
    let playing = Playing::new(NAMED, 1e6, true);
    let count = |model: &mut Model| model.status.datagrams;
    for _ in 0..2 {
        playing.wait_for("many datagrams", |model| count(model) > 1_000);
        playing.wait_for("few datagrams", |model| count(model) < 900);
    }
}
