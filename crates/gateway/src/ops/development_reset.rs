//! Deletes the data of development mode.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use super::data_directory::KEY_FILE;

/// Why the data were not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResetError {
    /// The directory is not one of development mode.
    #[error(
        "{path} has data and no {KEY_FILE}, so it is not of development mode; nothing \
         was deleted"
    )]
    NotOfDevelopment {
        /// The directory.
        path: String,
    },
    /// Another process uses the data.
    #[error("another process is using this data directory; nothing was deleted")]
    InUse,
    /// A file cannot be removed.
    #[error("the data cannot be deleted")]
    Io(#[from] io::Error),
}

/// The files of a store, which are all that is deleted. The table is the first, so that a store of
/// which a part is left is not taken for one that lost its journal.
const FILES: [&str; 6] = ["table.redb", "table.new", "db", "conf", "blobs", "journal"];

/// Deletes the stored data in a directory. The keys of development mode stay.
pub(crate) fn reset(directory: &Path) -> Result<(), ResetError> {
    let names = FILES.into_iter().map(|name| directory.join(name));
    let present: Vec<_> = names.filter(|path| path.exists()).collect();
    if present.is_empty() {
        return Ok(());
    }
    if !directory.join(KEY_FILE).is_file() {
        return Err(ResetError::NotOfDevelopment { path: directory.display().to_string() });
    }
    // A process that has a store open holds a lock on the file of its table.
    let locks = present.iter().filter(|path| path.is_file()).map(|path| locked(path));
    let locks = locks.collect::<Result<Vec<File>, ResetError>>()?;
    for path in present {
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    drop(locks);
    Ok(())
}

fn locked(path: &Path) -> Result<File, ResetError> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ResetError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
