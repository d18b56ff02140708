//! Charts of a service's history as SVG: for the page, the README and reports.
//!
//! A chart is complete: it needs no script, style sheet or font. The same input yields the same
//! bytes.

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
use self::series::{Change, Series};
use crate::format::{clock, duration};
use crate::policy::SubjectKind;
use crate::view::{DecisionView, Point, ServiceView};

/// Size of a chart on a desktop, in pixels.
pub const WIDE: (u32, u32) = (880, 400);
/// Size of a chart on a phone, in pixels.
pub const NARROW: (u32, u32) = (400, 420);
/// Size of a comparison, in pixels.
pub const COMPARISON: (u32, u32) = (880, 470);

/// A change of replicas without a known decision.
fn done(change: &Change) -> DecisionView {
    DecisionView {
        at: change.at,
        from: change.from,
        to: change.to,
        outcome: "done",
        ..DecisionView::default()
    }
}

/// Recent history of a service: load per container with its thresholds, the range from the least to
/// the most loaded container, and the desired and running replicas. Decisions are marked with their
/// reasons. Gaps in the load are left blank.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// The service, or a pool in the same form.
    pub service: &'a ServiceView,
    /// Whether it is a service or a pool.
    pub kind: SubjectKind,
    /// Decisions about it, oldest first.
    pub decisions: &'a [DecisionView],
    /// Start of the loop in Unix seconds; `None` if the loop does not run by the wall clock.
    pub began: Option<i64>,
}

impl Live<'_> {
    /// The chart as a separate file.
    ///
    /// Sizes below 360 × 300 pixels are raised to that size, which the labels need.
    pub fn file(&self, size: (u32, u32)) -> String {
        let signal = self.service.signals.first();
        let metric = signal.map_or("", |signal| signal.metric.as_str());
        self.draw(&self.service.name, metric, size, None)
    }

    /// The chart as part of a page, without a title. The mark of decision 7 links to `#decision-7`
    /// of the page at `list`, which is percent-encoded.
    pub fn part(&self, size: (u32, u32), list: &str) -> String {
        self.draw("", "", size, Some(list))
    }

    fn draw(&self, title: &str, subtitle: &str, size: (u32, u32), page: Option<&str>) -> String {
        let service = self.service;
        let series = Series::new(&service.past);
        let signal = service.signals.first();
        let most = series.most_replicas();
        // A far maximum would flatten the line.
        let far = service.bounds.1 > most.saturating_mul(3).max(10);
        let time = |decision: &DecisionView| match self.began {
            Some(_) => clock((decision.time.as_nanos() / 1_000_000_000) as i64),
            None => duration(decision.at),
        };
        let span = series.span().unwrap_or((0.0, 0.0));
        let notes = notes(self.decisions, &series.changes(), span, time);
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
            with: &series,
            without: None,
            notes: &notes,
            page,
            began: self.began,
        };
        picture.draw(size)
    }
}

/// Compares the load with and without the balancer: mean load per container with the `upper`
/// threshold, and the replicas.
///
/// `unit` is the unit of the loads and of `upper` (`B/s`, `%`).
pub fn comparison(
    title: &str,
    with: &[Point],
    without: &[Point],
    upper: f64,
    unit: &str,
) -> String {
    let (with, without) = (Series::new(with), Series::new(without));
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

    /// The texts of a drawing; panics if an element is not closed or a `&` is not escaped.
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
    fn live_chart_labels_axes_and_gaps() {
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
    fn gap_splits_the_line() {
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
    fn untrusted_names_are_escaped() {
        let name = "</svg><script>alert('x')</script>\"&\u{1b}[31m";
        let svg = live(&service(name), WIDE) + &comparison(name, &[], &[], 1.0, name);
        assert!(!svg.contains("<script") && !svg.contains('\u{1b}'));
        texts(&svg);
    }

    #[test]
    fn extreme_values_stay_within_the_chart() {
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
