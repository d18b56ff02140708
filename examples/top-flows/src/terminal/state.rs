//! The state of the screen, and its changes by keys.

use std::time::Instant;

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::{Position, Rect};
use sflow_metrics::{Timestamp, flow};

use super::Start;
use super::editor::{Edited, Editor};
use super::list::{List, Picked};
use crate::matrix::{self, Matrix, Party};
use crate::model::{Client, Shared, Status};
use crate::picture::Picture;
use crate::preset::Preset;
use crate::question::{Aggregate, Field, Narrow, Question};

/// Maximum number of previous questions.
const STEPS: usize = 100;

/// Selectable numbers of rows.
const TOPS: [usize; 5] = [10, 20, 50, 100, 1000];

/// Maximum and minimum playback speed.
const FASTEST: f64 = 1024.0;
const SLOWEST: f64 = 1.0 / 16.0;

/// The state of the screen.
#[derive(Debug)]
pub(super) struct State {
    pub(super) question: Question,
    /// Previous questions.
    pub(super) steps: Vec<Question>,
    pub(super) presets: Vec<Preset>,
    pub(super) page: Option<String>,
    pub(super) overlay: Overlay,
    pub(super) is_matrix: bool,
    pub(super) cursor: Cursor,
    /// The selected cell of the matrix: row and column.
    pub(super) cell: (usize, usize),
    /// The parties of the selected cell; `None` before the first selection.
    parties: Option<(Party, Party)>,
    /// Number of services that fitted the screen when it was last drawn.
    pub(super) services: usize,
    /// Number of rows that fitted the screen.
    pub(super) page_rows: usize,
    /// Where the timeline and the table or matrix were last drawn.
    pub(super) timeline_area: Rect,
    pub(super) main_area: Rect,
    /// The first visible row of the table.
    pub(super) first_row: usize,
    pub(super) shown: Option<Picture>,
    pub(super) matrix: Option<Matrix>,
    pub(super) status: Option<Status>,
    pub(super) clock: Option<Timestamp>,
}

/// A window over the screen.
#[derive(Debug)]
pub(super) enum Overlay {
    None,
    Editor(Box<Editor>),
    Presets(List),
    Help,
}

/// The selected cell, which follows its flow when the order changes.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The flow; `None` before the first selection.
    pub(super) flow: Option<Vec<flow::Value>>,
    /// The last position of the flow.
    pub(super) row: usize,
    pub(super) column: usize,
}

/// The result of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Stay,
    Leave,
}

impl State {
    pub(super) fn new(start: Start) -> Self {
        Self {
            question: start.question,
            steps: Vec::new(),
            presets: start.presets,
            page: start.page,
            overlay: Overlay::None,
            is_matrix: start.is_matrix,
            cursor: Cursor::default(),
            cell: (0, 0),
            parties: None,
            services: 6,
            page_rows: 10,
            timeline_area: Rect::ZERO,
            main_area: Rect::ZERO,
            first_row: 0,
            shown: None,
            matrix: None,
            status: None,
            clock: None,
        }
    }

    /// Reads the current answer from the model.
    pub(super) fn refresh(&mut self, model: &Shared, wall: Instant) {
        let mut model = model.lock();
        let question = match self.is_matrix {
            true => matrix::question(&self.question),
            false => self.question.clone(),
        };
        // The limit of questions does not apply to the local client.
        let picture = model.ask(&question, Client::Local, wall).ok().flatten();
        self.status = Some(model.status.clone());
        let shown = picture.as_ref().map(|picture| picture.at);
        self.clock = shown.or_else(|| model.clock());
        drop(model);
        if self.is_matrix {
            self.matrix = picture.map(|picture| Matrix::new(&picture, self.services));
            self.follow_parties();
        } else {
            self.shown = picture;
            self.follow();
        }
    }

    /// Applies a key.
    pub(super) fn apply(&mut self, event: &Event, model: &Shared) -> Then {
        let key = match *event {
            Event::Key(key) => key,
            Event::Mouse(mouse) => {
                self.point(mouse, model);
                return Then::Stay;
            }
            _ => return Then::Stay,
        };
        if key.kind == KeyEventKind::Release {
            return Then::Stay;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Then::Leave;
        }
        match &mut self.overlay {
            Overlay::Editor(editor) => match editor.press(key, &self.question, model) {
                Edited::Still => {}
                Edited::Left => self.overlay = Overlay::None,
                Edited::Asked(question) => {
                    self.overlay = Overlay::None;
                    self.ask(*question);
                }
            },
            Overlay::Presets(list) => match list.press(key, &self.presets) {
                Picked::Still => {}
                Picked::Left => self.overlay = Overlay::None,
                Picked::This(place) => self.pick(place),
            },
            Overlay::Help => self.overlay = Overlay::None,
            Overlay::None => return self.press(key, model),
        }
        Then::Stay
    }

