//! Random keys on screens of any size, and a panic in raw mode in a separate process.

use std::io::Read as _;
use std::num::NonZeroU16;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::*;
use crate::model::Client;
use crate::once;
use crate::preset;
use crate::source::Source;

const SWARM: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/captures/hsflowd-marktraffic.pcap"
);

/// The recorded swarm at its end.
fn model() -> Shared {
    let path = SWARM.into();
    let question = Question::new([]);
    let source = Source::open(SWARM.as_ref()).unwrap();
    let is_over = AtomicBool::new(false);
    let (mut model, picture) =
        once::run(source, Some(&path), &question, Duration::ZERO, &is_over).unwrap();
    assert!(picture.is_some());
    assert!(model.ask(&question, Client::Local, Instant::now()).is_ok());
    Shared::new(model)
}

fn state() -> State {
    let question = Question::new([sflow_metrics::flow::Key::EndSource]);
    State::new(Start {
        question,
        presets: preset::own(),
        page: Some("http://127.0.0.1:8008/".to_owned()),
        is_matrix: false,
    })
}

fn key() -> impl Strategy<Value = KeyEvent> {
    const NAMED: [KeyCode; 14] = [
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
    ];
    let code = prop_oneof![
        2 => prop::sample::select(vec!['ß', '負', '\u{202e}', '\u{301}', '🐳']).prop_map(KeyCode::Char),
        5 => prop::char::range(' ', '~').prop_map(KeyCode::Char),
        6 => prop::sample::select(b"kvfpmsu!lat?".as_slice())
            .prop_map(|letter| KeyCode::Char(char::from(letter))),
        8 => prop::sample::select(NAMED.as_slice()),
    ];
    (code, prop::bool::weighted(0.1)).prop_map(|(code, is_control)| {
        let modifiers = match is_control {
            true => KeyModifiers::CONTROL,
            false => KeyModifiers::NONE,
        };
        KeyEvent::new(code, modifiers)
    })
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Event {
    Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::ScrollDown,
        MouseEventKind::ScrollUp,
        MouseEventKind::Moved,
    ]);
    prop_oneof![
        3 => key().prop_map(Event::Key),
        1 => (kind, 0_u16..150, 0_u16..50).prop_map(|(kind, column, row)| mouse(kind, column, row)),
    ]
}

#[test]
fn mouse_selects_rows_cells_and_times() {
    const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
    let model = model();
    let mut state = state();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut draw = |state: &mut State| {
        state.refresh(&model, Instant::now());
        terminal.draw(|frame| draw::draw(frame, state)).unwrap();
    };
    draw(&mut state);
    let main = state.main_area;
    state.apply(&mouse(CLICK, 5, main.y + 2), &model);
    assert_eq!(state.cursor.row, 1);
    assert!(state.cursor.flow.is_some());
    state.apply(&mouse(MouseEventKind::ScrollDown, 5, main.y), &model);
    assert_eq!(state.cursor.row, 2);
    // The heading is not a row.
    state.apply(&mouse(CLICK, 5, main.y), &model);
    assert_eq!(state.cursor.row, 2);
    // The oldest visible moment.
    let timeline = state.timeline_area;
    state.apply(&mouse(CLICK, timeline.x, timeline.y), &model);
    let points = &state.shown.as_ref().unwrap().timeline;
    let expected = points[points.len().saturating_sub(usize::from(timeline.width))].at;
    assert_eq!(model.lock().take_target(), Some(expected));
    state.is_matrix = true;
    draw(&mut state);
    state.apply(&mouse(CLICK, main.x + 30, state.main_area.y + 2), &model);
    assert_eq!(state.cell, (0, 1));
}

/// Random keys and movements of the mouse on screens of any size.
#[test]
fn random_keys_do_not_panic_on_any_screen() {
    let model = model();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (prop::collection::vec(event(), 0..40), 1_u16..140, 1_u16..45);
    let result = runner.run(&strategy, |(events, columns, rows)| {
        let mut state = state();
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        for event in events {
            state.refresh(&model, Instant::now());
            terminal
                .draw(|frame| draw::draw(frame, &mut state))
                .unwrap();
            if state.apply(&event, &model) == Then::Leave {
                break;
            }
        }
        state.refresh(&model, Instant::now());
        terminal
            .draw(|frame| draw::draw(frame, &mut state))
            .unwrap();
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// The process of the test below.
#[test]
#[ignore = "panics, so that another test sees what comes of it"]
fn panics_on_the_screen() {
    let _screen = Screen::open().expect("a terminal");
    panic!("this is the message");
}

#[test]
fn terminal_is_restored_before_panic_message() {
    let size = PtySize::default();
    let pair = match native_pty_system().openpty(size) {
        Ok(pair) => pair,
        Err(error) => {
            eprintln!("skipped: pseudo-terminals are unavailable: {error}");
            return;
        }
    };
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    let name = "terminal::tests::panics_on_the_screen";
    command.args(["--ignored", "--exact", name, "--nocapture"]);
    command.env("TERM", "xterm");
    command.env("RUST_BACKTRACE", "0");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut written = Vec::new();
    let mut buffer = [0; 4096];
    // Reading fails after the program has ended.
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        written.extend_from_slice(&buffer[..count]);
    }
    assert!(!child.wait().unwrap().success());
    let text = String::from_utf8_lossy(&written);
    let [enter, leave, message] =
        ["\u{1b}[?1049h", "\u{1b}[?1049l", "this is the message"].map(|part| text.find(part));
    assert!(
        enter.is_some() && enter < leave && leave < message,
        "{text}"
    );
    let number = |number| NonZeroU16::new(number).unwrap();
    let mut parser = vt100::Parser::new(number(size.rows), number(size.cols), 0);
    parser.process(&written);
    let screen = parser.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor());
    assert!(screen.contents().contains("this is the message"));
}
