use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ColorChoice};

/// Where output goes, and whether it has colour.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Output {
    /// Write to FILE instead of standard output; an existing file is an error without --force.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Overwrite existing files.
    #[arg(long)]
    force: bool,

    /// Colour of text. With `auto` only on a terminal, unless NO_COLOR is set.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

impl Output {
    /// Opens the output. Do it before a long run, so that an error does not come at its end.
    ///
    /// # Errors
    ///
    /// If the file exists and is not to be overwritten, or cannot be created.
    pub fn open(&self) -> anyhow::Result<Box<dyn Write>> {
        Ok(match &self.output {
            Some(path) => Box::new(self.create(path)?),
            None => Box::new(io::stdout()),
        })
    }

    /// Creates another file, with the same rule for existing ones.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn create(&self, path: &Path) -> anyhow::Result<File> {
        create(path, self.force)
    }

    /// Whether output goes to a terminal.
    pub fn is_terminal(&self) -> bool {
        self.output.is_none() && io::stdout().is_terminal()
    }

    /// Whether output goes to a file.
    pub fn is_file(&self) -> bool {
        self.output.is_some()
    }

    /// Whether text has colour.
    pub fn is_colored(&self) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                self.is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// Creates a file; an existing one is overwritten only if `is_forced`. A device or pipe, such as
/// `/dev/null`, is opened.
///
/// # Errors
///
/// If the file exists and is not to be overwritten, or cannot be created.
pub fn create(path: &Path, is_forced: bool) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    let is_special = path
        .metadata()
        .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    match is_forced || is_special {
        true => options.create(true).truncate(!is_special),
        false => options.create_new(true),
    };
    options.open(path).with_context(|| match path.exists() {
        true if !is_forced => format!("{} exists; --force overwrites it", path.display()),
        _ => format!("cannot create {}", path.display()),
    })
}

/// Writes text to standard output; a closed pipe is not an error.
///
/// # Errors
///
/// If standard output cannot be written.
pub fn write(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if !is_closed(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether the reader of the output has closed it, as `head` does.
pub fn is_closed(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_file_is_overwritten_only_by_force() {
        let path = std::env::temp_dir().join(format!("command-output-{}", std::process::id()));
        create(&path, false).unwrap().write_all(b"first").unwrap();
        let error = create(&path, false).unwrap_err().to_string();
        assert!(error.ends_with("exists; --force overwrites it"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        create(&path, true).unwrap().write_all(b"2").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        std::fs::remove_file(&path).unwrap();
        create(Path::new("/dev/null"), false).unwrap();
        let error = create(Path::new("/missing/file"), false).unwrap_err();
        assert_eq!(error.to_string(), "cannot create /missing/file");
    }
}