    /// Selects what is under the mouse; in the timeline of a capture, the time to continue at.
    fn point(&mut self, mouse: MouseEvent, model: &Shared) {
        if !matches!(self.overlay, Overlay::None) {
            return;
        }
        let at = Position::new(mouse.column, mouse.row);
        match mouse.kind {
            MouseEventKind::ScrollDown if !self.is_matrix => self.press_in_table(KeyCode::Down),
            MouseEventKind::ScrollUp if !self.is_matrix => self.press_in_table(KeyCode::Up),
            MouseEventKind::Down(MouseButton::Left) if self.main_area.contains(at) => {
                let row = usize::from(at.y - self.main_area.y);
                let rows = self.shown.as_ref().map_or(0, |picture| picture.rows.len());
                if self.is_matrix {
                    let column = usize::from(at.x - self.main_area.x);
                    let cell = super::matrix::cell_at(row, column);
                    let count = self
                        .matrix
                        .as_ref()
                        .map_or(0, |matrix| matrix.parties.len());
                    if let Some(cell) = cell.filter(|(from, to)| *from.max(to) < count) {
                        self.choose_cell(cell);
                    }
                } else if let Some(row) = row.checked_sub(1)
                    && row < self.page_rows
                    && self.first_row + row < rows
                {
                    self.choose(self.first_row + row);
                }
            }
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
                if self.timeline_area.contains(at) =>
            {
                // The newest moment is at the right.
                let from_right = usize::from(self.timeline_area.right() - 1 - at.x);
                let points = self.shown.iter().flat_map(|picture| &picture.timeline);
                if let Some(point) = points.rev().nth(from_right) {
                    model.lock().seek_to(point.at);
                }
            }
            _ => {}
        }
    }

    fn press(&mut self, key: KeyEvent, model: &Shared) -> Then {
        match key.code {
            KeyCode::Char('q' | 'Q') => return Then::Leave,
            KeyCode::Char('k') => self.edit(Field::Keys, model),
            KeyCode::Char('v') => self.edit(Field::Value, model),
            KeyCode::Char('f' | '/') => self.edit(Field::Filter, model),
            KeyCode::Char('p') => self.overlay = Overlay::Presets(List::default()),
            KeyCode::Char('?' | 'h') => self.overlay = Overlay::Help,
            KeyCode::Char('m') => self.is_matrix = !self.is_matrix,
            KeyCode::Char('u') => {
                self.question.value = self.question.value.next();
                self.question.least = 0.0;
            }
            KeyCode::Char('a') => self.toggle_aggregate(),
            KeyCode::Char('t') => {
                let next = TOPS.iter().find(|top| **top > self.question.top);
                self.question.top = *next.unwrap_or(&TOPS[0]);
            }
            KeyCode::Char(' ') => {
                let status = &mut model.lock().status;
                status.is_paused = !status.is_paused;
            }
            KeyCode::Char('[') => model.lock().seek(-10),
            KeyCode::Char(']') => model.lock().seek(10),
            KeyCode::Char('{') => model.lock().seek(-60),
            KeyCode::Char('}') => model.lock().seek(60),
            KeyCode::Char('r') => model.lock().seek_to(Timestamp::ZERO),
            KeyCode::Char('+' | '=') => change_speed(model, 2.0),
            KeyCode::Char('-') => change_speed(model, 0.5),
            KeyCode::Backspace => {
                if let Some(before) = self.steps.pop() {
                    self.question = before;
                    self.cursor = Cursor::default();
                }
            }
            KeyCode::Esc if self.is_matrix => self.is_matrix = false,
            KeyCode::Esc => self.cursor.flow = None,
            _ if self.is_matrix => self.press_in_matrix(key.code),
            _ => self.press_in_table(key.code),
        }
        Then::Stay
    }

    fn press_in_table(&mut self, code: KeyCode) {
        let rows = self.shown.as_ref().map_or(0, |picture| picture.rows.len());
        // The last column is that of the value.
        let last = self.question.keys.len();
        let page = self.page_rows.max(1);
        let row = self.cursor.flow.as_ref().map(|_| self.cursor.row);
        match code {
            KeyCode::Down => self.choose(row.map_or(0, |row| row + 1)),
            KeyCode::Up => self.choose(row.map_or(0, |row| row.saturating_sub(1))),
            KeyCode::PageDown => self.choose(row.map_or(0, |row| row + page)),
            KeyCode::PageUp => self.choose(row.map_or(0, |row| row.saturating_sub(page))),
            KeyCode::Home => self.choose(0),
            KeyCode::End => self.choose(rows.saturating_sub(1)),
            KeyCode::Left => self.cursor.column = self.cursor.column.saturating_sub(1),
            KeyCode::Right => self.cursor.column = (self.cursor.column + 1).min(last),
            KeyCode::Char('s') => {
                let column = Some(self.cursor.column).filter(|column| *column < last);
                self.question.sort = self.question.sort.by(column);
            }
            KeyCode::Char('l') => {
                let row = self.cursor.flow.as_ref().and_then(|_| {
                    let picture = self.shown.as_ref()?;
                    picture.rows.get(self.cursor.row)
                });
                let is_free = self.question.least <= 0.0;
                self.question.least = row.filter(|_| is_free).map_or(0.0, |row| row.value);
            }
            KeyCode::Enter => self.narrow(Narrow::To),
            KeyCode::Char('!' | 'x') => self.narrow(Narrow::Without),
            _ => {}
        }
    }

