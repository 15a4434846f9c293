//! The directory that holds all data while it is measured.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::TempDir;

use crate::{
    clock,
    error::{ErrorContext, HarnessError},
    limits,
};

/// The file of a table in redb.
const TABLE: &str = "table.redb";

/// The file with sled's log, which sled locks.
pub(crate) const DATABASE: &str = "db";

/// A directory of this run alone. Dropping it removes it.
pub(crate) struct ScratchDirectory {
    directory: TempDir,
}

impl ScratchDirectory {
    /// Creates one below `parent`, or in the system's directory for temporary files.
    pub(crate) fn new(parent: Option<&Path>) -> Result<ScratchDirectory, HarnessError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("gateway-harness-");
        let made = match parent {
            Some(parent) => {
                fs::create_dir_all(parent)
                    .while_doing(format_args!("create {}", parent.display()))?;
                builder.tempdir_in(parent)
            }
            None => builder.tempdir(),
        };
        let advice = "create a directory for the data (choose another one with --dir)";
        Ok(ScratchDirectory { directory: made.while_doing(advice)? })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path in it at which nothing exists. Removes what was there.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, HarnessError> {
        let path = self.path().join(name);
        remove(&path)?;
        Ok(path)
    }

    /// Fails if fewer bytes are free.
    pub(crate) fn require(&self, bytes: u64) -> Result<(), HarnessError> {
        let (_, free) = self.file_system()?;
        if free < bytes {
            return Err(HarnessError::new(format!(
                "{} has {} MB left and up to {} MB may be needed: choose another disk with --dir, \
                 or fewer profiles with --profiles",
                self.path().display(),
                free / 1_000_000,
                bytes / 1_000_000,
            )));
        }
        Ok(())
    }

    /// The type of its file system, and how many bytes are free there.
    pub(crate) fn file_system(&self) -> Result<(String, u64), HarnessError> {
        let mut df = Command::new("df");
        let df = df.args(["--block-size=1", "--output=fstype,avail"]).arg(self.path());
        let output = df.output().while_doing("run df to see how much space is free")?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse_df(&text).ok_or_else(|| {
            HarnessError::new(format!("df printed what the harness cannot read: {text}"))
        })
    }
}

fn parse_df(text: &str) -> Option<(String, u64)> {
    let mut words = text.lines().nth(1)?.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// Removes a directory, if it exists.
pub(crate) fn remove(path: &Path) -> Result<(), HarnessError> {
    if path.exists() {
        fs::remove_dir_all(path).while_doing(format_args!("remove {}", path.display()))?;
    }
    Ok(())
}

/// Waits until no process has the database in this directory open. sled unlocks it shortly after
/// it was closed, when the last of its threads ends.
pub(crate) fn await_unlocked(data: &Path) -> Result<(), HarnessError> {
    [TABLE, DATABASE].iter().try_for_each(|name| await_unlocked_file(data, name))
}

fn await_unlocked_file(data: &Path, name: &str) -> Result<(), HarnessError> {
    // A database that does not exist yet is not locked.
    let Ok(file) = File::open(data.join(name)) else { return Ok(()) };
    let began = clock::now();
    while file.try_lock().is_err() {
        if limits::PROCESS_TIMEOUT < began.elapsed() {
            return Err(HarnessError::new(format!("{} stays locked", data.display())));
        }
        thread::sleep(limits::POLL);
    }
    Ok(())
}

/// Copies a directory with everything in it. The copy is on disk when this returns, so that writing
/// it back does not slow what is measured next.
pub(crate) fn copy(from: &Path, into: &Path) -> Result<(), HarnessError> {
    let failed = || format!("copy {} into {}", from.display(), into.display());
    fs::create_dir_all(into).while_doing(failed())?;
    for entry in fs::read_dir(from).while_doing(failed())? {
        let entry = entry.while_doing(failed())?;
        let (path, copied) = (entry.path(), into.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::copy(&path, &copied).while_doing(failed())?;
            File::open(&copied).and_then(|file| file.sync_all()).while_doing(failed())?;
        }
    }
    Ok(())
}

/// Bytes that all files of a directory take up on disk.
pub(crate) fn bytes(path: &Path) -> Result<u64, HarnessError> {
    use std::os::unix::fs::MetadataExt;

    /// The unit of `st_blocks`, whatever the file system's own.
    const BLOCK: u64 = 512;
    let failed = || format!("measure the size of {}", path.display());
    let mut sum = 0;
    for entry in fs::read_dir(path).while_doing(failed())? {
        let entry = entry.while_doing(failed())?;
        let metadata = entry.metadata().while_doing(failed())?;
        sum += if metadata.is_dir() { bytes(&entry.path())? } else { metadata.blocks() * BLOCK };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_df_is_parsed() {
        let output = "Type        Avail\next4 74088185856\n";
        assert_eq!(parse_df(output), Some(("ext4".to_owned(), 74_088_185_856)));
        assert_eq!(parse_df("Type Avail\n"), None);
    }
}
