//! `gateway restore`: a store from a backup, and from the archive of the journal up to a time.

use std::path::Path;

use profile_protocol::NamedTime;
use profile_store::{
    Audit, CopyError, GrowingBackup, Timestamp, backup_position, batch_time,
    engine::{EngineError, JournalPosition},
    forget_backup_position,
};

use super::{command::copy_entries, existing_archive, options};
use crate::{
    api::rfc3339,
    ops::{
        copy_directory::{CopyDirectory, TargetError},
        data_directory::{self, DataDirectoryError},
        verify,
    },
};

/// The batch writer of a restored store, which has no other yet.
const WRITER: u64 = 1;

/// A store that was restored.
#[derive(Debug)]
pub struct RestoredStore {
    /// How many batches of the archive were added to the backup.
    pub batches: u64,
    /// How far it goes in the journal of the store that the backup was made of.
    pub position: JournalPosition,
    /// The greatest time of an outcome among the batches that were added, as RFC 3339 writes it.
    pub newest: Option<String>,
    /// What is in it, and whether all of it is sound.
    pub audit: Audit,
}

/// Why no store was restored. The backup and the archive are unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There is no backup in the directory, or it cannot be read.
    #[error(transparent)]
    Source(#[from] DataDirectoryError),
    /// The new directory, or that of the archive, cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The store cannot be written.
    #[error("cannot write the store")]
    Engine(#[from] EngineError),
    /// The entries cannot be read or written.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The archive cannot be read.
    #[error("cannot read the archive")]
    Archive(#[source] EngineError),
    /// The directory has a store that is no backup, or was served since.
    #[error(
        "{path} has a store that is no backup, or was served since: to copy such a store, use \
         `gateway compact`"
    )]
    NoBackup {
        /// The directory.
        path: String,
    },
}

/// Restores the backup in a directory into a new one. With an archive, adds the batches after the
/// backup: all of them, or those before the first that has a later outcome than `until`.
pub async fn restore(
    backup: &Path,
    into: &Path,
    archive: Option<&Path>,
    until: Option<NamedTime>,
) -> Result<RestoredStore, RestoreError> {
    let from = data_directory::open_read_only(backup)?;
    let no_backup = || RestoreError::NoBackup { path: backup.display().to_string() };
    let position = backup_position(&from).await?.ok_or_else(no_backup)?;
    let archive = archive.map(existing_archive).transpose()?;
    let target = CopyDirectory::create(into, options())?;
    copy_entries(&from, &target, position).await?;
    let mut growing = GrowingBackup::open(&target.engine).await?.ok_or_else(no_backup)?;
    let (mut newest, until) =
        (None, until.map(|until| Timestamp::from_millis(until.unix_millis())));
    for batch in archive.iter().flat_map(|archive| archive.batches_after(position)) {
        let (position, batch) = batch.map_err(RestoreError::Archive)?;
        let time = batch_time(&batch);
        if until.is_some_and(|until| time.is_some_and(|time| until < time)) {
            break;
        }
        growing.add(position, batch).await?;
        newest = newest.max(time);
    }
    growing.sync().await?;
    let (batches, position) = (growing.added(), growing.position());
    forget_backup_position(&target.engine, WRITER).await?;
    target.finish()?;
    let audit = verify::verify(into).await?;
    Ok(RestoredStore { batches, position, newest: newest.map(rfc3339), audit })
}
