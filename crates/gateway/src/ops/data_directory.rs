//! The data directory: created for its owner alone, and opened when a store is in it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
};

use profile_store::engine::{
    EmbeddedEngine, EmbeddedOptions, EngineError, ReadOnlyEngine, TableKind,
};

use super::disk_reserve::DiskReserve;

/// Why a store that should exist could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirectoryError {
    /// The directory holds no store.
    #[error("there is no store in {path}")]
    NoStore {
        /// The directory.
        path: String,
    },
    /// The store cannot be opened or read.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Creates the directory with access for its owner only, unless it exists.
pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // The new directory entry must survive a crash, as the files in the directory do.
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// A store of a data directory that no gateway serves, and the reserve of the directory.
#[derive(Debug)]
pub(crate) struct OpenedStore {
    pub(crate) engine: EmbeddedEngine,
    /// Held, so that no other process changes it meanwhile.
    _reserve: DiskReserve,
}

/// Opens the store in `directory`. Fails if the directory holds no store; never creates one.
pub(crate) fn open_existing(
    directory: &Path,
    options: EmbeddedOptions,
) -> Result<OpenedStore, DataDirectoryError> {
    require_store(directory)?;
    let reserve = DiskReserve::open(directory).map_err(EngineError::Io)?;
    let engine = EmbeddedEngine::open(directory, options)?;
    Ok(OpenedStore { engine, _reserve: reserve })
}

/// Opens the store in `directory` for reading, and changes nothing in it.
pub(crate) fn open_read_only(directory: &Path) -> Result<ReadOnlyEngine, DataDirectoryError> {
    require_store(directory)?;
    let EmbeddedOptions { cache_bytes, .. } = EmbeddedOptions::default();
    Ok(EmbeddedEngine::open_read_only(directory, cache_bytes)?)
}

/// The kind of the table in `directory`, if there is one.
pub(crate) fn table_in(directory: &Path) -> Result<Option<TableKind>, EngineError> {
    EmbeddedEngine::table_in(directory)
}

fn require_store(directory: &Path) -> Result<(), DataDirectoryError> {
    if EmbeddedEngine::is_in(directory)? {
        Ok(())
    } else {
        Err(DataDirectoryError::NoStore { path: directory.display().to_string() })
    }
}
