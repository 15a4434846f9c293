//! Directories that get a copy of a store: a compacted one, a backup, or a restored one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use profile_store::engine::{EmbeddedEngine, EmbeddedOptions, EngineError};

use super::data_directory::{self, UNFINISHED_COPY};

/// Why a directory cannot get a copy.
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
pub(crate) struct CopyDirectory {
    pub(crate) engine: EmbeddedEngine,
    directory: PathBuf,
}

impl CopyDirectory {
    /// Creates a store in a directory that is empty or missing. Until it is
    /// [finished](CopyDirectory::finish), no command takes it for one.
    pub(crate) fn create(
        directory: &Path,
        options: EmbeddedOptions,
    ) -> Result<CopyDirectory, TargetError> {
        let path = || directory.display().to_string();
        let failed = |source| TargetError::Directory { path: path(), source };
        data_directory::create_private(directory).map_err(failed)?;
        if fs::read_dir(directory).map_err(failed)?.next().is_some() {
            return Err(TargetError::NotEmpty { path: path() });
        }
        File::create(directory.join(UNFINISHED_COPY)).map_err(failed)?;
        sync(directory)?;
        CopyDirectory::open(directory, options)
    }

    /// Opens a store to which something is added.
    pub(crate) fn open(
        directory: &Path,
        options: EmbeddedOptions,
    ) -> Result<CopyDirectory, TargetError> {
        let failed = |source| TargetError::Engine { path: directory.display().to_string(), source };
        let engine = EmbeddedEngine::open(directory, options).map_err(failed)?;
        Ok(CopyDirectory { engine, directory: directory.to_owned() })
    }

    /// Closes the store, which is whole. Returns once its files and their names survive a crash.
    pub(crate) fn finish(self) -> Result<(), TargetError> {
        let path = || self.directory.display().to_string();
        self.engine.close().map_err(|source| TargetError::Engine { path: path(), source })?;
        drop(self.engine);
        sync(&self.directory)?;
        match fs::remove_file(self.directory.join(UNFINISHED_COPY)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(TargetError::Directory { path: self.directory.display().to_string(), source })
            }
            _ => sync(&self.directory),
        }
    }
}

fn sync(directory: &Path) -> Result<(), TargetError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced
        .map_err(|source| TargetError::Directory { path: directory.display().to_string(), source })
}
