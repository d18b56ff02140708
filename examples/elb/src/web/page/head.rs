//! The line above everything: what runs, since when, under what load.

use crate::view::Snapshot;
use crate::web::html::Text;
use crate::words::{Scale, duration};

pub(super) fn facts(snapshot: &Snapshot) -> String {
    let mut facts = format!("<span>{}</span>", Text(&snapshot.title));
    facts += &format!("<span>running for {}</span>", duration(snapshot.elapsed));
    if snapshot.speed.is_finite() && snapshot.speed != 1.0 && snapshot.speed > 0.0 {
        let speed = Scale::fitting("", snapshot.speed).number(snapshot.speed);
        facts += &format!("<span>{speed} × real time</span>");
    }
    if let Some(load) = &snapshot.load {
        facts += &format!("<span class=\"load\"><bdi>{}</bdi></span>", Text(load));
    }
    facts
}
