//! A field in editing, with its completions and errors.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use crate::completion::Completion;
use crate::model::Shared;
use crate::question::{Field, Fields, Mistake, Question};

/// Maximum number of characters in a field.
const LONGEST: usize = 2000;

/// A question in editing, at one of its fields.
#[derive(Debug)]
pub(super) struct Editor {
    pub(super) field: Field,
    pub(super) fields: Fields,
    pub(super) input: Input,
    pub(super) completions: Vec<Completion>,
    /// The index of the selected completion.
    pub(super) chosen: Option<usize>,
    pub(super) mistake: Option<Mistake>,
}

/// The result of a key.
#[derive(Debug)]
pub(super) enum Edited {
    /// Editing continues.
    Still,
    /// Editing was cancelled.
    Left,
    /// The question was entered.
    Asked(Box<Question>),
}

impl Editor {
    pub(super) fn new(question: &Question, field: Field, model: &Shared) -> Self {
        let fields = Fields::of(question);
        let mut editor = Self {
            input: Input::new(fields.text(field).to_owned()),
            field,
            fields,
            completions: Vec::new(),
            chosen: None,
            mistake: None,
        };
        editor.refresh(question, model);
        editor
    }

    pub(super) fn press(&mut self, key: KeyEvent, question: &Question, model: &Shared) -> Edited {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Edited::Left,
            KeyCode::Enter => match self.chosen {
                Some(_) => self.accept(),
                None => {
                    return match self.fields.read(question) {
                        Ok(asked) => Edited::Asked(Box::new(asked)),
                        Err(mistake) => {
                            if mistake.field != self.field {
                                self.switch_to(mistake.field);
                            }
                            self.refresh(question, model);
                            Edited::Still
                        }
                    };
                }
            },
            KeyCode::Tab if self.completions.is_empty() => self.switch_to(self.field.next()),
            KeyCode::Tab => self.accept(),
            KeyCode::BackTab => self.switch_to(self.field.next()),
            KeyCode::Down => return self.choose(1),
            KeyCode::Up => return self.choose(-1),
            code => {
                let Some(request) = request(code, is_control) else {
                    return Edited::Still;
                };
                let is_longer = matches!(request, InputRequest::InsertChar(_));
                if !is_longer || self.input.value().chars().count() < LONGEST {
                    self.input.handle(request);
                }
            }
        }
        self.refresh(question, model);
        Edited::Still
    }

    /// Switches to another field of the question.
    fn switch_to(&mut self, field: Field) {
        self.field = field;
        self.input = Input::new(self.fields.text(field).to_owned());
    }

    fn choose(&mut self, step: isize) -> Edited {
        let count = self.completions.len();
        self.chosen = match (self.chosen, step) {
            _ if count == 0 => None,
            (None, 1) => Some(0),
            (Some(0), -1) | (None, _) => None,
            (Some(place), step) => Some(place.saturating_add_signed(step).min(count - 1)),
        };
        Edited::Still
    }

    /// Replaces the text before the cursor by the selected completion, or the first one.
    fn accept(&mut self) {
        let place = self.chosen.unwrap_or(0);
        if let Some(completion) = self.completions.get(place) {
            let behind: String = self
                .input
                .value()
                .chars()
                .skip(self.input.cursor())
                .collect();
            let cursor = completion.text.chars().count();
            let text = format!("{}{behind}", completion.text);
            self.input = Input::new(text).with_cursor(cursor);
        }
    }

    /// Updates completions and errors after a change.
    fn refresh(&mut self, question: &Question, model: &Shared) {
        let text = self.input.value().to_owned();
        let before: String = text.chars().take(self.input.cursor()).collect();
        *self.fields.text_mut(self.field) = text;
        self.completions = model.lock().complete(self.field, &before);
        // The text itself is not a completion.
        self.completions
            .retain(|completion| completion.text != before);
        self.chosen = None;
        self.mistake = self.fields.read(question).err();
    }
}

fn request(code: KeyCode, is_control: bool) -> Option<InputRequest> {
    Some(match (code, is_control) {
        (KeyCode::Char('a'), true) | (KeyCode::Home, _) => InputRequest::GoToStart,
        (KeyCode::Char('e'), true) | (KeyCode::End, _) => InputRequest::GoToEnd,
        (KeyCode::Char('u'), true) => InputRequest::DeleteFromStart,
        (KeyCode::Char('k'), true) => InputRequest::DeleteTillEnd,
        (KeyCode::Char('w'), true) => InputRequest::DeletePrevWord,
        (KeyCode::Left, true) => InputRequest::GoToPrevWord,
        (KeyCode::Right, true) => InputRequest::GoToNextWord,
        (KeyCode::Char(character), false) => InputRequest::InsertChar(character),
        (KeyCode::Backspace, _) => InputRequest::DeletePrevChar,
        (KeyCode::Delete, _) => InputRequest::DeleteNextChar,
        (KeyCode::Left, false) => InputRequest::GoToPrevChar,
        (KeyCode::Right, false) => InputRequest::GoToNextChar,
        _ => return None,
    })
}