    fn press_in_matrix(&mut self, code: KeyCode) {
        let Some(matrix) = &self.matrix else { return };
        let last = matrix.parties.len().saturating_sub(1);
        let (from, to) = self.cell;
        self.cell = match code {
            KeyCode::Down => ((from + 1).min(last), to),
            KeyCode::Up => (from.saturating_sub(1), to),
            KeyCode::Right => (from, (to + 1).min(last)),
            KeyCode::Left => (from, to.saturating_sub(1)),
            KeyCode::Enter => {
                let parties = [
                    (flow::Key::ServiceSource, from),
                    (flow::Key::ServiceDestination, to),
                ];
                let mut question = Question {
                    keys: vec![flow::Key::EndSource, flow::Key::EndDestination],
                    ..self.question.clone()
                };
                for (key, place) in parties {
                    let value = match matrix.parties.get(place) {
                        Some(Party::Service(name)) => flow::Value::Text(name.as_str().into()),
                        Some(Party::Outside) => flow::Value::Absent,
                        // Several services: no filter selects them.
                        _ => continue,
                    };
                    question = question.narrowed(key, &value, Narrow::To);
                }
                self.is_matrix = false;
                self.ask(question);
                return;
            }
            _ => return,
        };
        self.choose_cell(self.cell);
    }

    fn choose_cell(&mut self, (from, to): (usize, usize)) {
        let Some(matrix) = &self.matrix else { return };
        self.cell = (from, to);
        let party = |place: usize| matrix.parties.get(place).cloned();
        self.parties = party(from).zip(party(to));
    }

    fn edit(&mut self, field: Field, model: &Shared) {
        let editor = Editor::new(&self.question, field, model);
        self.overlay = Overlay::Editor(Box::new(editor));
    }

    /// Replaces the question and remembers the previous one.
    fn ask(&mut self, question: Question) {
        if question == self.question {
            return;
        }
        if self.steps.len() >= STEPS {
            self.steps.remove(0);
        }
        self.steps
            .push(std::mem::replace(&mut self.question, question));
        self.cursor = Cursor::default();
        let columns = self.question.keys.len();
        if self
            .question
            .sort
            .column
            .is_some_and(|column| column >= columns)
        {
            self.question.sort = Default::default();
        }
    }

    fn pick(&mut self, place: usize) {
        self.overlay = Overlay::None;
        let fields = self.presets.get(place).map(|preset| preset.fields.clone());
        // Presets were validated; with `max` one may have too many keys.
        if let Some(Ok(question)) = fields.map(|fields| fields.read(&self.question)) {
            self.is_matrix = false;
            self.ask(Question {
                sort: Default::default(),
                ..question
            });
        }
    }

    fn toggle_aggregate(&mut self) {
        let toggled = Question {
            aggregate: self.question.aggregate.other(),
            ..self.question.clone()
        };
        // No change if there are too many keys for `max`.
        let fields = crate::question::Fields::of(&toggled);
        if toggled.aggregate == Aggregate::Sum || fields.read(&toggled).is_ok() {
            self.question = toggled;
        }
    }

    fn narrow(&mut self, how: Narrow) {
        let column = self.cursor.column;
        let key = self.question.keys.get(column).copied();
        let value = self.cursor.flow.as_ref().and_then(|flow| flow.get(column));
        if let (Some(key), Some(value)) = (key, value) {
            let narrowed = self.question.narrowed(key, value, how);
            self.ask(narrowed);
            self.cursor.column = column;
        }
    }

    /// Moves the cursor to the flow in this row, or the last one.
    fn choose(&mut self, row: usize) {
        let Some(picture) = &self.shown else { return };
        let row = row.min(picture.rows.len().saturating_sub(1));
        self.cursor.flow = picture.rows.get(row).map(|row| row.keys.clone());
        self.cursor.row = row;
    }

    /// Finds the selected cell in the current order.
    fn follow_parties(&mut self) {
        let Some(matrix) = &self.matrix else { return };
        let last = matrix.parties.len().saturating_sub(1);
        let place = |party: &Party| matrix.parties.iter().position(|known| known == party);
        let (from, to) = self.cell;
        let found = self.parties.as_ref().map(|(sender, receiver)| {
            (place(sender).unwrap_or(from), place(receiver).unwrap_or(to))
        });
        let (from, to) = found.unwrap_or((from, to));
        self.cell = (from.min(last), to.min(last));
    }

    /// Finds the selected flow in the current order; if it has disappeared, selects its row.
    fn follow(&mut self) {
        let (Some(picture), Some(flow)) = (&self.shown, &self.cursor.flow) else {
            return;
        };
        match picture.rows.iter().position(|row| row.keys == *flow) {
            Some(place) => self.cursor.row = place,
            None => self.choose(self.cursor.row),
        }
    }
}

fn change_speed(model: &Shared, factor: f64) {
    let status = &mut model.lock().status;
    if status.is_capture {
        status.speed = (status.speed * factor).clamp(SLOWEST, FASTEST);
    }
}
