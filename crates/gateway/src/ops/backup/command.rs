//! `gateway backup`: writes a whole backup, or adds to one what was committed since.

use std::path::{Path, PathBuf};

use profile_store::{
    Audit, BackupSource, BackupTarget, CopyError, GrowingBackup,
    engine::{EngineError, JournalArchive, JournalPosition, Write},
};

use super::{
    ArchiveError, BackupContent,
    client::{self, FrameReader},
    existing_archive,
    frame::Frame,
    options,
    store_source::{SourceError, StoreSource, pages_of_gateway},
};
use crate::ops::{
    admin_client::AdminListener,
    archive_directory,
    command_progress::CommandProgress,
    copy_directory::{CopyDirectory, TargetError},
    data_directory::{self, DataDirectoryError},
    verify,
};

/// Where a backup comes from.
#[derive(Debug)]
pub enum BackupFrom {
    /// A store, which is being served or not.
    Store(StoreSource),
    /// The archive of the journal of its store. It can only add to a backup.
    Archive(PathBuf),
}

/// A backup that was written.
#[derive(Debug)]
pub struct WrittenBackup {
    /// What it got.
    pub content: BackupContent,
    /// How far it goes in the journal of its store.
    pub position: JournalPosition,
    /// What is in it, and whether all of it is sound.
    pub audit: Audit,
}

/// Why a backup was not written. A whole backup that was cut off is not opened as a store; a backup
/// that was being added to has all batches up to one of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no store in the directory, or it cannot be read.
    #[error(transparent)]
    Source(#[from] DataDirectoryError),
    /// The directory of the backup, or of the archive, cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The backup cannot be read or written.
    #[error("cannot write the backup")]
    Engine(#[from] EngineError),
    /// The entries cannot be read or written.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The archive cannot be read, or not add to the backup.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The gateway sent no backup.
    #[error(transparent)]
    Received(#[from] SourceError),
    /// The store was written by an early version, and its journal cannot be followed.
    #[error("start the gateway once, so that the journal gets its present form")]
    NoPosition,
    /// Only a new backup is made from a data directory.
    #[error(
        "{path} has a backup, to which the journal can be added: name its archive by --archive, or \
         the gateway by --admin-url, or name a new directory"
    )]
    HasBackup {
        /// The directory of the backup.
        path: String,
    },
    /// An archive alone is no backup.
    #[error("{path} has no backup yet, and an archive can only be added to one")]
    NothingToAddTo {
        /// The directory of the backup.
        path: String,
    },
    /// The directory has a store that is no backup, or was served since.
    #[error("{path} has a store that is no backup, or was served since: name a new directory")]
    NoBackup {
        /// The directory of the backup.
        path: String,
    },
}

/// Writes a backup into a directory: a whole one if it is empty or missing, or what was committed
/// since if it has one. Then verifies all of it.
pub async fn back_up(from: &BackupFrom, into: &Path) -> Result<WrittenBackup, BackupError> {
    let path = || into.display().to_string();
    let has_backup = data_directory::has_store(into)?;
    let (content, position) = match from {
        BackupFrom::Store(StoreSource::DataDirectory(_)) if has_backup => {
            return Err(BackupError::HasBackup { path: path() });
        }
        BackupFrom::Archive(_) if !has_backup => {
            return Err(BackupError::NothingToAddTo { path: path() });
        }
        BackupFrom::Store(StoreSource::DataDirectory(directory)) => {
            copy_directory(directory, into).await?
        }
        BackupFrom::Store(StoreSource::Gateway(listener)) if has_backup => {
            let added = |position| Ok(Added::Sent(request(listener, Some(position))?));
            add(into, added).await?
        }
        BackupFrom::Store(StoreSource::Gateway(listener)) => {
            receive(request(listener, None)?, into).await?
        }
        BackupFrom::Archive(archive) => {
            let added = |position| Ok(Added::Archived(existing_archive(archive, position)?));
            add(into, added).await?
        }
    };
    let audit = verify::verify(into).await?;
    Ok(WrittenBackup { content, position, audit })
}

