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
fn target_is_one_line_and_machines_of_a_pool_serve() {
    let mut service = service("workers");
    service.signals[0].target = Some(75_000.0);
    let live = Live {
        kind: SubjectKind::Pool,
        service: &service,
        decisions: &[],
        began: None,
    };
    let svg = live.file(WIDE);
    let texts = texts(&svg);
    for expected in ["target 75 kB/s", "target", "Machines", "serving"] {
        assert!(
            texts.contains(&expected),
            "{expected:?} is not among {texts:?}"
        );
    }
    for unexpected in ["upper", "lower", "running"] {
        assert!(
            !texts.contains(&unexpected),
            "{unexpected:?} is among {texts:?}"
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

/// A chart whose points have these times and loads. The panels are 225 and 131 pixels high.
fn chart(unit: &str, points: &[(f64, f64)], desired: u32, began: Option<i64>) -> String {
    let mut service = service("x");
    service.signals = vec![SignalView {
        unit: unit.to_owned(),
        ..SignalView::default()
    }];
    service.bounds = (1, desired);
    let point = |(at, load): &(f64, f64)| Point {
        at: *at,
        load: Some(*load),
        wanted: desired,
        running: desired,
        ..Point::default()
    };
    service.past = points.iter().map(point).collect();
    let live = Live {
        kind: SubjectKind::Service,
        service: &service,
        decisions: &[],
        began,
    };
    live.file((880, 520))
}

fn assert_consecutive(svg: &str, labels: &[&str]) {
    let texts = texts(svg);
    let found = texts.windows(labels.len()).any(|texts| texts == labels);
    assert!(found, "{labels:?} are not among {texts:?}");
}

#[test]
fn time_is_counted_in_minutes() {
    let svg = chart("%", &[(0.0, 1.0), (150.0, 1.0)], 1, None);
    assert_consecutive(&svg, &["0:00", "0:15", "0:30", "0:45", "1:00", "1:15"]);
    let svg = chart("%", &[(47.0, 1.0), (60.0, 1.0)], 1, None);
    assert_consecutive(&svg, &["0:50", "1:00", "1:10", "1:20", "1:30", "1:40"]);
    let began = Some(86_400 * 20_000 - 90);
    let svg = chart("%", &[(0.0, 1.0), (600.0, 1.0)], 1, began);
    assert_consecutive(&svg, &["23:59", "00:00", "00:01", "00:02"]);
}

#[test]
fn load_ends_on_a_round_number_above_the_largest() {
    let svg = chart("B/s", &[(0.0, 0.0), (60.0, 423_000.0)], 1, None);
    assert_consecutive(&svg, &["0", "100", "200", "300", "400", "500"]);
    assert!(!texts(&svg).contains(&"600"), "{svg}");
}

#[test]
fn replicas_are_whole() {
    let points = [(0.0, 1.0), (60.0, 1.0)];
    let svg = chart("%", &points, 10, None);
    assert_consecutive(&svg, &["0", "2", "4", "6", "8", "10", "12"]);
    assert_consecutive(&chart("%", &points, 0, None), &["0", "1", "2", "0:00"]);
    let svg = chart("%", &points, u32::MAX, None);
    assert!(texts(&svg).len() < 40, "{svg}");
}

#[test]
fn extreme_loads_have_an_axis() {
    for largest in [0.0, 1e-300, 1e17, 0.01] {
        let svg = chart("%", &[(0.0, 0.0), (60.0, largest)], 1, None);
        let texts = texts(&svg);
        let heading = texts.iter().position(|text| text.starts_with("Load per"));
        let end = texts.iter().position(|text| *text == "Replicas");
        let labels = &texts[heading.unwrap() + 2..end.unwrap()];
        assert!((2..=8).contains(&labels.len()), "{largest}: {labels:?}");
    }
}

#[test]
fn each_change_has_one_mark() {
    let decision = |id: u64, at: f64, (from, to): (u32, u32), outcome: &'static str| DecisionView {
        id,
        at,
        from,
        to,
        outcome,
        ..DecisionView::default()
    };
    let decisions = [
        decision(1, 2.0, (1, 2), "done"),
        decision(2, 4.0, (2, 2), "kept"),
        decision(3, 6.0, (2, 5), "advised"),
        DecisionView {
            fast: true,
            ..decision(4, 8.0, (2, 3), "done")
        },
        decision(5, 10.0, (3, 4), "failed"),
        decision(6, 99.0, (3, 4), "done"),
    ];
    let mut service = service("apache");
    let steps = [(0, 1), (2, 2), (8, 3), (12, 7), (20, 7)];
    service.past = steps
        .map(|(at, wanted)| Point {
            at: f64::from(at),
            wanted,
            ..Point::default()
        })
        .to_vec();
    let live = Live {
        kind: SubjectKind::Service,
        service: &service,
        decisions: &decisions,
        began: None,
    };
    let svg = live.file(WIDE);
    let messages: Vec<&str> = svg.split("<title>").skip(1).collect();
    let expected = [
        ("0:02: 1 → 2. ", "<circle"),
        ("0:06: 2 → 5 (advised). ", "<circle"),
        ("0:08: 2 → 3. ", "<polygon"),
        ("0:10: 3 → 4 (failed). ", "<path"),
        ("3 → 7: no decision is known", "<circle"),
    ];
    assert_eq!(messages.len(), expected.len(), "{messages:?}");
    for (message, (text, shape)) in messages.iter().zip(expected) {
        assert!(message.starts_with(&format!("{text}</title>")), "{message}");
        let (_, drawn) = message.split_once("fill-opacity=\"0\"/>").unwrap();
        assert!(drawn.trim().starts_with(shape), "{message}");
    }
    for kind in ["packet samples", "advised", "failed", "external"] {
        assert!(texts(&svg).contains(&kind), "{kind}: {svg}");
    }
}
