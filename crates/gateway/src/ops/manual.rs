//! What the command line says about itself, for shells and for `man`.

use std::{fs, io, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::settings::CommandLine;

/// The name of the program.
const PROGRAM: &str = "gateway";

/// The script that completes commands and flags in a shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), PROGRAM, &mut script);
    script
}

/// Writes a manual page for the program, and one for each of its commands.
pub fn write_pages(directory: &Path) -> Result<(), ManualError> {
    let written = fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(CommandLine::command(), directory));
    let path = directory.display().to_string();
    written.map_err(|source| ManualError { path, source })
}

/// The manual pages cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write manual pages into {path}")]
pub struct ManualError {
    path: String,
    source: io::Error,
}
