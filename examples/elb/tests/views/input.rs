//! Keyboard input.

use elb::terminal::Input;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

#[test]
fn only_three_keys_quit() {
    let key = |code, modifiers| Input::from_event(&Event::Key(KeyEvent::new(code, modifiers)));
    let plain = KeyModifiers::NONE;
    assert_eq!(key(KeyCode::Char('q'), plain), Some(Input::Quit));
    assert_eq!(key(KeyCode::Esc, plain), Some(Input::Quit));
    assert_eq!(
        key(KeyCode::Char('c'), KeyModifiers::CONTROL),
        Some(Input::Quit)
    );
    assert_eq!(key(KeyCode::Char('c'), plain), None);
    assert_eq!(key(KeyCode::Enter, plain), None);
    assert_eq!(
        Input::from_event(&Event::Resize(80, 24)),
        Some(Input::Redraw)
    );
}
