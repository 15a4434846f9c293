//! The asynchronous side of a journaled engine: sessions of places, and blocking threads for
//! whatever may wait for the disk.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc};

use tokio::sync::OwnedMutexGuard;

use super::{ArchiveEnd, EngineSnapshot, Journaled, merged_view::Lookup};
use crate::{
    BatchId, BoxFuture, CommitError, Durability, Engine, EngineError, EngineStatus, Key, Place,
    RangePage, Scan, Session, Value, Write, blocking::blocking, limits,
};

/// An engine of a table with a journal before it.
pub(crate) struct JournaledEngine {
    pub(super) journaled: Arc<Journaled>,
    /// The lock of each place. A session holds it.
    places: Vec<Arc<tokio::sync::Mutex<NewestBatches>>>,
    count: NonZeroU32,
}

/// The number of the newest batch of each writer.
type NewestBatches = HashMap<u64, u64>;

impl JournaledEngine {
    /// An engine with this many places, at most [`limits::MAX_PLACES`].
    pub(crate) fn new(journaled: Journaled, places: NonZeroU32) -> JournaledEngine {
        let most = NonZeroU32::new(limits::MAX_PLACES).unwrap_or(NonZeroU32::MIN);
        let count = places.min(most);
        let places = Place::all(count).map(|_| Arc::default()).collect();
        JournaledEngine { journaled: Arc::new(journaled), places, count }
    }

    /// See [`Core::snapshot`](super::Core::snapshot).
    pub(crate) fn snapshot(&self) -> BoxFuture<'_, Result<Option<EngineSnapshot>, EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, |journaled| journaled.core.snapshot()))
    }

    /// See [`Core::archive_all`](super::Core::archive_all).
    pub(crate) fn archive_all(&self) -> BoxFuture<'_, Result<ArchiveEnd, EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, |journaled| journaled.core.archive_all()))
    }

    /// See [`Journaled::close`].
    pub(crate) fn close(&self) -> Result<(), EngineError> {
        self.journaled.close()
    }
}

impl Engine for JournaledEngine {
    fn places(&self) -> NonZeroU32 {
        self.count
    }

    fn begin(&self, place: Place) -> BoxFuture<'_, Result<Box<dyn Session>, EngineError>> {
        Box::pin(async move {
            let number = usize::try_from(place.number()).unwrap_or(usize::MAX);
            let unknown = || EngineError::Damaged(format!("there is no place {}", place.number()));
            let lock = self.places.get(number).ok_or_else(unknown)?;
            let newest_batches = Arc::clone(lock).lock_owned().await;
            let journaled = Arc::clone(&self.journaled);
            Ok(Box::new(JournaledSession { newest_batches, journaled }) as Box<dyn Session>)
        })
    }

    fn read(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(read(&self.journaled, keys))
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, move |journaled| {
            journaled.core.view.scan(&scan)
        }))
    }

    fn scan_page(&self, scan: Scan, bytes: usize) -> BoxFuture<'_, Result<RangePage, EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, move |journaled| {
            journaled.core.view.scan_page(&scan, bytes)
        }))
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, |journaled| journaled.core.sync()))
    }

    fn bytes(&self) -> BoxFuture<'_, Result<u64, EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, |journaled| journaled.core.bytes()))
    }

    fn is_writable(&self) -> bool {
        self.journaled.core.is_writable()
    }

    fn status(&self) -> EngineStatus {
        self.journaled.core.status()
    }
}

/// Dropped in the order of its fields: the place is free before the engine may have to close.
struct JournaledSession {
    newest_batches: OwnedMutexGuard<NewestBatches>,
    journaled: Arc<Journaled>,
}

impl Session for JournaledSession {
    fn read(&mut self, keys: Vec<Key>) -> BoxFuture<'_, Result<Vec<Option<Value>>, EngineError>> {
        Box::pin(read(&self.journaled, keys))
    }

    fn scan(&mut self, scan: Scan) -> BoxFuture<'_, Result<Vec<(Key, Value)>, EngineError>> {
        Box::pin(on_blocking_thread(&self.journaled, move |journaled| {
            journaled.core.view.scan(&scan)
        }))
    }

    fn is_committed(&mut self, batch: BatchId) -> BoxFuture<'_, Result<bool, EngineError>> {
        let is_committed = self.newest_batches.get(&batch.writer) == Some(&batch.number);
        Box::pin(std::future::ready(Ok(is_committed)))
    }

    fn commit(
        self: Box<Self>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(async move {
            // The closure owns the session, so that it runs to its end, and the place stays locked
            // meanwhile, even if this future is dropped.
            let commit = blocking(move || {
                let JournaledSession { mut newest_batches, journaled } = *self;
                journaled.core.commit(writes, durability)?;
                newest_batches.insert(batch.writer, batch.number);
                Ok(())
            });
            commit.await.map_err(CommitError::Failed)
        })
    }
}

/// Reads keys. Completes at once if the memtables have all of them.
async fn read(
    journaled: &Arc<Journaled>,
    keys: Vec<Key>,
) -> Result<Vec<Option<Value>>, EngineError> {
    let found = journaled.core.view.lookup(&keys);
    if found.iter().any(|found| matches!(found, Lookup::InTable)) {
        let complete = move |journaled: &Journaled| journaled.core.view.complete(&keys, found);
        on_blocking_thread(journaled, complete).await
    } else {
        journaled.core.view.complete(&keys, found)
    }
}

/// Runs what may wait for the disk where it may block.
async fn on_blocking_thread<T: Send + 'static>(
    journaled: &Arc<Journaled>,
    operation: impl FnOnce(&Journaled) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let journaled = Arc::clone(journaled);
    blocking(move || operation(&journaled)).await
}

impl fmt::Debug for JournaledEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournaledEngine({} places)", self.count)
    }
}
