//! What the command lines of the programs have in common: where output goes and whether it has
//! colour, progress of long runs, shell completions and man pages.
//!
//! ```
//! use clap::Parser;
//!
//! #[derive(Parser)]
//! struct Cli {
//!     #[command(flatten)]
//!     output: command::Output,
//!     #[command(flatten)]
//!     documents: command::Documents,
//! }
//!
//! let cli = Cli::parse_from(["program", "--color", "never"]);
//! assert!(!cli.output.is_colored());
//! assert!(!cli.documents.is_requested());
//! ```

mod documents;
mod output;
mod progress;

pub use documents::Documents;
pub use output::{Output, create, is_closed, write};
pub use progress::Progress;
