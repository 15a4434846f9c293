//! The directory in which everything is stored while it is measured.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use tempfile::TempDir;

use crate::{
    clock, limits,
    trouble::{Trouble, While},
};

/// The file that has sled's log, and that it locks.
pub(crate) const DATABASE: &str = "db";

/// A directory of this run alone, removed when it goes.
pub(crate) struct Scratch {
    directory: TempDir,
}

impl Scratch {
    /// Makes one below `parent`, or where the system keeps temporary files.
    pub(crate) fn new(parent: Option<&Path>) -> Result<Scratch, Trouble> {
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
        Ok(Scratch { directory: made.while_doing(advice)? })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A place in it that nothing lies at. What lay there is removed.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, Trouble> {
        let path = self.path().join(name);
        remove(&path)?;
        Ok(path)
    }

    /// Fails if there is less room than that.
    pub(crate) fn require(&self, bytes: u64) -> Result<(), Trouble> {
        let (_, free) = self.medium()?;
        if free < bytes {
            return Err(Trouble::new(format!(
                "{} has {} MB left and up to {} MB may be needed: choose another disk with --dir, \
                 or fewer profiles with --profiles",
                self.path().display(),
                free / 1_000_000,
                bytes / 1_000_000,
            )));
        }
        Ok(())
    }

    /// Which kind of file system it lies on, and how many bytes are free.
    pub(crate) fn medium(&self) -> Result<(String, u64), Trouble> {
        let mut df = Command::new("df");
        let df = df.args(["--block-size=1", "--output=fstype,avail"]).arg(self.path());
        let output = df.output().while_doing("run df to see how much room there is")?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse_df(&text)
            .ok_or_else(|| Trouble::new(format!("df says what is not understood: {text}")))
    }
}

fn parse_df(text: &str) -> Option<(String, u64)> {
    let mut words = text.lines().nth(1)?.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// Removes a directory, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), Trouble> {
    if path.exists() {
        fs::remove_dir_all(path).while_doing(format_args!("remove {}", path.display()))?;
    }
    Ok(())
}

/// Waits until nobody has the database in this directory open. sled lets go of it a
/// moment after it was closed, when the last of its threads has.
pub(crate) fn await_unlocked(data: &Path) -> Result<(), Trouble> {
    // Where there is none yet, nobody has it open.
    let Ok(file) = File::open(data.join(DATABASE)) else { return Ok(()) };
    let began = clock::now();
    while file.try_lock().is_err() {
        if limits::PATIENCE < began.elapsed() {
            return Err(Trouble::new(format!("{} is never let go of", data.display())));
        }
        thread::sleep(limits::POLL);
    }
    Ok(())
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, into: &Path) -> Result<(), Trouble> {
    let failed = || format!("copy {} into {}", from.display(), into.display());
    fs::create_dir_all(into).while_doing(failed())?;
    for entry in fs::read_dir(from).while_doing(failed())? {
        let entry = entry.while_doing(failed())?;
        let (path, copied) = (entry.path(), into.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &copied)?;
        } else {
            fs::copy(&path, &copied).while_doing(failed())?;
        }
    }
    Ok(())
}

/// Bytes that all files of a directory take up on the disk.
pub(crate) fn bytes(path: &Path) -> Result<u64, Trouble> {
    use std::os::unix::fs::MetadataExt;

    /// The unit in which the system tells it, whatever the file system's own.
    const BLOCK: u64 = 512;
    let failed = || format!("see how large {} is", path.display());
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
    fn what_df_says_is_understood() {
        let said = "Type        Avail\next4 74088185856\n";
        assert_eq!(parse_df(said), Some(("ext4".to_owned(), 74_088_185_856)));
        assert_eq!(parse_df("Type Avail\n"), None);
    }
}
