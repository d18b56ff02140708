//! Reads files whose names come from a configuration: regular files of bounded size.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
///
/// If the file cannot be read, is larger, or is not a regular file: a FIFO would block, and a
/// device has no end. The error does not contain the file's content.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Checked before opening, because opening a device can have side effects.
    check(&std::fs::metadata(path)?)?;
    let file = open(path)?;
    // Checked again: the name may refer to another file by now.
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        let problem = format!("larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
    }
    Ok(bytes)
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
///
/// See [`read`]; also if the content is not UTF-8.
pub fn read_to_string(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| {
        let problem = "not UTF-8 text";
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })
}

fn check(facts: &Metadata) -> io::Result<()> {
    match facts.is_file() {
        true => Ok(()),
        false => {
            let problem = "not a regular file";
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
        }
    }
}

/// Opens a file, without waiting for a writer if it is a FIFO.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY;
        options.custom_flags(flags.bits());
    }
    options.open(path)
}
