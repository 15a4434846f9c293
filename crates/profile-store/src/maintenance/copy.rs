//! Copies: a store without its past.
//!
//! An engine may leave old versions of what was changed or deleted on its disk. A copy has what is
//! stored now, and never had anything else.

use super::{
    commit::commit,
    copied_entries::copied,
    entry_pages::EntryPages,
    format::{self, FormatError, Layout},
};
use crate::{
    engine::{BatchId, Durability, Engine, EngineError, Key, Order, Place, Scan, Value, Write},
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
    copy_in_steps(from, to, |_| {}).await
}

/// As [`copy`], and tells after each step how many entries it has copied.
pub async fn copy_in_steps(
    from: &dyn Engine,
    to: &dyn Engine,
    mut step: impl FnMut(u64),
) -> Result<Copied, CopyError> {
    let mut pages = StorePages::of(from).await?;
    let mut target = CopyTarget::begin(to).await?;
    while let Some(entries) = pages.next().await? {
        let read = entries.len() as u64;
        target.write(copied(from, entries).await.map_err(CopyError::Source)?).await?;
        step(read);
    }
    target.finish(vec![(key::FORMAT.to_vec(), pages.format)]).await
}

/// The entries of a store, a page at a time: all but the key of the format, which makes it a store
/// and comes last, and the position of a backup, which precedes it.
pub(super) struct StorePages<'a> {
    entries: EntryPages<'a>,
    /// The value of the key of the format.
    pub(super) format: Value,
}

impl StorePages<'_> {
    pub(super) async fn of(from: &dyn Engine) -> Result<StorePages<'_>, CopyError> {
        match format::layout(from).await.map_err(CopyError::Format)? {
            Layout::Empty => return Err(CopyError::Format(FormatError::NotAStore)),
            Layout::Current | Layout::Valid(_) | Layout::Migrating(_) => {}
        }
        let format = from.read(vec![key::FORMAT.to_vec()]).await.map_err(CopyError::Source)?;
        let missing = || CopyError::Format(FormatError::NotAStore);
        let format = format.into_iter().flatten().next().ok_or_else(missing)?;
        let entries = EntryPages::after(from, key::FORMAT.to_vec(), limits::COPY_PAGE);
        Ok(StorePages { entries, format })
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<(Key, Value)>>, CopyError> {
        self.entries.next().await.map_err(CopyError::Source)
    }
}

/// An engine that gets the entries of a store.
pub(super) struct CopyTarget<'a> {
    to: &'a dyn Engine,
    copied: Copied,
    /// The number of the next batch.
    next: u64,
}

impl CopyTarget<'_> {
    /// Fails if the engine has data.
    pub(super) async fn begin(to: &dyn Engine) -> Result<CopyTarget<'_>, CopyError> {
        let first = Scan { prefix: Vec::new(), after: None, order: Order::Ascending, limit: 1 };
        if to.scan(first).await.map_err(CopyError::Target)?.is_empty() {
            Ok(CopyTarget { to, copied: Copied::default(), next: 0 })
        } else {
            Err(CopyError::NotEmpty)
        }
    }

    /// Writes these entries, in their order: those of one place that follow one another together.
    pub(super) async fn write(&mut self, entries: Vec<(Key, Value)>) -> Result<(), CopyError> {
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

    /// Makes a store of what was written, by these entries, once all others are on disk. Returns
    /// when the store is.
    pub(super) async fn finish(mut self, last: Vec<(Key, Value)>) -> Result<Copied, CopyError> {
        self.to.sync().await.map_err(CopyError::Target)?;
        self.write(last).await?;
        self.to.sync().await.map_err(CopyError::Target)?;
        Ok(self.copied)
    }

    async fn commit(&mut self, batch: Option<(Place, Vec<Write>)>) -> Result<(), CopyError> {
        let Some((place, writes)) = batch else { return Ok(()) };
        let id = BatchId { writer: 0, number: self.next };
        self.next += 1;
        let committed = commit(self.to, place, id, writes, Durability::Relaxed).await;
        committed.map_err(CopyError::Target)
    }
}
