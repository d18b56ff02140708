//! A pseudo-terminal with the program: its screen and its keyboard.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use crate::TIMEOUT;

/// The query for the cursor position.
const QUESTION: &[u8] = b"\x1b[6n";

pub(crate) struct Screen {
    shown: Arc<Mutex<Shown>>,
    keys: Keys,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

/// Key presses, and answers of the terminal.
type Keys = Arc<Mutex<Box<dyn Write + Send>>>;

struct Shown {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

/// The speed of a terminal.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    /// Reads immediately.
    Fast,
    /// Reads this number of bytes per interval.
    Slow(usize, Duration),
    /// Reads immediately but never answers.
    Mute,
}

impl Screen {
    /// Runs the program; `None` if pseudo-terminals are unavailable.
    pub(crate) fn run(arguments: &[&str], columns: u16, rows: u16, line: Line) -> Option<Self> {
        let size = PtySize {
            rows,
            cols: columns,
            ..PtySize::default()
        };
        let pair = match native_pty_system().openpty(size) {
            Ok(pair) => pair,
            Err(error) => {
                eprintln!("skipped: pseudo-terminals are unavailable: {error}");
                return None;
            }
        };
        let mut command = CommandBuilder::new(crate::PROGRAM);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("the program runs");
        drop(pair.slave);
        let size = |number| NonZeroU16::new(number).unwrap();
        let shown = Arc::new(Mutex::new(Shown {
            parser: vt100::Parser::new(size(rows), size(columns), 0),
            raw: Vec::new(),
        }));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keys: Keys = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let (written, answers) = (shown.clone(), keys.clone());
        thread::spawn(move || {
            let mut buffer = vec![
                0;
                if let Line::Slow(bytes, _) = line {
                    bytes
                } else {
                    65_536
                }
            ];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut shown = written.lock().unwrap();
                shown.parser.process(&buffer[..count]);
                let before = shown.raw.len().saturating_sub(QUESTION.len() - 1);
                shown.raw.extend_from_slice(&buffer[..count]);
                let new = shown.raw[before..].windows(QUESTION.len());
                let asked = new.filter(|bytes| *bytes == QUESTION).count();
                drop(shown);
                let answered = if let Line::Mute = line { 0 } else { asked };
                for _ in 0..answered {
                    // The program may have ended.
                    answers.lock().unwrap().write_all(b"\x1b[1;1R").ok();
                }
                if let Line::Slow(_, pause) = line {
                    thread::sleep(pause);
                }
            }
        });
        Some(Self {
            shown,
            keys,
            child,
            _master: pair.master,
        })
    }

    pub(crate) fn press(&mut self, keys: &str) {
        let mut writer = self.keys.lock().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    /// The screen as text without trailing spaces.
    pub(crate) fn text(&self) -> String {
        let shown = self.shown.lock().unwrap();
        let screen = shown.parser.screen();
        let (_, columns) = screen.size();
        let rows = screen.rows(0, columns.get());
        rows.map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// Number of bytes written to the terminal.
    pub(crate) fn bytes(&self) -> usize {
        self.shown.lock().unwrap().raw.len()
    }

    /// The bytes written to the terminal as text.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap().raw).into_owned()
    }

    /// Whether the alternate screen is active.
    pub(crate) fn is_taken_over(&self) -> bool {
        self.shown
            .lock()
            .unwrap()
            .parser
            .screen()
            .alternate_screen()
    }

    /// Whether the cursor is visible.
    pub(crate) fn has_cursor(&self) -> bool {
        !self.shown.lock().unwrap().parser.screen().hide_cursor()
    }

    /// Whether a cell has a background colour.
    pub(crate) fn is_shaded(&self, row: u16, column: u16) -> bool {
        let shown = self.shown.lock().unwrap();
        let cell = shown.parser.screen().cell(row, column).unwrap();
        cell.bgcolor() != vt100::Color::Default
    }

    /// Waits until a condition on the screen holds.
    pub(crate) fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let begin = Instant::now();
        loop {
            let text = self.text();
            if is_there(&text) {
                return text;
            }
            assert!(begin.elapsed() < TIMEOUT, "timeout: {what}:\n{text}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The screen after a second without changes.
    pub(crate) fn settled(&self) -> String {
        let mut text = self.text();
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = self.text();
            if now == text {
                return text;
            }
            text = now;
        }
    }

    pub(crate) fn wait_for_text(&self, expected: &str) -> String {
        self.wait_for(expected, |text| text.contains(expected))
    }

    /// Waits until the program has ended and its output is read.
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let settled = Instant::now();
                while self.is_taken_over() && settled.elapsed() < TIMEOUT {
                    thread::sleep(Duration::from_millis(20));
                }
                return status;
            }
            assert!(
                begin.elapsed() < TIMEOUT,
                "timeout: the program does not end:\n{}",
                self.text()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.process_id().expect("it runs").to_string();
        let status = std::process::Command::new("kill").arg(id).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
