//! Backups of a store: written by `gateway backup`, from a gateway that serves or from a directory,
//! and read by `gateway restore`.
//!
//! - `frame` has the bytes in which a gateway sends a backup.
//! - `endpoint` sends it, and `client` receives it.
//! - `command` writes a backup, and `restore` a store from one, up to its `restore_end`.
//! - `store_source` passes all entries on to other commands.

mod client;
pub mod command;
pub(crate) mod endpoint;
pub(crate) mod frame;
pub mod restore;
pub mod restore_end;
pub mod store_source;

use std::{
    fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use profile_store::{
    Copied,
    engine::{
        EmbeddedEngine, EmbeddedOptions, EngineError, JournalArchive, JournalPosition, TableKind,
    },
};
use tokio::sync::Semaphore;

use super::copy_directory::TargetError;
use crate::limits;

/// What a gateway needs to send backups of its store.
#[derive(Debug)]
pub(crate) struct BackupOrigin {
    pub(crate) engine: Arc<EmbeddedEngine>,
    /// Where the archive of the journal is, if there is one.
    pub(crate) archive: Option<PathBuf>,
    /// Held while a backup is sent.
    pub(crate) permit: Arc<Semaphore>,
}

/// What a backup got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BackupContent {
    /// A whole copy.
    Whole(Copied),
    /// The batches of the journal that it did not have.
    Added {
        /// How many.
        batches: u64,
    },
}

/// How a backup, or a restored store, is opened while it is written.
fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        table: TableKind::Redb,
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        // The batches of every place of another store are batches of this one.
        places: NonZeroU32::MIN,
        ..EmbeddedOptions::default()
    }
}

/// Why an archive cannot add to a backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The directory is not there.
    #[error(transparent)]
    Directory(#[from] TargetError),
    /// It has nothing of the store, ends before the backup, or cannot be read.
    #[error("cannot read the archive")]
    Unreadable(#[source] EngineError),
}

/// The archive of the journal in a directory. It has to exist, and to have files of the store of
/// this position up to there, at least.
fn existing_archive(
    directory: &Path,
    position: JournalPosition,
) -> Result<JournalArchive, ArchiveError> {
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        Err(error) => Err(error),
    }
    .map_err(|source| TargetError::Directory { path: directory.display().to_string(), source })?;
    let archive = JournalArchive::new(directory.to_owned());
    archive.require_reaches(position).map_err(ArchiveError::Unreadable)?;
    Ok(archive)
}
