//! The full-screen view of the terminal.

use std::fmt::Write as _;

use elb::policy::SubjectKind;
use elb::terminal::draw;
use elb::view::{DecisionView, Point, ServiceView, SignalView, Snapshot};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn screen(snapshot: &Snapshot, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend");
    terminal
        .draw(|frame| draw(frame, snapshot))
        .expect("memory takes everything");
    let buffer = terminal.backend().buffer();
    let mut screen = String::new();
    for row in buffer.content().chunks(usize::from(width)) {
        let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        writeln!(screen, "{}", row.trim_end()).expect("memory takes everything");
    }
    screen
}

fn service(name: &str) -> ServiceView {
    let point = |at: u32| Point {
        at: f64::from(at) * 2.0,
        load: (at > 2).then(|| 40_000.0 + f64::from(at % 20) * 8_000.0),
        wanted: 1 + at / 10,
        running: 1 + at.saturating_sub(3) / 10,
        ..Point::default()
    };
    let bytes = SignalView {
        metric: "vir_bytes_in+vir_bytes_out".to_owned(),
        unit: "B/s".to_owned(),
        value: Some(112_000.0),
        upper: 100_000.0,
        lower: 50_000.0,
        contributing: 4,
        matched: 5,
        ..SignalView::default()
    };
    let cpu = SignalView {
        metric: "vir_cpu_utilization".to_owned(),
        unit: "%".to_owned(),
        value: None,
        upper: 1.0,
        lower: 0.5,
        contributing: 0,
        matched: 5,
        ..SignalView::default()
    };
    ServiceView {
        name: name.to_owned(),
        mode: "act".to_owned(),
        wanted: Some(6),
        running: Some(5),
        seen: Some(5),
        recommended: Some(5),
        bounds: (1, 10),
        signals: vec![bytes, cpu],
        past: (0..52).map(point).collect(),
    }
}

fn snapshot(services: &[&str]) -> Snapshot {
    let decision = |at: f64, from: u32, to: u32, reason: &str| DecisionView {
        kind: SubjectKind::Service,
        at,
        service: services.first().copied().unwrap_or_default().to_owned(),
        from,
        to,
        reasons: vec![reason.to_owned(), "one step at a time".to_owned()],
        ..DecisionView::default()
    };
    let mut snapshot = Snapshot {
        title: "demo".to_owned(),
        page: Some("http://127.0.0.1:8008/".to_owned()),
        elapsed: 103.0,
        speed: 10.0,
        load: Some("simulated load: 750 kB/s".to_owned()),
        services: services.iter().map(|name| service(name)).collect(),
        decisions: vec![
            decision(60.0, 4, 3, "every signal is below its lower threshold"),
            decision(
                80.0,
                5,
                5,
                "4 of 5 containers report; nothing is known of the others",
            ),
            decision(
                100.0,
                5,
                6,
                "vir_bytes_in+vir_bytes_out of 112 kB/s is above 100 kB/s",
            ),
        ],
        ..Snapshot::default()
    };
    snapshot.intake.agents = 3;
    snapshot.intake.datagrams = 12_345;
    snapshot.intake.samples = 67_890;
    snapshot
        .intake
        .refused
        .insert("not sFlow version 5".to_owned(), 4);
    snapshot.intake.refused.insert("nothing".to_owned(), 0);
    snapshot
}

/// Compares with a file in this directory; with `BLESS=1` set, rewrites the file.
fn assert_screen(name: &str, screen: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/views/screens");
    let path = std::path::Path::new(folder).join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, screen).expect("the folder is there");
    }
    let expected = std::fs::read_to_string(&path).expect("BLESS=1 writes it");
    assert!(expected == screen, "{name} was\n{expected}and is\n{screen}");
}

#[test]
fn screens_match_the_stored_ones() {
    assert_screen("80x24.txt", &screen(&snapshot(&["apache"]), 80, 24));
    assert_screen("120x40.txt", &screen(&snapshot(&["apache"]), 120, 40));
    assert_screen(
        "two-services-80x24.txt",
        &screen(&snapshot(&["apache", "mysql"]), 80, 24),
    );
}

#[test]
fn small_terminal_shows_status_and_services() {
    let small = screen(&snapshot(&["apache"]), 40, 6);
    for expected in ["demo  1:43", "apache", "6 desired", "q or Ctrl-C quits"] {
        assert!(small.contains(expected), "no {expected:?} in\n{small}");
    }
}

#[test]
fn any_size_and_any_number_of_services_can_be_drawn() {
    let names: Vec<String> = (0..30).map(|index| format!("service-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for count in [0, 1, 2, 30] {
        let snapshot = snapshot(&names[..count]);
        for width in [1, 2, 7, 20, 61, 80, 200] {
            for height in (1..27).chain([60]) {
                screen(&snapshot, width, height);
            }
        }
    }
    let many = screen(&snapshot(&names), 80, 24);
    assert!(many.contains("and 18 more services"), "{many}");
}

#[test]
fn control_characters_of_names_are_not_drawn() {
    let name = "x\x1b[2J\n\u{9b}31m\u{202e}";
    let mut hostile = snapshot(&[name, name]);
    hostile.title = name.to_owned();
    hostile.page = Some(name.to_owned());
    hostile.load = Some(name.to_owned());
    hostile.intake.refused.insert(name.to_owned(), 1);
    for service in &mut hostile.services {
        service.mode = name.to_owned();
        service.signals[0].metric = name.to_owned();
        service.signals[0].unit = name.to_owned();
    }
    hostile.decisions[0].reasons.push(name.to_owned());
    for (width, height) in [(80, 24), (120, 40), (40, 8)] {
        let screen = screen(&hostile, width, height);
        let commands = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!screen.contains(commands), "{screen:?}");
        assert_eq!(screen.lines().count(), usize::from(height));
    }
}

#[test]
fn extreme_values_are_drawn() {
    let mut absurd = snapshot(&["x"]);
    absurd.elapsed = f64::NAN;
    absurd.speed = f64::INFINITY;
    let service = &mut absurd.services[0];
    (service.wanted, service.running) = (Some(u32::MAX), Some(0));
    service.bounds = (7, 3);
    for (signal, value) in service.signals.iter_mut().zip([f64::INFINITY, -1e300]) {
        (signal.value, signal.upper, signal.lower) = (Some(value), f64::NAN, f64::INFINITY);
    }
    let point = |at, load, wanted| Point {
        at,
        load: Some(load),
        wanted,
        running: 0,
        ..Point::default()
    };
    service.past = vec![
        point(-1e300, 1e308, u32::MAX),
        point(f64::NAN, 0.0, 1),
        point(1e300, -1.0, 0),
    ];
    for (width, height) in [(80, 24), (120, 40)] {
        screen(&absurd, width, height);
    }
}
