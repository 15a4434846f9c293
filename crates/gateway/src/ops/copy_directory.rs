//! Directories that get a copy of a store: a compacted one, a backup, or a restored one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use profile_store::engine::{EmbeddedEngine, EmbeddedOptions, EngineError};

use super::data_directory::{self, UNFINISHED_COPY, UnfinishedCopy};

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
    /// Another command is writing a copy into it.
    #[error(
        "another copy of a store is being written to {path}: wait until that has ended, or name \
         another directory"
    )]
    BeingWritten {
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
    /// The marker of a new copy, which is locked until the copy is finished or given up.
    _marker: Option<File>,
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
            return Err(match data_directory::unfinished_copy(directory).map_err(failed)? {
                Some(UnfinishedCopy::BeingWritten) => TargetError::BeingWritten { path: path() },
                Some(UnfinishedCopy::CutOff) | None => TargetError::NotEmpty { path: path() },
            });
        }
        let marker = match File::create_new(directory.join(UNFINISHED_COPY)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(TargetError::BeingWritten { path: path() });
            }
            created => created.map_err(failed)?,
        };
        // A file system without locks only makes others take the copy for one that was cut off. A
        // command that looks whether the marker is locked holds a lock for a moment.
        let _ = marker.lock();
        sync(directory)?;
        let opened = CopyDirectory::open(directory, options)?;
        Ok(CopyDirectory { _marker: Some(marker), ..opened })
    }

    /// Opens a store to which something is added.
    pub(crate) fn open(
        directory: &Path,
        options: EmbeddedOptions,
    ) -> Result<CopyDirectory, TargetError> {
        let failed = |source| TargetError::Engine { path: directory.display().to_string(), source };
        let engine = EmbeddedEngine::open(directory, options).map_err(failed)?;
        Ok(CopyDirectory { engine, directory: directory.to_owned(), _marker: None })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::data_directory::unfinished_copy;

    #[test]
    fn a_directory_says_whether_a_copy_is_being_written_to_it_was_cut_off_or_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("copy");
        let create = || CopyDirectory::create(&directory, EmbeddedOptions::default());
        let found = || unfinished_copy(&directory).unwrap();
        assert_eq!(found(), None);
        let writing = create().unwrap();
        assert_eq!(found(), Some(UnfinishedCopy::BeingWritten));
        assert!(matches!(create(), Err(TargetError::BeingWritten { .. })));
        drop(writing);
        assert_eq!(found(), Some(UnfinishedCopy::CutOff));
        assert!(matches!(create(), Err(TargetError::NotEmpty { .. })));
        fs::remove_dir_all(&directory).unwrap();
        create().unwrap().finish().unwrap();
        assert_eq!(found(), None);
    }
}
