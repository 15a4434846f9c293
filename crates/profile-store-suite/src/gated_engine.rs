//! An engine whose reads and syncs can be held up, so that requests gather into one batch, and that
//! counts what it does.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

use profile_store::{
    Durability, Engine,
    engine::{BatchId, BoxFuture, CommitError, EngineError, Key, Place, Scan, Session, Write},
};

use crate::wrapped_engine::{EngineHooks, PageFuture, ReadFuture, ScanFuture, WrappedEngine};

/// Another engine behind two gates: one for reads, one for syncs.
pub type GatedEngine = WrappedEngine<Gates>;

/// The gates, and counts of what has passed them.
#[derive(Clone, Default)]
pub struct Gates(Arc<GateState>);

#[derive(Default)]
struct GateState {
    reads: Mutex<()>,
    syncs: Mutex<()>,
    commits: AtomicUsize,
    synced: AtomicUsize,
    entries_read: AtomicUsize,
}

impl GatedEngine {
    /// The same engine, behind open gates.
    pub fn new(inner: Arc<dyn Engine>) -> GatedEngine {
        GatedEngine { inner, hooks: Gates::default() }
    }

    /// Holds up every read until the guard is dropped.
    pub fn hold_reads(&self) -> MutexGuard<'_, ()> {
        self.hooks.0.reads.lock().unwrap()
    }

    /// Holds up every sync until the guard is dropped.
    pub fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.hooks.0.syncs.lock().unwrap()
    }

    /// How many batches were committed.
    pub fn commits(&self) -> usize {
        self.hooks.0.commits.load(Ordering::SeqCst)
    }

    /// How often it was synced.
    pub fn syncs(&self) -> usize {
        self.hooks.0.synced.load(Ordering::SeqCst)
    }

    /// How many keys and entries were read outside of sessions.
    pub fn entries_read(&self) -> usize {
        self.hooks.0.entries_read.load(Ordering::SeqCst)
    }

    /// Changes what is stored without the store.
    pub async fn apply(&self, writes: Vec<Write>) -> Result<(), CommitError> {
        let key = writes.first().map(|write| write.key.clone()).unwrap_or_default();
        let place = Place::of_key(&key, self.inner.places());
        let session = self.inner.begin(place).await.map_err(CommitError::Failed)?;
        let batch = BatchId { writer: 0, number: 0 };
        session.commit(batch, writes, Durability::Flushed).await
    }

    async fn sync_gated(&self) -> Result<(), EngineError> {
        drop(self.hold_syncs());
        self.hooks.0.synced.fetch_add(1, Ordering::SeqCst);
        self.inner.sync().await
    }

    fn count_read(&self, entries: usize) {
        self.hooks.0.entries_read.fetch_add(entries, Ordering::SeqCst);
    }
}

impl EngineHooks for Gates {
    fn read(engine: &GatedEngine, keys: Vec<Key>) -> ReadFuture<'_> {
        Box::pin(async move {
            drop(engine.hold_reads());
            engine.count_read(keys.len());
            engine.inner.read(keys).await
        })
    }

    fn scan(engine: &GatedEngine, scan: Scan) -> ScanFuture<'_> {
        Box::pin(async move {
            let entries = engine.inner.scan(scan).await?;
            engine.count_read(entries.len());
            Ok(entries)
        })
    }

    fn scan_page(engine: &GatedEngine, scan: Scan, bytes: usize) -> PageFuture<'_> {
        Box::pin(async move {
            let page = engine.inner.scan_page(scan, bytes).await?;
            engine.count_read(page.entries.len());
            Ok(page)
        })
    }

    fn sync(engine: &GatedEngine) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(engine.sync_gated())
    }

    fn session_read<'s>(
        engine: &'s GatedEngine,
        session: &'s mut dyn Session,
        keys: Vec<Key>,
    ) -> ReadFuture<'s> {
        Box::pin(async move {
            drop(engine.hold_reads());
            session.read(keys).await
        })
    }

    fn commit(
        engine: GatedEngine,
        session: Box<dyn Session>,
        batch: BatchId,
        writes: Vec<Write>,
        durability: Durability,
    ) -> BoxFuture<'static, Result<(), CommitError>> {
        Box::pin(async move {
            engine.hooks.0.commits.fetch_add(1, Ordering::SeqCst);
            session.commit(batch, writes, Durability::Relaxed).await?;
            match durability {
                Durability::Flushed => engine.sync_gated().await.map_err(|error| {
                    // What was committed is visible, so only an engine that stopped may say so.
                    let doubt = engine.is_writable();
                    if doubt { CommitError::InDoubt(error) } else { CommitError::Failed(error) }
                }),
                Durability::Relaxed => Ok(()),
            }
        })
    }
}