/// Copies a store that is not being served.
async fn copy_directory(
    directory: &Path,
    into: &Path,
) -> Result<(BackupContent, JournalPosition), BackupError> {
    let from = data_directory::open_read_only(directory)?;
    let position = from.position().ok_or(BackupError::NoPosition)?;
    let target = CopyDirectory::create(into, options())?;
    let copied = copy_entries(&from, &target, position).await?;
    target.finish()?;
    Ok((copied, position))
}

/// Copies all entries of a store that does not change meanwhile.
pub(super) async fn copy_entries(
    from: &dyn profile_store::Engine,
    target: &CopyDirectory,
    position: JournalPosition,
) -> Result<BackupContent, CopyError> {
    let mut source = BackupSource::new(from).await?;
    let mut backup = BackupTarget::begin(&target.engine).await?;
    let progress = CommandProgress::start("entries copied");
    while let Some(entries) = source.next_entries().await? {
        progress.add(entries.len() as u64);
        backup.write(entries).await?;
    }
    Ok(BackupContent::Whole(backup.finish(source.layout().to_vec(), position).await?))
}

fn request(
    listener: &AdminListener,
    after: Option<JournalPosition>,
) -> Result<FrameReader, SourceError> {
    Ok(client::request(listener, after)?)
}

/// Writes a whole backup as a gateway sends it.
async fn receive(
    frames: FrameReader,
    into: &Path,
) -> Result<(BackupContent, JournalPosition), BackupError> {
    let target = CopyDirectory::create(into, options())?;
    let mut backup = BackupTarget::begin(&target.engine).await?;
    let write = async |entries| backup.write(entries).await.map_err(BackupError::from);
    let progress = CommandProgress::start("entries received");
    let (layout, position) = pages_of_gateway(frames, &progress, write).await?;
    let copied = backup.finish(layout, position).await?;
    target.finish()?;
    Ok((BackupContent::Whole(copied), position))
}

/// Batches of the journal, each with the position after it.
type Batches = Box<dyn Iterator<Item = Result<(JournalPosition, Vec<Write>), BackupError>>>;

/// Where the batches come from that are added to a backup.
enum Added {
    Archived(JournalArchive),
    Sent(FrameReader),
}

impl Added {
    /// The batches after a position.
    fn batches(self, after: JournalPosition) -> Batches {
        match self {
            Added::Archived(archive) => {
                let unreadable = |error| ArchiveError::Unreadable(error).into();
                Box::new(archive.batches_after(after).map(move |batch| batch.map_err(unreadable)))
            }
            Added::Sent(mut frames) => Box::new(std::iter::from_fn(move || match frames.next() {
                Ok(Frame::Batch(position, batch)) => Some(Ok((position, batch))),
                Ok(Frame::EndOfBatches) => None,
                Ok(Frame::Entries(_) | Frame::EndOfCopy(..) | Frame::EndOfCompany(_)) => {
                    Some(Err(SourceError::OtherKind.into()))
                }
                Err(error) => Some(Err(SourceError::from(error).into())),
            })),
        }
    }
}

/// Adds batches to the backup in a directory.
async fn add(
    into: &Path,
    source: impl FnOnce(JournalPosition) -> Result<Added, BackupError>,
) -> Result<(BackupContent, JournalPosition), BackupError> {
    let no_backup = || BackupError::NoBackup { path: into.display().to_string() };
    // A backup has no archive of its own. A store that was served may have one, which would lack
    // files of the journal that are used again once the store is open.
    if archive_directory::is_noted(into).map_err(EngineError::Io)? {
        return Err(no_backup());
    }
    let target = CopyDirectory::open(into, options())?;
    let mut growing = GrowingBackup::open(&target.engine).await?.ok_or_else(no_backup)?;
    let progress = CommandProgress::start("batches added");
    for batch in source(growing.position())?.batches(growing.position()) {
        let (position, batch) = batch?;
        growing.add(position, batch).await?;
        progress.add(1);
    }
    growing.sync().await?;
    let (batches, position) = (growing.added(), growing.position());
    target.finish()?;
    Ok((BackupContent::Added { batches }, position))
}
