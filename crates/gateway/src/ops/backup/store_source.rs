//! The entries of a store, for commands that read all of it: from a data directory, or from a
//! gateway that serves.

use std::path::PathBuf;

use profile_store::{
    BackupSource, CopyError,
    engine::{JournalPosition, Key, Value, Write},
};

use super::{
    client,
    frame::{Frame, InvalidFrame},
};
use crate::ops::{
    admin_client::{AdminListener, RequestError},
    command_progress::CommandProgress,
    data_directory::{self, DataDirectoryError},
};

/// A store that a command reads.
#[derive(Debug)]
pub enum StoreSource {
    /// A data directory that is not being served, or a backup.
    DataDirectory(PathBuf),
    /// The admin listener of a gateway that serves. It sends its store as it is at one moment.
    Gateway(AdminListener),
}

/// Why a store was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no store in the directory, or it cannot be opened.
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] CopyError),
    /// The gateway sent nothing.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What the gateway sent are no entries of a store.
    #[error(transparent)]
    Frame(#[from] InvalidFrame),
    /// The gateway sent something else than was asked for.
    #[error("the gateway sent another kind of backup than it was asked for")]
    OtherKind,
}

impl StoreSource {
    /// Passes all entries on, page by page in the order of their keys. Returns the layout of the
    /// store.
    pub(crate) async fn each_page<E: From<SourceError>>(
        &self,
        progress: &CommandProgress,
        take: impl AsyncFnMut(Vec<(Key, Value)>) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        match self {
            StoreSource::DataDirectory(directory) => {
                let engine = data_directory::open_read_only(directory);
                let engine = engine.map_err(SourceError::from)?;
                let source = BackupSource::new(&engine).await.map_err(SourceError::from)?;
                pages_of_directory(source, progress, take).await
            }
            StoreSource::Gateway(listener) => {
                let frames = client::request(listener, None).map_err(SourceError::from)?;
                pages_of_gateway(frames, progress, take).await.map(|(layout, _)| layout)
            }
        }
    }
}

async fn pages_of_directory<E: From<SourceError>>(
    mut source: BackupSource<'_>,
    progress: &CommandProgress,
    mut take: impl AsyncFnMut(Vec<(Key, Value)>) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    while let Some(entries) = source.next_entries().await.map_err(SourceError::from)? {
        progress.add(entries.len() as u64);
        take(entries).await?;
    }
    Ok(source.layout().to_vec())
}

/// The same of a gateway. Returns the layout of the store, and how far in its journal it goes.
pub(super) async fn pages_of_gateway<E: From<SourceError>>(
    mut frames: client::FrameReader,
    progress: &CommandProgress,
    mut take: impl AsyncFnMut(Vec<(Key, Value)>) -> Result<(), E>,
) -> Result<(Vec<u8>, JournalPosition), E> {
    loop {
        match frames.next().map_err(SourceError::from)? {
            Frame::Entries(writes) => {
                progress.add(writes.len() as u64);
                let entry = |Write { key, value }| Some((key, value?));
                take(writes.into_iter().filter_map(entry).collect()).await?;
            }
            Frame::EndOfCopy(position, layout) => return Ok((layout, position)),
            Frame::Batch(..) | Frame::EndOfBatches | Frame::EndOfCompany(_) => {
                return Err(SourceError::OtherKind.into());
            }
        }
    }
}
