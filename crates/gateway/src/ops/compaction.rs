//! Compaction: copies a store into a new directory, without deleted data.

use std::path::Path;

use profile_store::{
    CopyError,
    engine::{EmbeddedOptions, Engine, EngineError, TableKind},
};

use crate::{
    limits,
    ops::{
        command_progress::CommandProgress,
        copy_directory::{CopyDirectory, TargetError},
        data_directory::{self, DataDirectoryError},
    },
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
/// whatever kind it is of in `directory`. The journal of the old store goes into `archive`. No
/// other process may serve that store meanwhile. The copy is on disk when this returns.
pub async fn compact(
    directory: &Path,
    archive: Option<&Path>,
    into: &Path,
    table: TableKind,
) -> Result<Compacted, CompactError> {
    let options = EmbeddedOptions {
        table,
        cache_bytes: limits::COMPACTION_CACHE_BYTES,
        ..EmbeddedOptions::default()
    };
    let from = data_directory::open_existing(directory, options, archive)?;
    let target = CopyDirectory::create(into, options)?;
    let progress = CommandProgress::start("entries copied");
    let step = |entries| progress.add(entries);
    let copied = profile_store::copy_in_steps(&from.engine, &target.engine, step).await?;
    let (before, after) = (from.engine.bytes().await?, target.engine.bytes().await?);
    target.finish()?;
    Ok(Compacted { entries: copied.entries, before, after })
}

/// Why a store was not compacted. The store itself is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// There is no store in the directory, or it cannot be opened.
    #[error(transparent)]
    Source(#[from] DataDirectoryError),
    /// The new directory cannot be used, or not be written to.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The size of a store cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The copy failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
}
