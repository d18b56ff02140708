use arbitrary::Unstructured;

use crate::mutate::dangerous;

/// A word that determines the structure of the following bytes.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Its offset in bytes.
    pub at: usize,
    /// Its meaning.
    pub kind: MarkKind,
    /// The structure and field that contain it.
    pub of: String,
}

/// The meaning of a marked word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// The number of elements.
    Count,
    /// The number of bytes.
    Length,
    /// The type of the following value, and so its length.
    Type,
    /// The format of the following structure.
    Format,
}

/// Damage of a datagram at one of its marks.
pub(super) struct Damage {
    kind: u8,
    place: u16,
    number: u8,
}

impl Damage {
    pub(super) fn choose(choices: &mut Unstructured<'_>) -> Self {
        Self {
            kind: choices.arbitrary().unwrap_or_default(),
            place: choices.arbitrary().unwrap_or_default(),
            number: choices.arbitrary().unwrap_or_default(),
        }
    }

    pub(super) fn apply(&self, bytes: &mut Vec<u8>, marks: &[Mark]) {
        let Some(mark) = marks.get(usize::from(self.place) % marks.len().max(1)) else {
            return;
        };
        let (place, number) = (mark.at, usize::from(self.number));
        if place + 4 > bytes.len() {
            return;
        }
        match self.kind % 5 {
            0 | 1 => {
                let numbers: Vec<_> = dangerous(bytes, place).collect();
                let number = numbers[number % numbers.len()];
                bytes[place..place + 4].copy_from_slice(&number.to_be_bytes());
            }
            2 => bytes.truncate(place + number % 12),
            3 => {
                let inserted = vec![self.number; 1 + number % 9];
                bytes.splice(place..place, inserted);
            }
            _ => {
                let end = (place + 1 + number % 9).min(bytes.len());
                bytes.drain(place..end);
            }
        }
    }
}
