//! Pictures of a service's past as SVG: for the live page, for the README and for reports.
//!
//! A picture is a light card that is complete in itself: no script, no style sheet, no font of
//! its own. The same input yields the same bytes.

mod axis;
mod canvas;
mod multiples;
mod note;
mod palette;
mod picture;
pub(crate) mod series;

pub use self::multiples::{Multiple, multiples};
pub use self::palette::night_rules;

use self::note::notes;
use self::picture::{Limits, Picture};
use self::series::{Change, Past};
use crate::policy::SubjectKind;
use crate::view::{DecisionView, Point, ServiceView};
use crate::words::{clock, duration};

/// Size of a chart on a desktop, in pixels.
pub const WIDE: (u32, u32) = (880, 400);
/// Size of a chart on a phone, in pixels.
pub const NARROW: (u32, u32) = (400, 420);
/// Size of a comparison, in pixels.
pub const COMPARISON: (u32, u32) = (880, 470);

/// A change that is known by its effect alone.
fn done(change: &Change) -> DecisionView {
    DecisionView {
        at: change.at,
        from: change.from,
        to: change.to,
        outcome: "done",
        ..DecisionView::default()
    }
}

/// A service's recent past: load per container with its thresholds, from the least to the most
/// loaded one, and the replicas wanted and running over the same time. Decisions are marked, and
/// say why; where no load is known there is none.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The service, or a pool of machines in this form.
    pub service: &'a ServiceView,
    /// Which of them it is.
    pub kind: SubjectKind,
    /// The decisions about it, oldest first.
    pub decisions: &'a [DecisionView],
    /// When the loop began, in seconds since 1970, if its time is that of the clock.
    pub began: Option<i64>,
}

impl Live<'_> {
    /// As a picture of its own.
    ///
    /// Below 360 × 300 pixels there is no room for the labels: such a size is raised to that.
    pub fn file(&self, size: (u32, u32)) -> String {
        let signal = self.service.signals.first();
        let metric = signal.map_or("", |signal| signal.metric.as_str());
        self.draw(&self.service.name, metric, size, None)
    }

    /// As part of a page that has said the name already. The mark of the decision number 7 leads
    /// to `#decision-7` of the page at the address `list`, which is percent-encoded.
    pub fn part(&self, size: (u32, u32), list: &str) -> String {
        self.draw("", "", size, Some(list))
    }

    fn draw(&self, title: &str, subtitle: &str, size: (u32, u32), page: Option<&str>) -> String {
        let service = self.service;
        let past = Past::new(&service.past);
        let signal = service.signals.first();
        let most = past.most_replicas();
        // A far maximum would flatten the stairs.
        let far = service.bounds.1 > most.saturating_mul(3).max(10);
        let time = |decision: &DecisionView| match self.began {
            Some(_) => clock((decision.time.as_nanos() / 1_000_000_000) as i64),
            None => duration(decision.at),
        };
        let span = past.span().unwrap_or((0.0, 0.0));
        let notes = notes(self.decisions, &past.changes(), span, time);
        let advised = notes.iter().map(|note| note.to).max().unwrap_or(0);
        let picture = Picture {
            about: &service.name,
            kind: self.kind,
            title,
            subtitle,
            unit: signal.map_or("", |signal| signal.unit.as_str()),
            limits: signal.map_or(Limits::None, |s| Limits::new(s.lower, s.upper)),
            most_replicas: if far {
                most.max(advised)
            } else {
                most.max(advised).max(service.bounds.1)
            },
            with: &past,
            without: None,
            notes: &notes,
            page,
            began: self.began,
        };
        picture.draw(size)
    }
}

