//! Copies: a store without its past.
//!
//! An engine may leave old versions of what was changed or deleted on its disk. A copy has what is
//! stored now, and never had anything else.

use super::{
    copied_entries::copied,
    format::{self, FormatError, Layout},
};
use crate::{
    engine::{
        BatchId, CommitError, Durability, Engine, EngineError, Key, Order, Place, Scan, Value,
        Write,
    },
    layout::key,
    limits,
};

/// What a copy holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Copied {
    /// How many entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Why a store was not copied as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The source cannot be read.
    #[error("what is to be copied cannot be read")]
    Source(#[source] EngineError),
    /// The copy cannot be written.
    #[error("the copy cannot be written")]
    Target(#[source] EngineError),
    /// The layout of the source is unknown.
    #[error("what is to be copied cannot be used")]
    Format(#[source] FormatError),
    /// The target holds data already.
    #[error("there is data already where the copy is to be")]
    NotEmpty,
}

/// Copies the store that lies in `from` into `to`, which has to be empty. Nothing may write to
/// either meanwhile. The copy is on disk when this returns. A copy that was cut off is no store,
/// and is not opened as one. A layout that would be migrated is copied as it is.
pub async fn copy(from: &dyn Engine, to: &dyn Engine) -> Result<Copied, CopyError> {
    match format::layout(from).await.map_err(CopyError::Format)? {
        Layout::Empty => return Err(CopyError::Format(FormatError::NotAStore)),
        Layout::Current | Layout::WithoutChanges | Layout::Migrating(_) => {}
    }
    let format = from.read(vec![key::FORMAT.to_vec()]).await.map_err(CopyError::Source)?;
    if !page(to, None, 1).await.map_err(CopyError::Target)?.is_empty() {
        return Err(CopyError::NotEmpty);
    }
    let mut copying = Copying { to, copied: Copied::default(), next: 0 };
    // All but the format key, which makes it a store and so comes last.
    let mut after = Some(key::FORMAT.to_vec());
    loop {
        let entries = page(from, after, limits::COPY_PAGE).await.map_err(CopyError::Source)?;
        let Some((last, _)) = entries.last() else { break };
        after = Some(last.clone());
        let entries = copied(from, entries).await.map_err(CopyError::Source)?;
        copying.write(entries).await.map_err(CopyError::Target)?;
    }
    to.sync().await.map_err(CopyError::Target)?;
    let format = format.into_iter().flatten().map(|value| (key::FORMAT.to_vec(), value));
    copying.write(format.collect()).await.map_err(CopyError::Target)?;
    to.sync().await.map_err(CopyError::Target)?;
    Ok(copying.copied)
}

async fn page(
    engine: &dyn Engine,
    after: Option<Key>,
    limit: usize,
) -> Result<Vec<(Key, Value)>, EngineError> {
    engine.scan(Scan { prefix: Vec::new(), after, order: Order::Ascending, limit }).await
}

struct Copying<'a> {
    to: &'a dyn Engine,
    copied: Copied,
    /// The number of the next batch.
    next: u64,
}

impl Copying<'_> {
    /// Commits these entries, in their order: those of one place that follow one another together.
    async fn write(&mut self, entries: Vec<(Key, Value)>) -> Result<(), EngineError> {
        let places = self.to.places();
        let mut batch: Option<(Place, Vec<Write>)> = None;
        for (key, value) in entries {
            self.copied.entries += 1;
            self.copied.bytes += (key.len() + value.len()) as u64;
            let place = Place::of_key(&key, places);
            let write = Write { key, value: Some(value) };
            match &mut batch {
                Some((same, writes)) if *same == place => writes.push(write),
                _ => {
                    let full = batch.replace((place, vec![write]));
                    self.commit(full).await?;
                }
            }
        }
        self.commit(batch).await
    }

    async fn commit(&mut self, batch: Option<(Place, Vec<Write>)>) -> Result<(), EngineError> {
        let Some((place, writes)) = batch else { return Ok(()) };
        let id = BatchId { writer: 0, number: self.next };
        self.next += 1;
        let session = self.to.begin(place).await?;
        session.commit(id, writes, Durability::Relaxed).await.map_err(|error| match error {
            CommitError::Failed(error) | CommitError::InDoubt(error) => error,
        })
    }
}
