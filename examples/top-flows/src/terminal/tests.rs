//! A panic while the terminal is taken over: in a process of its own, on a terminal of its own.

use std::io::Read as _;
use std::num::NonZeroU16;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use super::*;

/// What the test below runs; of no use without it.
#[test]
#[ignore = "panics, so that another test sees what comes of it"]
fn panics_on_the_screen() {
    let _screen = Screen::open().expect("a terminal");
    panic!("this is the message");
}

#[test]
fn the_terminal_is_given_back_before_a_panic_is_told() {
    let size = PtySize::default();
    let pair = match native_pty_system().openpty(size) {
        Ok(pair) => pair,
        Err(error) => {
            eprintln!("skipped: there is no pseudo-terminal: {error}");
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
    // A terminal whose program has ended reads as broken.
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        written.extend_from_slice(&buffer[..count]);
    }
    assert!(!child.wait().unwrap().success());
    let text = String::from_utf8_lossy(&written);
    let [enter, leave, told] =
        ["\u{1b}[?1049h", "\u{1b}[?1049l", "this is the message"].map(|part| text.find(part));
    assert!(enter.is_some() && enter < leave && leave < told, "{text}");
    let number = |number| NonZeroU16::new(number).unwrap();
    let mut parser = vt100::Parser::new(number(size.rows), number(size.cols), 0);
    parser.process(&written);
    let screen = parser.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor());
    assert!(screen.contents().contains("this is the message"));
}