/// The same load with and without the balancer: mean load per container against the `upper`
/// threshold, and the replicas over the same time.
///
/// `unit` is that of the loads and of `upper` (`B/s`, `%`).
pub fn comparison(
    title: &str,
    with: &[Point],
    without: &[Point],
    upper: f64,
    unit: &str,
) -> String {
    let (with, without) = (Past::new(with), Past::new(without));
    let span = with.span().unwrap_or((0.0, 0.0));
    let changes: Vec<DecisionView> = with.changes().iter().map(done).collect();
    let changes = notes(&changes, &[], span, |change| duration(change.at));
    let picture = Picture {
        about: title,
        kind: SubjectKind::Service,
        title,
        subtitle: "",
        unit,
        limits: Limits::new(f64::NAN, upper),
        most_replicas: with.most_replicas().max(without.most_replicas()),
        with: &with,
        without: Some(&without),
        notes: &changes,
        page: None,
        began: None,
    };
    picture.draw(COMPARISON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::SignalView;

    fn live(service: &ServiceView, size: (u32, u32)) -> String {
        let live = Live {
            kind: SubjectKind::Service,
            service,
            decisions: &[],
            began: None,
        };
        live.file(size)
    }

    fn service(name: &str) -> ServiceView {
        let point = |at: u32| Point {
            at: f64::from(at) * 2.0,
            load: (!(10..15).contains(&at)).then_some(f64::from(at) * 10_000.0),
            wanted: 1 + at / 8,
            running: 1 + at.saturating_sub(2) / 8,
            ..Point::default()
        };
        ServiceView {
            name: name.to_owned(),
            bounds: (1, 10),
            signals: vec![SignalView {
                metric: "vir_bytes_in".to_owned(),
                unit: "B/s".to_owned(),
                upper: 100_000.0,
                lower: 50_000.0,
                ..SignalView::default()
            }],
            past: (0..40).map(point).collect(),
            ..ServiceView::default()
        }
    }

    /// The texts of a drawing; panics unless every element is closed and every `&` an entity.
    fn texts(svg: &str) -> Vec<&str> {
        let (mut open, mut texts) = (Vec::new(), Vec::new());
        for piece in svg.split('<').skip(1) {
            let (tag, text) = piece.split_once('>').expect("a tag ends");
            let name = tag.split_whitespace().next().expect("a tag has a name");
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if !tag.ends_with('/') => open.push(name),
                None => {}
            }
            for entity in piece.split('&').skip(1) {
                let known = ["amp;", "lt;", "gt;", "quot;", "apos;"];
                assert!(known.iter().any(|name| entity.starts_with(name)), "{piece}");
            }
            texts.push(text.trim());
        }
        assert!(open.is_empty(), "{open:?}");
        texts.retain(|text| !text.is_empty());
        texts
    }

    #[test]
    fn the_live_chart_says_what_it_shows() {
        let svg = live(&service("apache"), WIDE);
        let texts = texts(&svg);
        for expected in [
            "apache",
            "vir_bytes_in",
            "Load per container (kB/s)",
            "thresholds 50–100 kB/s",
            "upper",
            "lower",
            "no data",
            "Replicas",
            "wanted",
            "running",
            "0:30",
            "time since start (min:s)",
        ] {
            assert!(
                texts.contains(&expected),
                "{expected:?} is not among {texts:?}"
            );
        }
    }

    #[test]
    fn a_gap_cuts_the_line() {
        let mut whole = service("apache");
        whole.past.retain(|point| point.load.is_some());
        let lines = |service| live(service, WIDE).matches("<polyline").count();
        assert_eq!(lines(&service("apache")), lines(&whole) + 1);
    }

    #[test]
    fn the_same_input_yields_the_same_bytes() {
        let service = service("apache");
        assert_eq!(live(&service, NARROW), live(&service, NARROW));
    }

    #[test]
    fn names_of_others_do_no_harm() {
        let name = "</svg><script>alert('x')</script>\"&\u{1b}[31m";
        let svg = live(&service(name), WIDE) + &comparison(name, &[], &[], 1.0, name);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'));
        texts(&svg);
    }

    #[test]
    fn absurd_values_are_drawn_within_the_card() {
        let mut odd = service("x");
        odd.bounds = (0, u32::MAX);
        odd.signals[0].upper = f64::INFINITY;
        odd.past = vec![
            Point {
                at: 5.0,
                load: Some(f64::NAN),
                wanted: u32::MAX,
                running: 0,
                ..Point::default()
            },
            Point {
                at: -1e300,
                load: Some(1e308),
                wanted: 0,
                running: u32::MAX,
                ..Point::default()
            },
            Point {
                at: f64::INFINITY,
                load: Some(-1.0),
                wanted: 1,
                running: 1,
                ..Point::default()
            },
            Point {
                at: 1e300,
                load: Some(-1.0),
                wanted: 1,
                running: 1,
                ..Point::default()
            },
        ];
        for size in [(0, 0), WIDE, (u32::MAX, u32::MAX)] {
            let svg = live(&odd, size);
            texts(&svg);
            assert!(
                svg.len() < 50_000 && !svg.contains("NaN") && !svg.contains("inf"),
                "{svg}"
            );
        }
        texts(&live(&ServiceView::default(), WIDE));
    }

    #[test]
    fn a_comparison_shows_both_and_the_threshold() {
        let with = service("apache").past;
        let without: Vec<Point> = with
            .iter()
            .map(|p| Point {
                wanted: 1,
                running: 1,
                ..*p
            })
            .collect();
        let svg = comparison("apache", &with, &without, 100_000.0, "B/s");
        let texts = texts(&svg);
        for expected in ["with the balancer", "without", "upper threshold 100 kB/s"] {
            assert!(
                texts.contains(&expected),
                "{expected:?} is not among {texts:?}"
            );
        }
    }
}
