//! `factord completions` and `factord man`: what a package installs along with the binary.

use super::{Failure, man, print};
use clap::Command;
use clap_complete::Shell;
use std::fs;
use std::path::PathBuf;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  factord completions bash > /etc/bash_completion.d/factord
  factord completions zsh > ~/.zfunc/_factord
  source <(factord completions bash)";

const MAN_EXAMPLES: &str = "\
Example:
  factord man /usr/local/share/man/man1 && man factord-predict";

/// The flags of `factord completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// The flags of `factord man`.
#[derive(Debug, clap::Args)]
#[command(after_help = MAN_EXAMPLES)]
pub struct ManArgs {
    /// The directory; it is created if it does not exist
    dir: PathBuf,
}

/// Prints a completion script for the command line.
///
/// # Errors
///
/// [`Failure`] when stdout cannot be written to.
pub fn run(args: &CompletionsArgs, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "factord", &mut script);
    print(String::from_utf8_lossy(&script))
}

/// Writes one manual page for the command line and one for each sub-command.
///
/// # Errors
///
/// [`Failure`] when the directory or a page cannot be created.
pub fn run_man(args: &ManArgs, command: Command) -> Result<(), Failure> {
    fs::create_dir_all(&args.dir).map_err(|error| Failure::creating(&args.dir, &error))?;
    man::write_all(command, &args.dir).map_err(|error| Failure::creating(&args.dir, &error))
}
