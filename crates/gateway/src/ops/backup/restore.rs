//! `gateway restore`: a store from a backup, and from the archive of the journal up to a time.

use std::path::Path;

use profile_store::{
    Audit, CopyError, Engine, GrowingBackup, Timestamp, backup_position, batch_time,
    engine::{EngineError, JournalArchive, JournalPosition},
    forget_backup_position, newest_outcome_time,
};

use super::{
    ArchiveError, command::copy_entries, existing_archive, options, restore_end::RestoreEnd,
};
use crate::{
    api::rfc3339,
    ops::{
        command_progress::CommandProgress,
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
    /// The archive cannot be read, or not add to the backup.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The backup has outcomes after the time.
    #[error(
        "the backup has outcomes until {newest}, and nothing of it can be left out: restore to \
         that time or a later one, or use an earlier backup"
    )]
    LaterThanTime {
        /// The time of the newest one, as RFC 3339 writes it.
        newest: String,
    },
    /// The backup has batches after the position.
    #[error(
        "the backup goes up to {position}, and nothing of it can be left out: restore to that \
         position or a later one, or use an earlier backup"
    )]
    LaterThanPosition {
        /// How far the backup goes.
        position: JournalPosition,
    },
    /// The archive does not have the position.
    #[error("the archive ends at {position}, before the position to restore to")]
    EndsEarlier {
        /// Where it ends.
        position: JournalPosition,
    },
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
/// backup, up to this end.
pub async fn restore(
    backup: &Path,
    into: &Path,
    archive: Option<&Path>,
    end: RestoreEnd,
) -> Result<RestoredStore, RestoreError> {
    let from = data_directory::open_read_only(backup)?;
    let no_backup = || RestoreError::NoBackup { path: backup.display().to_string() };
    let position = backup_position(&from).await?.ok_or_else(no_backup)?;
    require_earlier(&from, position, end).await?;
    let archive = archive.map(|archive| existing_archive(archive, position)).transpose()?;
    let target = CopyDirectory::create(into, options())?;
    copy_entries(&from, &target, position).await?;
    let mut growing = GrowingBackup::open(&target.engine).await?.ok_or_else(no_backup)?;
    let newest = match &archive {
        Some(archive) => add(archive, &mut growing, end).await?,
        None => None,
    };
    growing.sync().await?;
    let (batches, position) = (growing.added(), growing.position());
    forget_backup_position(&target.engine, WRITER).await?;
    target.finish()?;
    let audit = verify::verify(into).await?;
    Ok(RestoredStore { batches, position, newest: newest.map(rfc3339), audit })
}

/// Fails if the backup has something that comes after the end.
async fn require_earlier(
    backup: &dyn Engine,
    position: JournalPosition,
    end: RestoreEnd,
) -> Result<(), RestoreError> {
    let newest = newest_outcome_time(backup).await?;
    match (end, newest) {
        (RestoreEnd::Time(_), Some(newest)) if end.excludes(position, Some(newest)) => {
            Err(RestoreError::LaterThanTime { newest: rfc3339(newest) })
        }
        (RestoreEnd::Position(_), _) if end.excludes(position, None) => {
            Err(RestoreError::LaterThanPosition { position })
        }
        (RestoreEnd::Everything | RestoreEnd::Time(_) | RestoreEnd::Position(_), _) => Ok(()),
    }
}

/// Adds the batches of an archive, up to this end. Returns the greatest time of an outcome among
/// them.
async fn add(
    archive: &JournalArchive,
    growing: &mut GrowingBackup<'_>,
    end: RestoreEnd,
) -> Result<Option<Timestamp>, RestoreError> {
    let mut newest = None;
    let mut batches = archive.batches_after(growing.position());
    let progress = CommandProgress::start("batches added");
    for batch in &mut batches {
        let (position, batch) = batch.map_err(ArchiveError::Unreadable)?;
        let time = batch_time(&batch);
        if end.excludes(position, time) {
            return Ok(newest);
        }
        growing.add(position, batch).await?;
        progress.add(1);
        newest = newest.max(time);
    }
    let position = batches.position();
    match end {
        RestoreEnd::Position(number) if number.in_journal_of(position).is_beyond(&position) => {
            Err(RestoreError::EndsEarlier { position })
        }
        RestoreEnd::Everything | RestoreEnd::Time(_) | RestoreEnd::Position(_) => Ok(newest),
    }
}
