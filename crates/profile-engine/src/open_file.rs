//! Opens files within a directory that is held open, wherever it was moved meanwhile.

use std::{fs::File, io};

use rustix::fs::{Mode, OFlags, openat};

/// Opens the file of this name in `directory`. A file that this creates is its owner's alone.
pub(crate) fn open_file(directory: &File, name: &str, flags: OFlags) -> io::Result<File> {
    let owner_only = Mode::from_raw_mode(0o600);
    Ok(File::from(openat(directory, name, flags | OFlags::CLOEXEC, owner_only)?))
}
