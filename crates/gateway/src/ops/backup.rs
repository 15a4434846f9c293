//! Backups of a store: written by `gateway backup`, from a gateway that serves or from a directory,
//! and read by `gateway restore`.
//!
//! - `frame` has the bytes in which a gateway sends a backup.
//! - `endpoint` sends it, and `client` receives it.
//! - `command` writes a backup, and `restore` a store from one.

mod client;
pub mod command;
pub(crate) mod endpoint;
mod frame;
pub mod restore;

use std::{
    fs::{self, File},
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use profile_store::{
    Copied,
    engine::{EmbeddedEngine, EmbeddedOptions, EngineError, JournalArchive, TableKind},
};

use super::data_directory;
use crate::limits;

/// What a gateway needs to send backups of its store.
#[derive(Debug)]
pub(crate) struct BackupOrigin {
    pub(crate) engine: std::sync::Arc<EmbeddedEngine>,
    /// Where the archive of the journal is, if there is one.
    pub(crate) archive: Option<PathBuf>,
    /// Held while a backup is sent.
    pub(crate) permit: std::sync::Arc<tokio::sync::Semaphore>,
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

/// Why a directory of a backup or of a restored store cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The directory cannot be created or read.
    #[error("cannot use the directory {path}")]
    Directory {
        /// The directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The directory is not empty.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The directory.
        path: String,
    },
    /// The store in it cannot be opened or written.
    #[error("cannot write to {path}")]
    Engine {
        /// The directory.
        path: String,
        /// The cause.
        source: EngineError,
    },
}

/// An open directory that is being written, and that has no other writer.
struct Target {
    engine: EmbeddedEngine,
    directory: PathBuf,
}

impl Target {
    /// Creates a store in a directory that is empty or missing.
    fn create(directory: &Path) -> Result<Target, TargetError> {
        let failed =
            |source| TargetError::Directory { path: directory.display().to_string(), source };
        data_directory::create_private(directory).map_err(failed)?;
        if fs::read_dir(directory).map_err(failed)?.next().is_some() {
            return Err(TargetError::NotEmpty { path: directory.display().to_string() });
        }
        Target::open(directory)
    }

    /// Opens the store in a directory.
    fn open(directory: &Path) -> Result<Target, TargetError> {
        let options = EmbeddedOptions {
            table: TableKind::Redb,
            cache_bytes: limits::COMPACTION_CACHE_BYTES,
            // The batches of every place of another store are batches of this one.
            places: NonZeroU32::MIN,
            ..EmbeddedOptions::default()
        };
        let failed = |source| TargetError::Engine { path: directory.display().to_string(), source };
        let engine = EmbeddedEngine::open(directory, options).map_err(failed)?;
        Ok(Target { engine, directory: directory.to_owned() })
    }

    /// Closes the store. Returns once its files and their names survive a crash.
    fn close(self) -> Result<(), TargetError> {
        let path = self.directory.display().to_string();
        match self.engine.close() {
            Err(source) => return Err(TargetError::Engine { path, source }),
            Ok(()) => drop(self.engine),
        }
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|source| TargetError::Directory { path, source })
    }
}

/// The archive of the journal of every store, in a directory that has to exist.
fn existing_archive(directory: &Path) -> Result<JournalArchive, TargetError> {
    match fs::metadata(directory) {
        Ok(found) if found.is_dir() => Ok(JournalArchive::new(directory.to_owned())),
        Ok(_) => Err(io::Error::from(io::ErrorKind::NotADirectory)),
        Err(error) => Err(error),
    }
    .map_err(|source| TargetError::Directory { path: directory.display().to_string(), source })
}
