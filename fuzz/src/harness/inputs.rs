use std::fs;
use std::io;
use std::path::Path;

use super::is_valid;
use crate::mutate::{blown_up, cuts, shortened};

/// A datagram and its name in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name of its file, or how it was made.
    pub name: String,
    /// The UDP payload.
    pub bytes: Vec<u8>,
}

/// The datagrams in `testdata/corpus/datagram`, valid and malformed, by name.
///
/// # Errors
///
/// If a file cannot be read.
pub fn corpus() -> io::Result<Vec<Input>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/corpus/datagram");
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        inputs.push(Input {
            name: name.to_string_lossy().into_owned(),
            bytes: fs::read(&path)?,
        });
    }
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(inputs)
}

/// Damages every valid datagram at every position: truncated at every byte, with every record
/// truncated at every byte, and with every word replaced by numbers that have broken decoders.
pub fn damage(inputs: &[Input]) -> impl Iterator<Item = Input> {
    let valid = inputs.iter().filter(|input| is_valid(&input.bytes));
    valid.flat_map(|Input { name, bytes }| {
        let cuts = cuts(bytes).map(move |cut| Input {
            name: format!("{name}, truncated to {} bytes", cut.len()),
            bytes: cut.to_vec(),
        });
        let numbered = move |how: &'static str| {
            move |(number, bytes)| Input {
                name: format!("{name}, {how} {number}"),
                bytes,
            }
        };
        let records = shortened(bytes).enumerate();
        let words = blown_up(bytes).enumerate();
        cuts.chain(records.map(numbered("truncated record")))
            .chain(words.map(numbered("replaced word")))
    })
}
