//! The list of presets with a search field.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use tui_input::{Input, InputRequest};

use crate::preset::Preset;

/// The list of presets.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) typed: Input,
    pub(super) chosen: usize,
}

/// The result of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Picked {
    Still,
    Left,
    /// The preset with this index.
    This(usize),
}

impl List {
    /// The indices of presets that contain all words of the search field.
    pub(super) fn fitting(&self, presets: &[Preset]) -> Vec<usize> {
        let typed = self.typed.value().to_lowercase();
        let parts: Vec<&str> = typed.split_whitespace().collect();
        let fits = |preset: &Preset| {
            let Preset {
                category,
                protocol,
                description,
                fields,
            } = preset;
            let text = format!("{category} {protocol} {description} {}", fields.keys);
            let text = text.to_lowercase();
            parts.iter().all(|word| text.contains(word))
        };
        let places = presets
            .iter()
            .enumerate()
            .filter(|(_, preset)| fits(preset));
        places.map(|(place, _)| place).collect()
    }

    pub(super) fn press(&mut self, key: KeyEvent, presets: &[Preset]) -> Picked {
        let fitting = self.fitting(presets);
        let last = fitting.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return Picked::Left,
            KeyCode::Enter => {
                return match fitting.get(self.chosen) {
                    Some(place) => Picked::This(*place),
                    None => Picked::Still,
                };
            }
            KeyCode::Down => self.chosen = (self.chosen + 1).min(last),
            KeyCode::Up => self.chosen = self.chosen.saturating_sub(1),
            KeyCode::PageDown => self.chosen = (self.chosen + 10).min(last),
            KeyCode::PageUp => self.chosen = self.chosen.saturating_sub(10),
            KeyCode::Backspace => {
                self.typed.handle(InputRequest::DeletePrevChar);
                self.chosen = 0;
            }
            KeyCode::Char(character) if self.typed.value().len() < 100 => {
                self.typed.handle(InputRequest::InsertChar(character));
                self.chosen = 0;
            }
            _ => {}
        }
        Picked::Still
    }
}
