//! The files of a directory, in the order of their names.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files of a directory that remain to be read.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    files: VecDeque<PathBuf>,
    /// The total size of the files in bytes.
    pub(super) size: u64,
    /// The file that is being read.
    pub(super) current: PathBuf,
    /// The total size of the files before it.
    pub(super) bytes_before: u64,
    /// Files that were captures or could not be read.
    pub(super) captures: u64,
    /// Subdirectories, which are not read.
    pub(super) directories: u64,
}

impl Directory {
    /// Lists regular files, links to them, and broken links.
    pub(super) fn list(path: &Path) -> io::Result<Self> {
        let (mut files, mut size, mut directories) = (Vec::new(), 0_u64, 0);
        for entry in fs::read_dir(path)? {
            let file = entry?.path();
            match fs::metadata(&file) {
                Ok(metadata) if metadata.is_dir() => directories += 1,
                Ok(metadata) if metadata.is_file() => {
                    size = size.saturating_add(metadata.len());
                    files.push(file);
                }
                // Opening a FIFO or a device may block.
                Ok(_) => {}
                // Reported as an error when the file is opened.
                Err(_) => files.push(file),
            }
        }
        files.sort_unstable_by(|one, other| natural(name(one), name(other)));
        Ok(Self {
            path: path.to_owned(),
            files: files.into(),
            size,
            current: PathBuf::new(),
            bytes_before: 0,
            captures: 0,
            directories,
        })
    }

    /// Goes to the next file.
    pub(super) fn advance(&mut self) -> Option<&Path> {
        self.current = self.files.pop_front()?;
        Some(&self.current)
    }

    /// The name of the current file, with control characters replaced.
    pub(super) fn current_name(&self) -> String {
        let name = self.current.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        name.replace(char::is_control, "\u{fffd}")
    }
}

fn name(path: &Path) -> &[u8] {
    path.file_name().map_or(&[], OsStr::as_encoded_bytes)
}

/// Compares names, with numbers by value: `x.pcap2` is before `x.pcap10`.
fn natural(one: &[u8], other: &[u8]) -> Ordering {
    let (mut left, mut right) = (one, other);
    while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number, left_behind) = digits(left);
            let (other_number, right_behind) = digits(right);
            let order = number.len().cmp(&other_number.len());
            let order = order.then_with(|| number.cmp(other_number));
            if order.is_ne() {
                return order;
            }
            (left, right) = (left_behind, right_behind);
        } else if a == b {
            (left, right) = (left_rest, right_rest);
        } else {
            return a.cmp(b);
        }
    }
    left.len().cmp(&right.len()).then_with(|| one.cmp(other))
}

/// Splits off the digits at the start, without leading zeros.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (mut number, rest) = text.split_at(end.unwrap_or(text.len()));
    while let [b'0', shorter @ ..] = number {
        number = shorter;
    }
    (number, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_number_values() {
        let sorted = [
            "a",
            "a.pcap",
            "a.pcap1",
            "a.pcap02",
            "a.pcap2",
            "a.pcap10",
            "a.pcap10b",
            "b",
        ];
        let mut names = sorted;
        names.reverse();
        names.sort_unstable_by(|one, other| natural(one.as_bytes(), other.as_bytes()));
        assert_eq!(names, sorted);
    }
}
