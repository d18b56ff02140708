//! Charts as SVG.

use elb::charts::{Live, NARROW, WIDE, comparison};
use elb::policy::SubjectKind;
use elb::view::{DecisionView, Point, ServiceView, SignalView};

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
            let known = ["#38;", "#60;", "#62;", "#34;", "#39;"];
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
        "desired",
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
fn same_input_yields_same_bytes() {
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
fn markup_and_control_characters_of_names_are_replaced() {
    let svg = live(&service("<b a='\"'>&\u{1b}[0m\u{202e}"), WIDE);
    let escaped = "&#60;b a=&#39;&#34;&#39;&#62;&#38;\u{fffd}[0m\u{fffd}";
    assert!(svg.contains(&format!(">{escaped}</text>")), "{svg}");
    assert!(svg.contains(&format!("replicas of {escaped}\"")), "{svg}");
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
fn comparison_shows_both_series_and_threshold() {
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

#[test]
fn mark_has_reason_and_links_to_decision_on_page() {
    let decision = DecisionView {
        id: 7,
        at: 16.0,
        from: 1,
        to: 2,
        outcome: "done",
        reasons: vec!["b is above <a>".to_owned()],
        ..DecisionView::default()
    };
    let service = service("apache");
    let live = Live {
        kind: SubjectKind::Service,
        service: &service,
        decisions: &[decision],
        began: None,
    };
    let (part, file) = (live.part(WIDE, "/a"), live.file(WIDE));
    for svg in [&part, &file] {
        let message = "<title>0:16: 1 → 2. b is above &#60;a&#62;</title>";
        assert!(svg.contains(message), "{svg}");
    }
    assert!(part.contains("href=\"/a#decision-7\""), "{part}");
    assert!(!file.contains("href"), "{file}");
}
