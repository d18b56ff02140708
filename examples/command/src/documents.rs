use std::io;

use clap::{Args, Command};
use clap_complete::Shell;

/// Options that print a document about the program instead of running it.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Documents")]
pub struct Documents {
    /// Print a completion script: source <(PROGRAM --completions bash).
    #[arg(long, value_name = "SHELL", exclusive = true)]
    completions: Option<Shell>,

    /// Print the man page: PROGRAM --man | man -l -.
    #[arg(long, exclusive = true)]
    man: bool,
}

impl Documents {
    /// Whether one of the options is given.
    pub fn is_requested(self) -> bool {
        self.completions.is_some() || self.man
    }

    /// Prints the requested document to standard output; a closed pipe is not an error.
    ///
    /// # Errors
    ///
    /// If standard output cannot be written.
    pub fn print(self, mut command: Command) -> io::Result<()> {
        let mut document = Vec::new();
        let name = command.get_name().to_owned();
        if let Some(shell) = self.completions {
            clap_complete::generate(shell, &mut command, name, &mut document);
        }
        if self.man {
            clap_mangen::Man::new(command).render(&mut document)?;
        }
        crate::write(&document)
    }
}
