//! Header of the page: uptime, load and mode.

use super::modes;
use crate::format::{Scale, duration};
use crate::http::html::Text;
use crate::view::Snapshot;

pub(super) fn render(snapshot: &Snapshot) -> String {
    let facts = facts(snapshot);
    let all = modes::buttons(None, &snapshot.mode);
    let (mode, text) = modes::meaning(&snapshot.mode);
    format!(
        "<div class=\"top\"><h1><a href=\"/\">Elastic load balancing</a></h1>\
         <span class=\"all\"><span class=\"label\">mode of the loop</span> \
         <span class=\"badge {mode}\">{text}</span>{all}</span></div>\n\
         <p class=\"facts\">{facts}<button id=\"still\" data-key=\"still\" aria-pressed=\"false\">\
         pause updates</button></p>\n"
    )
}

fn facts(snapshot: &Snapshot) -> String {
    let mut facts = match snapshot.title.as_str() {
        "" => String::new(),
        title => format!("<span>{}</span>", Text(title)),
    };
    facts += &format!("<span>running for {}</span>", duration(snapshot.elapsed));
    if snapshot.speed.is_finite() && snapshot.speed != 1.0 && snapshot.speed > 0.0 {
        let speed = Scale::fitting("", snapshot.speed).number(snapshot.speed);
        facts += &format!("<span>{speed} × real time</span>");
    }
    if snapshot.began.is_some() {
        facts += "<span>times are UTC</span>";
    }
    if let Some(load) = &snapshot.load {
        facts += &format!("<span class=\"load\"><bdi>{}</bdi></span>", Text(load));
    }
    facts
}
