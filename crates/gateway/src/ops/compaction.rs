//! Compaction: copies a store into a new directory, without deleted data.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use profile_store::{
    CopyError,
    engine::{EmbeddedEngine, EmbeddedOptions, Engine, EngineError, TableKind},
};

use crate::{
    limits,
    ops::data_directory::{self, DataDirectoryError},
};

/// The result of a compaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compacted {
    /// The number of copied entries.
    pub entries: u64,
    /// The size of the store in bytes.
    pub before: u64,
    /// The size of the copy in bytes.
    pub after: u64,
}

/// Copies the store in `directory` into the new directory `into`, where its table is of this kind,
/// whatever kind it is of in `directory`. No other process may serve the
/// store meanwhile. The copy is on disk when this returns.
pub async fn compact(
    directory: &Path,
    into: &Path,
    table: TableKind,
) -> Result<Compacted, CompactError> {
    let options = EmbeddedOptions {
        table,
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    let from = data_directory::open_existing(directory, options)?;
    let failed = |source| CompactError::Directory { path: into.display().to_string(), source };
    data_directory::create_private(into).map_err(failed)?;
    if fs::read_dir(into).map_err(failed)?.next().is_some() {
        return Err(CompactError::NotEmpty { path: into.display().to_string() });
    }
    let to = EmbeddedEngine::open(into, options)?;
    let copied = profile_store::copy(&from.engine, &to).await?;
    let (before, after) = (from.engine.bytes().await?, to.bytes().await?);
    to.close()?;
    drop(to);
    // The new directory entries must survive a crash, too.
    File::open(into).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(Compacted { entries: copied.entries, before, after })
}

/// Why a store was not compacted. The store itself is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// There is no store in the directory, or it cannot be opened.
    #[error(transparent)]
    Source(#[from] DataDirectoryError),
    /// The new directory cannot be used.
    #[error("cannot use the directory {path}")]
    Directory {
        /// The directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// The new directory is not empty.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The directory.
        path: String,
    },
    /// The new store cannot be opened, or the size of a store cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The copy failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
}
