//! Compaction: a store moved into a new directory, without what was deleted from
//! it.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use profile_store::{
    CopyError,
    engine::{Engine, EngineError, SledEngine, SledOptions},
};

use crate::{
    limits,
    server::{self, VerifyError},
};

/// What a compaction did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Compacted {
    /// Entries that were copied.
    pub entries: u64,
    /// Bytes that the store takes up.
    pub before: u64,
    /// Bytes that its copy takes up.
    pub after: u64,
}

/// Copies the store in `directory`, which must not be served meanwhile, into the
/// new directory `into`. The copy is on disk when this returns.
pub async fn compact(directory: &Path, into: &Path) -> Result<Compacted, CompactError> {
    let options =
        SledOptions { cache_bytes: limits::COMPACTION_CACHE_BYTES, ..SledOptions::default() };
    let from = server::open_existing(directory, options)?;
    let failed = |source| CompactError::Directory { path: into.display().to_string(), source };
    server::create_private(into).map_err(failed)?;
    if fs::read_dir(into).map_err(failed)?.next().is_some() {
        return Err(CompactError::NotEmpty { path: into.display().to_string() });
    }
    let to = SledEngine::open(into, options)?;
    let copied = profile_store::copy(&from, &to).await?;
    let (before, after) = (from.bytes().await?, to.bytes().await?);
    drop(to);
    // That there are these files at all has to last as well.
    File::open(into).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(Compacted { entries: copied.entries, before, after })
}

/// Why a store was not compacted. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// There is no store to compact, or it cannot be opened.
    #[error(transparent)]
    Source(#[from] VerifyError),
    /// The new directory cannot be used.
    #[error("cannot use the directory {path}")]
    Directory {
        /// The directory.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// There is something in the new directory.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The directory.
        path: String,
    },
    /// The new store cannot be opened, or one of the two not be measured.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The copy did not succeed.
    #[error(transparent)]
    Copy(#[from] CopyError),
}
